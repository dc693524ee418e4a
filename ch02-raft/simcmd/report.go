package simcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/trace"
)

// report tells a failure found by a sweep: seed, invariant, numbers, the shrunk actions,
// the files to look at and the one command that shows it again.
func (c *Command) report(s *settings, r sim.Result) error {
	r.Case = sim.DrawFor(s.engine, s.nodes, r.Case.Seed)
	small := sim.Shrink(s.engine, r.Case, r.Failure, s.shrinkRuns)
	fmt.Fprintf(c.Stdout, "seed %d: %v\n", r.Case.Seed, r.Failure)
	tellShrunk(c.Stdout, r.Case, small)
	var events trace.Log
	if _, err := sim.Run(s.engine, small.Case, sim.Explain, sim.To(&events)); err != nil {
		return err
	}
	traceFile, caseFile := c.fileOf(s, r.Case, "trace.jsonl"), c.fileOf(s, r.Case, "case.json")
	if err := writeTrace(traceFile, events); err != nil {
		return err
	}
	data, err := json.MarshalIndent(small.Case, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(caseFile, append(data, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "trace:  %s\ncase:   %s\nreplay: go run %s -engine %s -nodes %d -seed %d -replay\n",
		traceFile, caseFile, c.Path, s.engineName, s.nodes, r.Case.Seed)
	return nil
}

func tellShrunk(w io.Writer, whole sim.Case, small sim.Shrunk) {
	fmt.Fprintf(w, "shrunk in %d runs from %d actions on %d servers to %d on %d (seed %d): %v\n", small.Runs,
		len(whole.Actions), whole.Nodes, len(small.Case.Actions), small.Case.Nodes, small.Case.Seed, small.Failure)
	fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(small.Case.Rates.String(), "\n", "\n  "))
	for _, a := range small.Case.Actions {
		fmt.Fprintf(w, "  %v\n", a)
	}
}

func writeTrace(file string, events []trace.Event) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := trace.NewWriter(f)
	for _, e := range events {
		w.Event(e)
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// replay tells one run, event by event.
func (c *Command) replay(s *settings) (ok bool, err error) {
	plan := sim.DrawFor(s.engine, s.nodes, s.seed)
	if s.caseFile != "" {
		if plan, err = loadCase(s.caseFile); err != nil {
			return false, err
		}
	}
	var events trace.Log
	r, err := sim.Run(s.engine, plan, sim.Explain, sim.To(&events))
	if err != nil {
		return false, err
	}
	var small sim.Shrunk
	if r.Failure != nil && !s.whole {
		small = sim.Shrink(s.engine, plan, r.Failure, s.shrinkRuns)
		events = nil
		if _, err := sim.Run(s.engine, small.Case, sim.Explain, sim.To(&events)); err != nil {
			return false, err
		}
	}
	if err := c.tell(s, events); err != nil || s.format == "json" {
		return r.Failure == nil, err
	}
	if r.Failure != nil {
		fmt.Fprintf(c.Stdout, "\nseed %d: %v\n", plan.Seed, r.Failure)
		if small.Failure != nil {
			tellShrunk(c.Stdout, plan, small)
		}
		return false, nil
	}
	fmt.Fprintf(c.Stdout, "\nseed %d on %d servers: every invariant held; %d ticks, %d messages, %d crashes, %d partitions, trace hash %016x\n  %s\n",
		plan.Seed, plan.Nodes, r.Stats.Ticks, r.Stats.Messages, r.Stats.Crashes, r.Stats.Partitions, uint64(r.Hash),
		strings.ReplaceAll(plan.Rates.String(), "\n", "\n  "))
	return true, nil
}

// columnWidth is that of a server in a table.
const columnWidth = 34

func (c *Command) tell(s *settings, events []trace.Event) error {
	switch s.format {
	case "json":
		w := trace.NewWriter(c.Stdout)
		for _, e := range events {
			w.Event(e)
		}
		return w.Flush()
	case "table":
		return trace.Table(c.Stdout, events, columnWidth)
	}
	return trace.Narrate(c.Stdout, events)
}
