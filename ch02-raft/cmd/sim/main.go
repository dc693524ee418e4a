// Command sim runs Raft as the paper tells it through storms of faults, drawn from seeds,
// and watches the invariants. See package simcmd for its flags.
package main

import (
	"context"
	"os"
	"os/signal"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/simcmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	command := simcmd.Command{
		Path:    "./ch02-raft/cmd/sim",
		Engines: map[string]sim.Engine{"paper": paperengine.Engine{}},
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
	}
	status := command.Main(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
