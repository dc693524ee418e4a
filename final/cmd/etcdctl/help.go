package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"insideetcd/ch01-intro/version"
)

// usage prints the help of a command on standard output, in the layout of etcdctl 3.4,
// also after an error, when cobra would choose standard error.
func usage(cmd *cobra.Command) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 1, '\t', 0)
	section := func(name string) { fmt.Fprintf(w, "\n%s:\n", name) }
	fmt.Fprintf(w, "NAME:\n\t%s - %s\n", name(cmd), cmd.Short)
	section("USAGE")
	fmt.Fprintf(w, "\t%s\n", cmd.UseLine())
	if !cmd.HasParent() {
		section("VERSION")
		fmt.Fprintf(w, "\t%s\n", version.Compatible)
	}
	if commands := listed(cmd); len(commands) > 0 {
		section("API VERSION")
		fmt.Fprintf(w, "\t%s\n\n", apiVersion)
		section("COMMANDS")
		for _, c := range commands {
			fmt.Fprintf(w, "\t%s\t%s\n", relativeName(cmd, c), c.Short)
		}
	}
	if cmd.Long != "" {
		section("DESCRIPTION")
		for line := range strings.SplitSeq(strings.TrimSpace(cmd.Long), "\n") {
			fmt.Fprintf(w, "\t%s\n", line)
		}
	}
	cmd.InitDefaultHelpFlag()
	if flags := cmd.LocalFlags(); flags.HasAvailableFlags() {
		section("OPTIONS")
		printFlags(w, flags)
	}
	if flags := cmd.InheritedFlags(); flags.HasAvailableFlags() {
		section("GLOBAL OPTIONS")
		printFlags(w, flags)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// name is the path of a command below etcdctl, or etcdctl.
func name(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return cmd.Name()
	}
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func relativeName(ancestor, cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), ancestor.CommandPath()+" ")
}

// listed returns the commands that do something below cmd, groups opened.
func listed(cmd *cobra.Command) (out []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.HasAvailableSubCommands() {
			out = append(out, listed(c)...)
		} else if c.IsAvailableCommand() || c.Name() == "help" {
			out = append(out, c)
		}
	}
	return out
}

func printFlags(w io.Writer, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		short := "    "
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		value := f.DefValue
		switch f.Value.Type() {
		case "bool":
			value = "[=" + value + "]"
		case "string":
			value = "=" + fmt.Sprintf("%q", value)
		default:
			value = "=" + value
		}
		fmt.Fprintf(w, "  %s--%s%s\t%s\n", short, f.Name, value, f.Usage)
	})
}
