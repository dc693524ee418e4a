package bugs

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// HuntAll hunts several bugs at a time and calls seen for each, in their order.
func (h *Hunter) HuntAll(ctx context.Context, all []Bug, workers int, seen func(Catch)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]chan Catch, len(all))
	for i := range results {
		results[i] = make(chan Catch, 1)
	}
	next := make(chan int)
	var group sync.WaitGroup
	for range max(workers, 1) {
		group.Go(func() {
			for i := range next {
				c, err := h.Hunt(ctx, all[i])
				if err != nil {
					cancel(fmt.Errorf("%s: %w", all[i].ID, err))
				}
				results[i] <- c
			}
		})
	}
	go func() {
		defer close(next)
		for i := range all {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for i := range all {
		select {
		case c := <-results[i]:
			if ctx.Err() == nil {
				seen(c)
			}
		case <-ctx.Done():
		}
	}
	group.Wait()
	return context.Cause(ctx)
}

// Table prints one row for each bug as it comes, and at the end the kill rate.
type Table struct {
	w             *tabwriter.Writer
	out           io.Writer
	Caught, Total int
	missed        []Catch
}

// NewTable begins a table for those bugs on out.
func NewTable(out io.Writer, all []Bug) *Table {
	width := len("bug")
	for _, b := range all {
		width = max(width, len(b.ID))
	}
	t := &Table{out: out, w: tabwriter.NewWriter(out, width+2, 0, 2, ' ', 0)}
	t.row("bug", "caught by", "verdict", "seeds", "time")
	return t
}

func (t *Table) row(id, test, verdict, seeds, took string) {
	fmt.Fprintf(t.w, "%s\t%-76s  %-8s %5s  %6s\n", id, test, verdict, seeds, took)
	t.w.Flush()
}

// Add prints the row of one bug.
func (t *Table) Add(c Catch) {
	t.Total++
	seeds := "–"
	if c.Verdict == Caught {
		t.Caught++
		seeds = fmt.Sprint(c.Seeds)
	} else {
		t.missed = append(t.missed, c)
	}
	folder, test := c.Bug.Test()
	t.row(c.Bug.ID, folder+"."+test, string(c.Verdict), seeds, c.Elapsed.Round(100*time.Millisecond).String())
}

// Close prints what was missed and the kill rate, and tells whether all were caught.
func (t *Table) Close() bool {
	for _, c := range t.missed {
		fmt.Fprintf(t.out, "\n%s: %s\n  rule   %s\n  story  %s\n%s\n", c.Bug.ID, c.Verdict, c.Bug.Rule, c.Bug.Story, indent(tail(c.Output, 40)))
	}
	rate := 100.0
	if t.Total > 0 {
		rate = 100 * float64(t.Caught) / float64(t.Total)
	}
	fmt.Fprintf(t.out, "\nkill rate: %d of %d planted bugs caught, %.0f %%\n", t.Caught, t.Total, rate)
	return len(t.missed) == 0
}

func tail(text string, lines int) string {
	all := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- PASS")
	})
	if len(all) > lines {
		all = append([]string{"…"}, all[len(all)-lines:]...)
	}
	return strings.Join(all, "\n")
}

func indent(text string) string { return "  | " + strings.ReplaceAll(text, "\n", "\n  | ") }
