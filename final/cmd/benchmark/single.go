package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// scenarioCommand is `benchmark NAME`: one load on servers that run already.
func scenarioCommand(s scenario) *cobra.Command {
	var o options
	var endpoints []string
	var pids []int
	cmd := &cobra.Command{
		Use:   s.name,
		Short: "Load servers: " + s.does,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if len(endpoints) == 0 {
				return errors.New("--endpoints: want at least one")
			}
			stderr := cmd.ErrOrStderr()
			if len(pids) == 0 {
				var err error
				if pids, err = serverPIDs(cmd.Context(), endpoints); err != nil {
					fmt.Fprintf(stderr, "server CPU: n/a (%v)\n", err)
				}
			}
			conns, closeAll, err := dial(endpoints, o.conns)
			if err != nil {
				return err
			}
			defer closeAll()
			adapted := s.adapted(o)
			l := load{scenario: s, options: adapted, conns: conns, servers: pids, progress: func(what string, done int) {
				fmt.Fprintf(stderr, "%s: %d done\n", what, done)
			}}
			r, err := l.run(cmd.Context())
			if err != nil {
				return err
			}
			printSingle(cmd.OutOrStdout(), s.name, adapted, r)
			return nil
		},
	}
	o.register(cmd.Flags())
	cmd.Flags().StringSliceVar(&endpoints, "endpoints", []string{"127.0.0.1:2379"}, "servers, as host:port")
	cmd.Flags().IntSliceVar(&pids, "server-pid", nil,
		"count the CPU time of this process; may be repeated (default: those that listen on the endpoints, on Linux)")
	return cmd
}

func printSingle(w io.Writer, name string, o *options, r result) {
	fmt.Fprintf(w, "%s: %d operations of %d clients over %d connections in %.2f s\n",
		name, r.operations, o.clients, o.conns, r.elapsed.Seconds())
	fmt.Fprintf(w, "throughput   %.0f/s\n", r.perSecond())
	fmt.Fprintf(w, "latency      p50 %s  p90 %s  p99 %s ms\n", milliseconds(r.p50), milliseconds(r.p90), milliseconds(r.p99))
	fmt.Fprintf(w, "server CPU   %s µs an operation\n", microseconds(r.cpuPerOp()))
}
