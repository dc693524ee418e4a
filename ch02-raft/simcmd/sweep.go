package simcmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/trace"
)

// Totals is how far a sweep over seeds has come.
type Totals struct {
	Engine   string    `json:"engine"`
	Nodes    int       `json:"nodes"`
	First    uint64    `json:"first"` // seed
	Seeds    uint64    `json:"seeds"` // done, without a gap from First on
	Stats    sim.Stats `json:"stats"`
	Hash     uint64    `json:"hash"` // of all runs' trace hashes
	Failed   []uint64  `json:"failed,omitempty"`
	failures []sim.Result
}

// Sweep runs the seeds from totals.First+totals.Seeds on until so many are done, all of
// them if keepGoing, or else until the first batch with a violation. It ends early, with
// what is done, when ctx does. The outcome does not depend on how many run in parallel.
func Sweep(ctx context.Context, engine sim.Engine, totals *Totals, seeds uint64, parallel int, keepGoing bool, progress func(*Totals)) error {
	for totals.Seeds < seeds && ctx.Err() == nil && (keepGoing || len(totals.Failed) == 0) {
		results := make([]sim.Result, min(uint64(32*parallel), seeds-totals.Seeds))
		errs := make([]error, len(results))
		var wg sync.WaitGroup
		for worker := range parallel {
			wg.Go(func() {
				for i := worker; i < len(results); i += parallel {
					c := sim.DrawFor(engine, totals.Nodes, totals.First+totals.Seeds+uint64(i))
					results[i], errs[i] = sim.Run(engine, c)
					results[i].Case.Actions = nil // can be drawn again
				}
			})
		}
		wg.Wait()
		for i := range results {
			if errs[i] != nil {
				return errs[i]
			}
			totals.add(results[i])
		}
		progress(totals)
	}
	return nil
}

func (t *Totals) add(r sim.Result) {
	t.Seeds++
	t.Stats.Add(r.Stats)
	t.Hash += trace.Mix(r.Case.Seed, uint64(r.Hash))
	if r.Failure != nil {
		t.Failed = append(t.Failed, r.Case.Seed)
		t.failures = append(t.failures, r)
	}
}

// String is the last line of a sweep.
func (t *Totals) String() string {
	simulated := (time.Duration(t.Stats.Micros) * time.Microsecond).Round(time.Second)
	return fmt.Sprintf("%d seeds × %d servers, %v simulated, %d messages, %d crashes, %d partitions, %d elections, %d requests answered, trace hash %016x, %d violations",
		t.Seeds, t.Nodes, simulated, t.Stats.Messages, t.Stats.Crashes, t.Stats.Partitions, t.Stats.Elections, t.Stats.Answered, t.Hash, len(t.Failed))
}

// resume reads what an earlier sweep left in file, if it did.
func resume(file string, t *Totals) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	var old Totals
	if err := json.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("resume: %s is not what a sweep writes: %w", file, err)
	}
	if old.Engine != t.Engine || old.Nodes != t.Nodes || old.First != t.First {
		return fmt.Errorf("resume: %s is of engine %s, %d servers, seeds from %d on; choose another file", file, old.Engine, old.Nodes, old.First)
	}
	*t = old
	return nil
}

// save replaces file at once, so that a sweep that is killed can be resumed.
func save(file string, t *Totals) error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
