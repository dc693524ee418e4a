package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// cost is what one operation takes.
type cost struct {
	nanoseconds, bytes, allocations float64
}

// results are the costs by benchmark, and the benchmarks in the order in which they ran.
type results struct {
	names []string
	costs map[string]cost
}

// line is a line of `go test -bench -benchmem`: name, processors, runs, and values with units.
var line = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// add takes in what a program printed. Of several runs the fastest counts: what else the
// machine does can only make a run slower.
func (r *results) add(printed string) error {
	for text := range strings.Lines(printed) {
		m := line.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			continue
		}
		c, err := parseCost(m[2])
		if err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(text), err)
		}
		known, again := r.costs[m[1]]
		if !again {
			r.names = append(r.names, m[1])
		}
		if !again || c.nanoseconds < known.nanoseconds {
			r.costs[m[1]] = c
		}
	}
	return nil
}

func parseCost(values string) (cost, error) {
	byUnit := map[string]float64{}
	words := strings.Fields(values)
	for i := 0; i+1 < len(words); i += 2 {
		v, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return cost{}, err
		}
		byUnit[words[i+1]] = v
	}
	for _, unit := range []string{"ns/op", "B/op", "allocs/op"} {
		if _, ok := byUnit[unit]; !ok {
			return cost{}, fmt.Errorf("there is no value in %s", unit)
		}
	}
	return cost{byUnit["ns/op"], byUnit["B/op"], byUnit["allocs/op"]}, nil
}

// table shows both side by side. A ratio below 1 says that ours takes less.
func table(ours, reference results) string {
	var b strings.Builder
	b.WriteString("| benchmark | ours | reference | time | bytes | allocations |\n|---|--:|--:|--:|--:|--:|\n")
	for _, name := range ours.names {
		o, r := ours.costs[name], reference.costs[name]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s %s | %s %s |\n", name, duration(o.nanoseconds), duration(r.nanoseconds),
			ratio(o.nanoseconds, r.nanoseconds),
			ratio(o.bytes, r.bytes), pair(o.bytes, r.bytes), ratio(o.allocations, r.allocations), pair(o.allocations, r.allocations))
	}
	return b.String()
}

func ratio(ours, reference float64) string {
	if reference == 0 {
		if ours == 0 {
			return "="
		}
		return "∞"
	}
	return fmt.Sprintf("**%.2f**", ours/reference)
}

func pair(ours, reference float64) string { return fmt.Sprintf("(%.0f : %.0f)", ours, reference) }

func duration(nanoseconds float64) string {
	switch {
	case nanoseconds >= 1e6:
		return fmt.Sprintf("%.2f ms", nanoseconds/1e6)
	case nanoseconds >= 1e3:
		return fmt.Sprintf("%.2f µs", nanoseconds/1e3)
	default:
		return fmt.Sprintf("%.0f ns", nanoseconds)
	}
}
