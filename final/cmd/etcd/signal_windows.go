package main

import "os"

var stopSignals = []os.Signal{os.Interrupt}

// endBy returns the status that shells give to an interrupted process.
func endBy(os.Signal) int { return 128 + 2 }
