// Command etcd runs one server.
//
// It wires and decides nothing: flags and environment become an embed.Config (flags.go,
// env.go, unbuilt.go), log lines go where the flags say (log.go), package embed runs the
// server, and a signal ends it (signal_*.go). Without any flag it serves clients on
// 127.0.0.1:2379, peers on 127.0.0.1:2380, and keeps its data in ./default.etcd.
//
// A mistake of the operator is answered with one line on standard error and exit status 1;
// nothing was changed then. SIGINT and SIGTERM stop the server cleanly, and then end the
// process as they would have ended one that does not catch them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/pflag"

	"insideetcd/final/embed"
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(args, environ []string, stdout, stderr io.Writer) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, stopSignals...)

	o, err := parse(args, environ)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		printUsage(stdout)
		return 0
	case err != nil:
		return fail(stderr, fmt.Errorf("%w; see 'etcd --help'", err))
	case o.showVersion:
		printVersion(stdout)
		return 0
	}
	lg, err := newLogger(o, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	o.cfg.Logger = lg

	e, err := embed.StartEtcd(o.cfg)
	if err != nil {
		return fail(stderr, err)
	}
	for _, w := range o.warnings {
		lg.Warn(w)
	}
	select {
	case sig := <-signals:
		signal.Stop(signals) // a second signal ends the process at once
		lg.Info("received a signal, shutting down", "signal", sig.String())
		e.Close()
		lg.Info("stopped")
		return endBy(sig)
	case err := <-e.Err():
		e.Close()
		return fail(stderr, err)
	}
}

func fail(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "etcd:", err)
	return 1
}
