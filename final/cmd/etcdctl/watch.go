package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"insideetcd/ch08-client/clientv3"
)

func (c *ctl) watchCommand() *cobra.Command {
	var interactive bool
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
		Short: "Watches events stream on keys or prefixes",
		Long: `The command after -- runs for each event, with ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE,
ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment. The key may also stand in
ETCDCTL_WATCH_KEY, the end of the range in ETCDCTL_WATCH_RANGE_END.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.chooseDisplay(); err != nil {
				return err
			}
			if interactive {
				return c.watchInteractively(os.Stdin)
			}
			w, err := newWatchRequest(f, args, cmd.ArgsLenAtDash(), c.environ)
			if err != nil {
				return fail(exitBadArgs, err)
			}
			return c.watch(w)
		},
	}
	f.declare(cmd.Flags())
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "read watch and progress commands from standard input")
	return cmd
}

type watchFlags struct {
	prefix, prevKV bool
	rev            int64
}

func (f *watchFlags) declare(fs *pflag.FlagSet) {
	fs.BoolVar(&f.prefix, "prefix", false, "all keys that begin with the key")
	fs.Int64Var(&f.rev, "rev", 0, "first revision to report (0: from now on)")
	fs.BoolVar(&f.prevKV, "prev-kv", false, "with what was there before")
}

// watchContext: a watch ends rather than waits when its member loses its leader.
func watchContext() context.Context { return clientv3.WithRequireLeader(context.Background()) }

func (w watchRequest) start(client *clientv3.Client) clientv3.WatchChan {
	opts := []clientv3.OpOption{clientv3.WithRev(w.flags.rev)}
	if w.rangeEnd != "" {
		opts = append(opts, clientv3.WithRange(w.rangeEnd))
	}
	if w.flags.prefix {
		opts = append(opts, clientv3.WithPrefix())
	}
	if w.flags.prevKV {
		opts = append(opts, clientv3.WithPrevKV())
	}
	return client.Watch(watchContext(), w.key, opts...)
}

// watch prints one watch until it ends, which it should not.
func (c *ctl) watch(w watchRequest) error {
	client, err := c.globals.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := c.printWatch(w.start(client), w.command); err != nil {
		return err
	}
	return failf(exitInterrupted, "watch is canceled by the server")
}

// watchInteractively opens a watch for each line and prints them all, until the input
// ends.
func (c *ctl) watchInteractively(in io.Reader) error {
	client, err := c.globals.client()
	if err != nil {
		return err
	}
	defer client.Close()
	failed := make(chan error)
	lines := make(chan error)
	go func() {
		reader := bufio.NewReader(in)
		for {
			line, err := reader.ReadString('\n')
			if err == nil {
				err = c.watchLine(client, line, failed)
			} else {
				err = failf(exitInvalidInput, "Error reading watch request line: %w", err)
			}
			if err != nil {
				lines <- err
				return
			}
		}
	}()
	select { // either ends the program, and with it the other
	case err = <-lines:
	case err = <-failed:
	}
	return err
}

// watchLine does what one line says. A line that makes no sense is told and passed over;
// only flags that cannot be parsed, or no key at all, end the program.
func (c *ctl) watchLine(client *clientv3.Client, line string, failed chan<- error) error {
	words := splitWords(line)
	if len(words) == 0 {
		warn("Invalid command: %s (watch and progress supported)\n", trimLine(line))
		return nil
	}
	switch words[0] {
	case "watch":
		if len(words) < 2 && lookup(c.environ, envWatchKey) == "" {
			warn("Invalid command %s (command type or key is not provided)\n", words[0])
			return nil
		}
		w, err := parseWatchLine(words, c.environ)
		if err != nil {
			return fail(exitBadArgs, err)
		}
		if w.invalid != nil {
			warn("Invalid command %s (%v)\n", trimLine(line), w.invalid)
			return nil
		}
		reports := w.start(client)
		go func() {
			if err := c.printWatch(reports, w.command); err != nil {
				failed <- err
			}
		}()
	case "progress":
		if err := client.RequestProgress(watchContext()); err != nil {
			return fail(exitError, err)
		}
	default:
		warn("Invalid command %s (only support watch)\n", words[0])
	}
	return nil
}

// printWatch prints reports and runs the command for each event, one after the other.
func (c *ctl) printWatch(reports clientv3.WatchChan, command []string) error {
	for r := range reports {
		if r.Canceled {
			warn("watch was canceled (%v)\n", r.Err())
		}
		if r.IsProgressNotify() {
			say("progress notify: %d\n", r.Header.GetRevision())
		}
		if err := c.display.Watch(&r); err != nil {
			return err
		}
		if len(command) == 0 {
			continue
		}
		for _, e := range r.Events {
			if err := c.runFor(e, r.Header.GetRevision(), command); err != nil {
				warn("command %q error (%v)\n", command, err)
				return told(exitError)
			}
		}
	}
	return nil
}

func (c *ctl) runFor(e *clientv3.Event, rev int64, command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(),
		fmt.Sprintf("ETCD_WATCH_REVISION=%d", rev),
		fmt.Sprintf("ETCD_WATCH_EVENT_TYPE=%q", e.Type),
		fmt.Sprintf("ETCD_WATCH_KEY=%q", e.Kv.Key),
		fmt.Sprintf("ETCD_WATCH_VALUE=%q", e.Kv.Value))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
