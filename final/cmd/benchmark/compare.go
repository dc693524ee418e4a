package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"insideetcd/final/e2e"
)

// contest is two server programs, and what they are compared in.
type contest struct {
	ours, reference string // programs
	rounds          int
	dir             string // data directories go below; "" = the system's place for temporary files
	options         options
	log             io.Writer // progress
}

func compareCommand() *cobra.Command {
	var c contest
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	cmd := &cobra.Command{
		Use:       "compare SCENARIO…",
		Short:     "Start two servers and load them in turn: " + strings.Join(names, ", "),
		Args:      cobra.MatchAll(cobra.MinimumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.log = cmd.ErrOrStderr()
			return c.run(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
	c.options.register(cmd.Flags())
	cmd.Flags().StringVar(&c.ours, "ours", "", "one server program (default: final/cmd/etcd is built)")
	cmd.Flags().StringVar(&c.reference, "reference", "etcd", "the other, a path or a name in $PATH")
	cmd.Flags().IntVar(&c.rounds, "rounds", 5, "how often each server is loaded in each scenario")
	cmd.Flags().StringVar(&c.dir, "dir", "", "data directories go below; its disk is measured too (default: a temporary directory)")
	return cmd
}

// run compares in all scenarios and prints the table. What it started has ended and what
// it wrote is gone when it returns, also after an error or an interrupt.
func (c *contest) run(ctx context.Context, names []string, out io.Writer) (err error) {
	if err := c.options.check(); err != nil {
		return err
	}
	if c.rounds < 1 || c.rounds > 1000 {
		return fmt.Errorf("--rounds %d: want 1 to 1000", c.rounds)
	}
	dir, err := os.MkdirTemp(c.dir, "benchmark-")
	if err != nil {
		return fmt.Errorf("no place for data directories: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if c.ours == "" {
		if c.ours, err = build(ctx, dir, c.log); err != nil {
			return err
		}
	}
	if c.reference, err = exec.LookPath(c.reference); err != nil {
		return fmt.Errorf("the reference server: %w (name one with --reference)", err)
	}
	var table []comparison
	for _, name := range names {
		found, err := c.compare(ctx, named(name), dir)
		if err != nil {
			return err
		}
		table = append(table, found)
	}
	fmt.Fprintf(out, "ours: %s, reference: %s; %d rounds, %d connections, %s/%s, %d CPUs\n",
		c.describe(ctx, c.ours), c.describe(ctx, c.reference), c.rounds,
		c.options.conns, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, name := range names {
		fmt.Fprintf(out, "%s: %s\n", name, c.amount(named(name)))
	}
	printTable(out, table)
	return nil
}

// amount says what a round of a scenario is.
func (c *contest) amount(s scenario) string {
	o := s.adapted(c.options)
	text := fmt.Sprintf("%d operations, %d clients, values of %d bytes", o.total, o.clients, o.valueSize)
	if s.keys != nil {
		text += fmt.Sprintf(", %d keys", s.keys(o))
	}
	if s.isWatched {
		text += fmt.Sprintf(", %d watchers: %d deliveries", o.watchers, o.total*o.watchers)
	}
	return text
}

func named(name string) scenario {
	return scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })]
}

func build(ctx context.Context, dir string, log io.Writer) (string, error) {
	program := filepath.Join(dir, "etcd")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	fmt.Fprintln(log, "building final/cmd/etcd")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "insideetcd/final/cmd/etcd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build final/cmd/etcd: %w (name a built server with --ours)\n%s", err, out)
	}
	return program, nil
}

// describe is what a server program says first about its version.
func (c *contest) describe(ctx context.Context, program string) string {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	first, _, _ := strings.Cut(string(out), "\n")
	if err != nil || first == "" {
		return program
	}
	return strings.TrimSpace(first)
}

// compare runs the rounds of one scenario on two fresh servers. Both run all the time,
// but only one is loaded; which goes first changes from round to round.
func (c *contest) compare(ctx context.Context, s scenario, dir string) (found comparison, err error) {
	var sides [2]*side
	found.scenario = s.name
	for i, program := range []string{c.ours, c.reference} {
		sides[i], err = c.start(ctx, s, []string{"ours", "reference"}[i], program, dir)
		if err != nil {
			return found, err
		}
		defer func() { err = errors.Join(err, sides[i].stop()) }()
	}
	for round := range c.rounds {
		for turn := range sides {
			sd := sides[(round+turn)%2]
			r, err := sd.load.run(ctx)
			if err != nil {
				return found, fmt.Errorf("round %d, %s: %w", round+1, sd.name, err)
			}
			fmt.Fprintf(c.log, "%s round %d of %d, %s: %.0f/s, %s µs CPU an operation\n",
				s.name, round+1, c.rounds, sd.name, r.perSecond(), microseconds(r.cpuPerOp()))
			sd.rounds = append(sd.rounds, r)
		}
	}
	found.ours, found.reference = sides[0].rounds, sides[1].rounds
	return found, nil
}

// side is one of two servers, and what was measured on it.
type side struct {
	name     string
	server   *e2e.Server
	load     load
	closeAll func()
	rounds   []result
}

func (c *contest) start(ctx context.Context, s scenario, name, program, dir string) (*side, error) {
	tmp, err := os.MkdirTemp(dir, s.name+"-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("no place for a data directory: %w", err)
	}
	// The harness lets servers beat fast; a benchmark takes etcd's own pace.
	server, err := e2e.NewServer(program, tmp, e2e.Options{Flags: []string{
		"--heartbeat-interval", "100", "--election-timeout", "1000",
		"--quota-backend-bytes", "8589934592"}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sd := &side{name: name, server: server, closeAll: func() {}}
	if err := server.Start(); err != nil {
		server.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	endpoints := []string{server.ClientAddr}
	pids, err := serverPIDs(ctx, endpoints)
	if err != nil {
		fmt.Fprintf(c.log, "CPU of %s: n/a (%v)\n", name, err)
	}
	conns, closeAll, err := dial(endpoints, c.options.conns)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), sd.stop())
	}
	sd.closeAll = closeAll
	sd.load = load{scenario: s, options: s.adapted(c.options), conns: conns, servers: pids}
	return sd, nil
}

func (s *side) stop() error {
	s.closeAll()
	_, err := s.server.Stop()
	s.server.Close()
	return err
}
