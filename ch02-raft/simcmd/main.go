// Package simcmd is the command that runs the simulator. Each chapter's own cmd/sim hands
// it the engines it knows:
//
//	go run ./ch02-raft/cmd/sim -seeds 1000 -nodes 5           1000 seeds; stops at the first violation
//	go run ./ch02-raft/cmd/sim -for 10m -resume FILE          as far as ten minutes take, then go on next time
//	go run ./ch02-raft/cmd/sim -seed 17 -replay               tells one run; if it fails, shrunk
//	go run ./ch02-raft/cmd/sim -seed 17 -replay -format json  the same as a trace (see package trace)
//
// The exit status is 0 if every invariant held, 1 if one did not, 2 if nothing could be run.
package simcmd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"insideetcd/ch02-raft/sim"
)

// Command is a cmd/sim.
type Command struct {
	Path    string // as in `go run Path`
	Engines map[string]sim.Engine
	Stdout  io.Writer
	Stderr  io.Writer
}

type settings struct {
	engine       sim.Engine
	engineName   string
	seeds, first uint64
	nodes        int
	seed         uint64
	replay       bool
	caseFile     string
	whole        bool
	format       string
	limit        time.Duration
	resume       string
	parallel     int
	keepGoing    bool
	shrinkRuns   int
	out          string
}

// Main runs the command and returns its exit status. It ends early, telling what is done,
// when ctx ends.
func (c *Command) Main(ctx context.Context, args []string) int {
	s, err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	ok := false
	if err == nil {
		if s.replay {
			ok, err = c.replay(s)
		} else {
			ok, err = c.sweep(ctx, s)
		}
	}
	switch {
	case err != nil:
		fmt.Fprintf(c.Stderr, "sim: %v\n", err)
		return 2
	case !ok:
		return 1
	}
	return 0
}

func (c *Command) parse(args []string) (*settings, error) {
	names := slices.Sorted(maps.Keys(c.Engines))
	s := &settings{}
	f := flag.NewFlagSet("sim", flag.ContinueOnError)
	f.SetOutput(c.Stderr)
	f.StringVar(&s.engineName, "engine", names[0], "engine to run: "+strings.Join(names, ", "))
	f.Uint64Var(&s.seeds, "seeds", 1000, "how many seeds to run (with -for: at most)")
	f.Uint64Var(&s.first, "first", 1, "the first seed")
	f.IntVar(&s.nodes, "nodes", 5, "servers of the cluster")
	f.Uint64Var(&s.seed, "seed", 0, "run this seed only")
	f.BoolVar(&s.replay, "replay", false, "tell what happens in -seed or -case, shrunk if it fails")
	f.StringVar(&s.caseFile, "case", "", "file of a case to replay, as a failure leaves one")
	f.BoolVar(&s.whole, "whole", false, "replay without shrinking")
	f.StringVar(&s.format, "format", "text", "of a replay: text (sentences), table (a column a server), json (a trace)")
	f.DurationVar(&s.limit, "for", 0, "stop after this time, e.g. 10m")
	f.StringVar(&s.resume, "resume", "", "file in which to keep how far the seeds are done, and from which to go on")
	f.IntVar(&s.parallel, "parallel", runtime.GOMAXPROCS(0), "how many seeds to run at a time")
	f.BoolVar(&s.keepGoing, "keep-going", false, "go on after a violation")
	f.IntVar(&s.shrinkRuns, "shrink", 500, "how many runs to spend on making a failure small")
	f.StringVar(&s.out, "out", os.TempDir(), "folder for the files of a failure")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return s, c.check(s, f.NArg(), given)
}

func (c *Command) check(s *settings, extra int, given map[string]bool) error {
	s.engine = c.Engines[s.engineName]
	switch {
	case extra > 0:
		return errors.New("words that belong to no flag; -help lists the flags")
	case s.engine == nil:
		return fmt.Errorf("there is no engine %q; there are %s", s.engineName, strings.Join(slices.Sorted(maps.Keys(c.Engines)), ", "))
	case s.nodes < 1 || s.nodes > 63:
		return fmt.Errorf("-nodes %d: 1 to 63 servers can be simulated", s.nodes)
	case s.parallel < 1:
		return fmt.Errorf("-parallel %d: at least 1", s.parallel)
	case s.replay && s.caseFile == "" && !given["seed"]:
		return errors.New("-replay needs -seed N or -case FILE")
	case !slices.Contains([]string{"text", "table", "json"}, s.format):
		return fmt.Errorf("-format %s: text, table or json", s.format)
	}
	if given["seed"] && !s.replay {
		s.first, s.seeds = s.seed, 1
	}
	if s.limit > 0 && !given["seeds"] {
		s.seeds = 1 << 62
	}
	return nil
}

func (c *Command) sweep(ctx context.Context, s *settings) (ok bool, err error) {
	t := &Totals{Engine: s.engineName, Nodes: s.nodes, First: s.first}
	if s.resume != "" {
		if err := resume(s.resume, t); err != nil {
			return false, err
		}
	}
	if s.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	known := len(t.Failed) // of an earlier sweep
	began, told, from := time.Now(), time.Now(), t.Seeds
	var saving error
	err = Sweep(ctx, s.engine, t, s.seeds, s.parallel, s.keepGoing || known > 0, func(t *Totals) {
		if s.resume != "" {
			saving = errors.Join(saving, save(s.resume, t))
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			fmt.Fprintf(c.Stderr, "%d seeds, %.0f a second, %d violations\n", t.Seeds, float64(t.Seeds-from)/time.Since(began).Seconds(), len(t.Failed))
		}
	})
	if err = errors.Join(err, saving); err != nil {
		return false, err
	}
	if len(t.failures) > 0 {
		if err := c.report(s, t.failures[0]); err != nil {
			return false, err
		}
	}
	fmt.Fprintln(c.Stdout, t)
	return len(t.Failed) == 0, nil
}

// loadCase reads a case that a failure left.
func loadCase(file string) (sim.Case, error) {
	var plan sim.Case
	data, err := os.ReadFile(file)
	if err != nil {
		return plan, fmt.Errorf("case: %w", err)
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		return plan, fmt.Errorf("case: %s is not what a failure leaves: %w", file, err)
	}
	return plan, nil
}

func (c *Command) fileOf(s *settings, plan sim.Case, ending string) string {
	return filepath.Join(s.out, fmt.Sprintf("sim-%s-%d-%d.%s", s.engineName, plan.Nodes, plan.Seed, ending))
}
