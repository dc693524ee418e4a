package main

import (
	"testing"

	"insideetcd/final/interop/scenarios/judge"
)

// TestOurs: a client of etcd 3.5 sees of this project's server what it sees of etcd 3.4.
func TestOurs(t *testing.T) {
	t.Parallel()
	judge.Ours(t)
}

// TestReference: that is what it sees of etcd 3.4.
func TestReference(t *testing.T) {
	t.Parallel()
	judge.Reference(t)
}
