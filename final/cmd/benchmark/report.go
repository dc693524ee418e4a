package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// comparison is what `compare` found for one scenario: the rounds of both servers, round
// i of one beside round i of the other.
type comparison struct {
	scenario        string
	ours, reference []result
}

// printTable prints medians over the rounds. The ratio is the median of each round's
// ratio, because what disturbs a round disturbs both servers in it.
func printTable(w io.Writer, comparisons []comparison) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\tserver\tops/s\tp50 ms\tp90 ms\tp99 ms\tCPU µs/op\tCPU ratio\t")
	for _, c := range comparisons {
		for _, row := range []struct {
			server string
			rounds []result
			ratio  string
		}{
			{"ours", c.ours, cpuRatio(c)},
			{"reference", c.reference, ""},
		} {
			fmt.Fprintf(t, "%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t\n", c.scenario, row.server,
				medianOf(row.rounds, result.perSecond),
				milliseconds(medianWait(row.rounds, func(r result) time.Duration { return r.p50 })),
				milliseconds(medianWait(row.rounds, func(r result) time.Duration { return r.p90 })),
				milliseconds(medianWait(row.rounds, func(r result) time.Duration { return r.p99 })),
				microseconds(medianOf(row.rounds, result.cpuPerOp)), row.ratio)
		}
	}
	t.Flush()
}

// cpuRatio is our CPU per operation over the reference's, or n/a.
func cpuRatio(c comparison) string {
	var ratios []float64
	for i := range c.ours {
		if c.ours[i].cpu == 0 || c.reference[i].cpu == 0 {
			return notAvailable
		}
		ratios = append(ratios, c.ours[i].cpuPerOp()/c.reference[i].cpuPerOp())
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

const notAvailable = "n/a"

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000) }

func microseconds(us float64) string {
	if us == 0 {
		return notAvailable
	}
	return fmt.Sprintf("%.1f", us)
}

func medianOf(rounds []result, of func(result) float64) float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	return median(values)
}

func medianWait(rounds []result, of func(result) time.Duration) time.Duration {
	return time.Duration(medianOf(rounds, func(r result) float64 { return float64(of(r)) }))
}

// median is the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
