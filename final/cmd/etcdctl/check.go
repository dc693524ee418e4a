package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"insideetcd/ch08-client/clientv3"
)

// workload is what `check perf` does: so many writes a second for a minute.
type workload struct {
	limit   int // writes per second
	clients int
	seconds int
}

var workloads = map[string]workload{
	"s": {150, 50, 60}, "small": {150, 50, 60},
	"m": {1000, 200, 60}, "medium": {1000, 200, 60},
	"l": {8000, 500, 60}, "large": {8000, 500, 60},
	"xl": {15000, 1000, 60}, "xLarge": {15000, 1000, 60},
}

func (c *ctl) checkCommand() *cobra.Command {
	var load, prefix string
	var compact, defrag bool
	perf := &cobra.Command{
		Use:   "perf [options]",
		Short: "Check the performance of the etcd cluster",
		RunE: func(*cobra.Command, []string) error {
			w, ok := workloads[load]
			if !ok {
				return failf(exitBadFeature, "unknown load option %v", load)
			}
			return c.checkPerf(w, prefix, compact, defrag)
		},
	}
	perf.Flags().StringVar(&load, "load", "s", "work load: s, m, l or xl")
	perf.Flags().StringVar(&prefix, "prefix", "/etcdctl-check-perf/", "prefix of the keys that are written")
	perf.Flags().BoolVar(&compact, "auto-compact", false, "compact when done")
	perf.Flags().BoolVar(&defrag, "auto-defrag", false, "defragment when done")
	return group("check", "commands for checking properties of the etcd cluster", perf)
}

func (c *ctl) checkPerf(w workload, prefix string, compact, defrag bool) error {
	clients := make([]*clientv3.Client, w.clients)
	for i := range clients {
		client, err := c.globals.client()
		if err != nil {
			return err
		}
		defer client.Close()
		clients[i] = client
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if old, err := clients[0].Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithLimit(1)); err != nil {
		return err
	} else if len(old.Kvs) > 0 {
		return failf(exitInvalidInput, "prefix %q has keys. Delete with etcdctl del --prefix %s first.", prefix, prefix)
	}
	m := w.run(clients, prefix)
	if err := tidyUp(clients[0], prefix, compact, defrag); err != nil {
		return err
	}
	return m.judge(w)
}

// measured is what a run of a workload showed.
type measured struct {
	mu     sync.Mutex
	took   []float64 // seconds of each write that succeeded
	errs   map[string]int
	lasted time.Duration
}

// run paces the writes: write i is due at i/limit seconds.
func (w workload) run(clients []*clientv3.Client, prefix string) *measured {
	m := &measured{errs: map[string]int{}}
	due := make(chan struct{}, w.clients)
	var writers sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(w.seconds)*time.Second+30*time.Second)
	defer cancel()
	for _, client := range clients {
		writers.Go(func() {
			for range due {
				m.write(ctx, client, prefix)
			}
		})
	}
	start := time.Now()
	total := w.limit * w.seconds
	bar := progressBar{total: total}
	for i := range total {
		if at := start.Add(time.Duration(i) * time.Second / time.Duration(w.limit)); time.Until(at) > 0 {
			time.Sleep(time.Until(at))
		}
		due <- struct{}{}
		bar.show(i + 1)
	}
	close(due)
	writers.Wait()
	m.lasted = time.Since(start)
	bar.end()
	return m
}

func (m *measured) write(ctx context.Context, client *clientv3.Client, prefix string) {
	var key [256]byte // random, so that no two writes meet
	if _, err := rand.Read(key[:]); err != nil {
		panic(err) // documented never to happen
	}
	start := time.Now()
	_, err := client.Put(ctx, prefix+string(key[:]), string(key[:]))
	took := time.Since(start).Seconds()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.errs[err.Error()]++
		return
	}
	m.took = append(m.took, took)
}

// judge prints what was measured against what a healthy cluster does: more than nine
// tenths of the rate, no write above half a second, a deviation of at most a tenth.
func (m *measured) judge(w workload) error {
	ok := true
	verdict := func(good bool, pass, bad string) {
		if good {
			say("PASS: %s\n", pass)
		} else {
			say("%s\n", bad)
			ok = false
		}
	}
	for text, n := range m.errs {
		say("FAIL: %d writes failed: %s\n", n, text)
		ok = false
	}
	rate := float64(len(m.took)) / m.lasted.Seconds()
	slowest, deviation := spread(m.took)
	verdict(rate > 0.9*float64(w.limit), fmt.Sprintf("Throughput is %d writes/s", int(rate)+1),
		fmt.Sprintf("FAIL: Throughput too low: %d writes/s", int(rate)+1))
	verdict(slowest <= 0.5, fmt.Sprintf("Slowest request took %fs", slowest),
		fmt.Sprintf("Slowest request took too long: %fs", slowest))
	verdict(deviation <= 0.1, fmt.Sprintf("Stddev is %fs", deviation),
		fmt.Sprintf("Stddev too high: %fs", deviation))
	if !ok {
		say("FAIL\n")
		return told(exitError)
	}
	say("PASS\n")
	return nil
}

// spread is the largest of the values and their standard deviation.
func spread(values []float64) (largest, deviation float64) {
	if len(values) == 0 {
		return 0, 0
	}
	var sum, squares float64
	for _, v := range values {
		largest = max(largest, v)
		sum += v
	}
	mean := sum / float64(len(values))
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return largest, math.Sqrt(squares / float64(len(values)))
}

// tidyUp deletes what was written.
func tidyUp(client *clientv3.Client, prefix string, compact, defrag bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := client.Delete(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	if compact {
		say("Compacting with revision %d\n", r.Header.GetRevision())
		if _, err := client.Compact(ctx, r.Header.GetRevision(), clientv3.WithCompactPhysical()); err != nil {
			return err
		}
		say("Compacted with revision %d\n", r.Header.GetRevision())
	}
	if !defrag {
		return nil
	}
	var errs []error
	for _, endpoint := range client.Endpoints() {
		say("Defragmenting %q\n", endpoint)
		if _, err := client.Defragment(ctx, endpoint); err != nil {
			errs = append(errs, fmt.Errorf("defragment %s: %w", endpoint, err))
			continue
		}
		say("Defragmented %q\n", endpoint)
	}
	return errors.Join(errs...)
}

// progressBar draws on standard error, so that standard output is the verdict alone.
type progressBar struct{ total, percent int }

func (b *progressBar) show(done int) {
	if p := done * 100 / b.total; p != b.percent {
		b.percent = p
		warn("\r [%-50s] %3d%%", strings.Repeat("=", p/2), p)
	}
}

func (b *progressBar) end() { warn("\n") }
