//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

var stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM}

// endBy ends the process with the status that sig gives it by default, so that the
// parent sees what happened. It returns a status for when that does not work: the kernel
// does not deliver such a signal to the first process of a container.
func endBy(sig os.Signal) int {
	signal.Reset(sig)
	number := sig.(syscall.Signal)
	if err := syscall.Kill(os.Getpid(), number); err == nil && os.Getpid() != 1 {
		<-time.After(time.Second) // delivery takes a moment
	}
	return 128 + int(number)
}
