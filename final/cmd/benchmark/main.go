// Command benchmark loads an etcd server through its v3 API and says what that cost:
// operations per second, how long clients waited, and, where it can, how much CPU time
// the server spent on each operation.
//
//	benchmark put --endpoints 127.0.0.1:2379 --clients 64 --conns 8 --total 20000
//	benchmark compare put get --reference /usr/bin/etcd
//
// The life of one measurement: a scenario (scenario.go) says what one operation is; the
// load (load.go) has many clients do it at once over a few connections, after a warm-up
// that does not count; the accountant (cpu_linux.go) reads the servers' CPU time before
// and after; the report prints it. `compare` (compare.go) starts two servers on fresh
// data directories and measures them in turn, round by round.
//
// Of the numbers, CPU per operation is the one to steer by. On a busy machine throughput
// and latency tell as much about the neighbours as about the server. Clients send the
// next operation when the last is answered (a closed loop), so a slow server is asked
// less often: its latencies are those of few clients, not of a queue.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "benchmark",
		Short:         "Load an etcd server and say what that cost",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	for _, s := range scenarios {
		root.AddCommand(scenarioCommand(s))
	}
	root.AddCommand(compareCommand())
	return root
}
