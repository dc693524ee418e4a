//go:build reference

package main

// The reference is compiled in a module that is made when it is needed, from this module's
// go.mod and go.sum. This import is why they name it. Nobody sets the build tag: the library
// is never part of this program.
import _ "go.etcd.io/raft/v3"
