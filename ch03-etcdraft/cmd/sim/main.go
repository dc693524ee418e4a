// Command sim runs both engines through the same storms of faults: Raft as the paper tells
// it, and the production library with every limit drawn. See package simcmd for its flags.
//
//	go run ./ch03-etcdraft/cmd/sim -engine raft -seeds 1000 -nodes 5
package main

import (
	"context"
	"os"
	"os/signal"

	"insideetcd/ch02-raft/paperengine"
	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/simcmd"
	"insideetcd/ch03-etcdraft/raftengine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	command := simcmd.Command{
		Path: "./ch03-etcdraft/cmd/sim",
		Engines: map[string]sim.Engine{
			"paper": paperengine.Engine{},
			"raft":  raftengine.Engine{Tune: raftengine.DrawLimits},
		},
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}
	status := command.Main(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
