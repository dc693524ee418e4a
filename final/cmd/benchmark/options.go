package main

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// options say how large a load is. All of it is bounded: by a number of operations and
// by a time.
type options struct {
	clients      int           // that wait for an answer at the same time
	conns        int           // HTTP/2 connections that the clients share
	total        int           // operations that count
	warmup       int           // operations before that do not
	valueSize    int           // bytes of a value, or ownValueSize
	keySpaceSize int           // different keys
	watchers     int           // of the prefix of all keys
	seed         uint64        // draws keys and values
	timeout      time.Duration // for one load, preparation and warm-up included
}

// ownValueSize leaves the size of values to the scenario.
const ownValueSize = -1

func (o *options) register(flags *pflag.FlagSet) {
	flags.IntVar(&o.clients, "clients", 64, "clients that wait for an answer at the same time")
	flags.IntVar(&o.conns, "conns", 8, "connections that the clients share")
	flags.IntVar(&o.total, "total", 20000, "operations that count; where one is as much work as many puts, so many fewer")
	flags.IntVar(&o.warmup, "warmup", 2000, "operations before, which do not count")
	flags.IntVar(&o.valueSize, "value-size", ownValueSize, "bytes of a value (default 256, lists 1024)")
	flags.IntVar(&o.keySpaceSize, "key-space-size", 10000, "number of different keys")
	flags.IntVar(&o.watchers, "watchers", 1000, "watchers of all keys, where there are any")
	flags.Uint64Var(&o.seed, "seed", 1, "draws keys and values: the same seed, the same load")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "give up a load after this time")
}

func (o *options) check() error {
	for _, bound := range []struct {
		flag     string
		value    int
		min, max int
	}{
		{"clients", o.clients, 1, 100_000},
		{"conns", o.conns, 1, 10_000},
		{"total", o.total, 1, 100_000_000},
		{"warmup", o.warmup, 0, 100_000_000},
		{"value-size", o.valueSize, ownValueSize, 1 << 30},
		{"key-space-size", o.keySpaceSize, 1, 100_000_000},
		{"watchers", o.watchers, 1, 1_000_000},
	} {
		if bound.value < bound.min || bound.value > bound.max {
			return fmt.Errorf("--%s %d: want %d to %d", bound.flag, bound.value, bound.min, bound.max)
		}
	}
	if o.timeout <= 0 {
		return fmt.Errorf("--timeout %s: want more than 0", o.timeout)
	}
	return nil
}
