package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

const (
	envWatchKey      = "ETCDCTL_WATCH_KEY"
	envWatchRangeEnd = "ETCDCTL_WATCH_RANGE_END"
)

// watchRequest is what to watch, and what to run for each event.
type watchRequest struct {
	key, rangeEnd string
	command       []string
	flags         watchFlags
	invalid       error // of a line: told, and the program goes on
}

var (
	errWatchArgs    = errors.New("bad number of arguments")
	errWatchNoCmd   = errors.New("bad number of arguments (found separator --, but no commands)")
	errWatchEnvKey  = errors.New("bad number of arguments (found conflicting environment key)")
	errWatchBothEnd = errors.New("`range_end` and `--prefix` are mutually exclusive")
)

// newWatchRequest reads arguments without flags; dash is how many stood before "--", or
// -1 when there was none.
func newWatchRequest(f watchFlags, args []string, dash int, environ []string) (watchRequest, error) {
	w := watchRequest{flags: f, key: lookup(environ, envWatchKey), rangeEnd: lookup(environ, envWatchRangeEnd)}
	names := args
	if dash >= 0 {
		names, w.command = args[:dash], args[dash:]
		if len(w.command) == 0 {
			return w, errWatchNoCmd
		}
	}
	switch {
	case w.key == "" && w.rangeEnd != "":
		return w, fmt.Errorf("%s is empty but got %s=%q", envWatchKey, envWatchRangeEnd, w.rangeEnd)
	case w.key != "" && len(names) > 0:
		return w, errWatchEnvKey
	case w.key == "" && len(names) == 0:
		return w, errWatchArgs
	case w.key == "":
		w.key = names[0]
		if len(names) > 1 {
			w.rangeEnd = names[1]
		}
	}
	if w.rangeEnd != "" && f.prefix {
		return w, errWatchBothEnd
	}
	return w, nil
}

// parseWatchLine reads a line of the interactive mode, "watch" first.
func parseWatchLine(words, environ []string) (watchRequest, error) {
	var f watchFlags
	fs := pflag.NewFlagSet("watch", pflag.ContinueOnError)
	fs.Usage = func() {}
	f.declare(fs)
	if err := fs.Parse(words[1:]); err != nil {
		return watchRequest{}, flagError(err)
	}
	w, err := newWatchRequest(f, slices.Clone(fs.Args()), fs.ArgsLenAtDash(), environ)
	if errors.Is(err, errWatchBothEnd) {
		w.invalid = err
		err = nil
	}
	return w, err
}

func trimLine(line string) string { return strings.TrimRight(line, "\r\n") }
