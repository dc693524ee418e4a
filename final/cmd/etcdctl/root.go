package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"insideetcd/ch01-intro/version"
)

// run is the whole program: the exit status.
func run(args, environ []string) int {
	if code, done := checkAPI(environ); done {
		return code
	}
	ctl := &ctl{environ: environ}
	root := ctl.rootCommand()
	root.SetArgs(args)
	return exitCode(root.Execute())
}

// checkAPI looks at ETCDCTL_API, which chooses between two programs in etcd; the older
// one is not here.
func checkAPI(environ []string) (code int, done bool) {
	switch api := lookup(environ, "ETCDCTL_API"); api {
	case "", "3":
		return 0, false
	case "2":
		fmt.Fprintln(os.Stderr, "unsupported API version 2: this etcdctl speaks version 3 only")
		return exitError, true
	default:
		fmt.Fprintln(os.Stderr, "unsupported API version", api)
		return exitError, true
	}
}

func lookup(environ []string, name string) string {
	for _, kv := range environ {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// ctl is one run of the program.
type ctl struct {
	globals globals
	environ []string
	display display
}

func (c *ctl) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "etcdctl",
		Short:             "A command line client of the v3 API of etcd.",
		PersistentPreRunE: c.prepare,
		SuggestFor:        []string{"etcdctl"},
	}
	c.globals.declare(root.PersistentFlags())
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = usage(cmd) })
	root.AddCommand(
		c.getCommand(), c.putCommand(), c.delCommand(), c.txnCommand(), c.compactionCommand(),
		c.watchCommand(), c.leaseCommand(),
		c.memberCommand(), c.endpointCommand(), c.alarmCommand(), c.defragCommand(), c.snapshotCommand(), c.checkCommand(),
		versionCommand(),
	)
	return root
}

// prepare runs before a command, when the flags have been parsed. From here on an error
// is told once, in our words, without the usage.
func (c *ctl) prepare(cmd *cobra.Command, _ []string) error {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := c.globals.fromEnvironment(cmd.Flags(), c.environ); err != nil {
		return err
	}
	if c.globals.debug {
		c.globals.print(cmd.Flags())
	}
	return nil
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Prints the version of etcdctl",
		Run: func(*cobra.Command, []string) {
			fmt.Println("etcdctl version:", version.Compatible)
			fmt.Println("API version:", apiVersion)
		},
	}
}

const apiVersion = "3.4"

// group makes a command that only holds others; alone it prints its usage.
func group(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use + " <subcommand>", Short: short}
	g.AddCommand(subcommands...)
	return g
}
