// Command v36 plays uses of etcd through the official Go client of etcd 3.6: go run . -h
//
// It is a module of its own, so that users of this project do not inherit the client, and
// speaks with a server that is another process.
package main

import (
	"os"

	"insideetcd/final/interop/scenarios"
)

func main() { os.Exit(scenarios.Main(os.Args[1:], os.Stdout, os.Stderr)) }
