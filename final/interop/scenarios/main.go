package scenarios

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"insideetcd/final/interop/scenarios/server"
)

const usage = `Plays uses of etcd through the official Go client and compares what it sees with etcd 3.4.

  go run . -list                           what there is to play
  go run . -endpoint 127.0.0.1:2379        on a server that runs, nobody else writing to it
  go run . -server /usr/bin/etcd           on a server that is started for it
  go run . -server build lock election     two of them, on this project's server, built first

Flags:
`

// Main is the command line of the programs beside this package; it returns the exit status.
func Main(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("interop", flag.ContinueOnError)
	fs.SetOutput(stderr)
	endpoint := fs.String("endpoint", "127.0.0.1:2379", "host:port of a server that runs")
	binary := fs.String("server", "", "start this server binary instead; \"build\" builds this project's")
	show := fs.Bool("v", false, "show what the client sees")
	list := fs.Bool("list", false, "list the scenarios")
	fs.Usage = func() { fmt.Fprint(stderr, usage); fs.PrintDefaults() }
	if err := fs.Parse(args); err != nil {
		return 2
	}
	chosen, err := choose(fs.Args())
	if err != nil {
		fmt.Fprintln(stderr, "interop:", err)
		return 2
	}
	if *list {
		for _, sc := range chosen {
			fmt.Fprintf(stdout, "%-16s %s\n", sc.Name, sc.Proves)
		}
		return 0
	}
	on := Server{Endpoint: *endpoint}
	if *binary != "" {
		process, clean, err := startFor(*binary)
		if err != nil {
			fmt.Fprintln(stderr, "interop:", err)
			return 1
		}
		defer clean()
		on = Server{Endpoint: process.Endpoint, Restart: process.Restart}
	}
	return playAll(chosen, on, *show, stdout)
}

// choose returns the scenarios of these names, all without any.
func choose(names []string) ([]Scenario, error) {
	if len(names) == 0 {
		return All(), nil
	}
	var chosen []Scenario
	for _, name := range names {
		before := len(chosen)
		for _, sc := range All() {
			if sc.Name == name {
				chosen = append(chosen, sc)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no scenario %q; -list names them", name)
		}
	}
	return chosen, nil
}

func startFor(binary string) (p *server.Process, clean func(), err error) {
	dir, err := os.MkdirTemp("", "interop-")
	if err != nil {
		return nil, nil, err
	}
	if binary == "build" {
		binary, err = server.Build(context.Background(), dir)
	}
	if err == nil {
		p, err = server.Start(binary, dir)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, func() { p.Kill(); _ = os.RemoveAll(dir) }, nil
}

func playAll(chosen []Scenario, on Server, show bool, out io.Writer) (status int) {
	for _, sc := range chosen {
		transcript, err := sc.Play(context.Background(), on)
		switch {
		case errors.Is(err, ErrCannotRestart):
			fmt.Fprintf(out, "left out  %-16s %v (-server starts one)\n", sc.Name, err)
			continue
		case err != nil:
			fmt.Fprintf(out, "BROKEN    %-16s %v\n", sc.Name, err)
			status = 1
		case transcript != sc.Expected():
			fmt.Fprintf(out, "DIFFERS   %-16s %s\n", sc.Name, sc.Proves)
			status = 1
		default:
			fmt.Fprintf(out, "as 3.4    %-16s %s\n", sc.Name, sc.Proves)
		}
		if show || err != nil || transcript != sc.Expected() {
			fmt.Fprint(out, Compare(sc.Expected(), transcript))
		}
	}
	return status
}

// Compare shows got line by line: marked + if it is not wanted there, and what is missing
// marked -.
func Compare(want, got string) string {
	var b strings.Builder
	w, g := strings.Split(strings.TrimSuffix(want, "\n"), "\n"), strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	for i := range max(len(w), len(g)) {
		switch {
		case i < len(w) && i < len(g) && w[i] == g[i]:
			fmt.Fprintf(&b, "      %s\n", g[i])
			continue
		case i < len(w):
			fmt.Fprintf(&b, "    - %s\n", w[i])
		}
		if i < len(g) {
			fmt.Fprintf(&b, "    + %s\n", g[i])
		}
	}
	return b.String()
}
