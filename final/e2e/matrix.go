package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Side is whose program it is.
type Side int

const (
	Debian Side = iota
	Ours
)

func (s Side) String() string { return [...]string{"Debian's", "our"}[s] }

// Combo is a client program against a server program.
type Combo struct{ Client, Server Side }

// Reference is the combination that says how things are.
var Reference = Combo{Debian, Debian}

func (c Combo) String() string { return fmt.Sprintf("%s etcdctl on %s etcd", c.Client, c.Server) }

// Axis is one of the two ways in which a combination can differ from another.
type Axis int

const (
	ServerAxis Axis = iota
	ClientAxis
)

func (a Axis) String() string { return [...]string{"servers", "etcdctl programs"}[a] }

// side is whose program stands on the axis.
func (c Combo) side(a Axis) Side {
	if a == ServerAxis {
		return c.Server
	}
	return c.Client
}

// with is c with another program on the axis.
func (c Combo) with(a Axis, s Side) Combo {
	if a == ServerAxis {
		c.Server = s
	} else {
		c.Client = s
	}
	return c
}

// Programs are the binaries of both sides.
type Programs struct{ Etcd, Etcdctl [2]string }

// Axes are the programs that the scenario talks to: without a server there is
// none to compare, and where etcdctl is not called nobody can tell whose it is.
func (s Scenario) Axes() (axes []Axis) {
	if !s.NoServer {
		axes = append(axes, ServerAxis)
	}
	if slices.ContainsFunc(s.Steps, Step.callsEtcdctl) {
		axes = append(axes, ClientAxis)
	}
	return axes
}

// Combos are all combinations along the scenario's axes, the reference first.
func (s Scenario) Combos() []Combo {
	combos := []Combo{Reference}
	for _, axis := range s.Axes() {
		for _, c := range slices.Clone(combos) {
			combos = append(combos, c.with(axis, Ours))
		}
	}
	return combos
}

// Played is what one combination showed.
type Played struct {
	Transcript Transcript
	Log        string // of the server
	Err        error  // the run itself failed
}

// PlayAll plays the scenario in all its combinations at the same time. Each has
// a fresh server, and a directory of its own that newDir makes.
func PlayAll(s Scenario, p Programs, newDir func() string) map[Combo]Played {
	results := map[Combo]Played{}
	var mu sync.Mutex
	var runs sync.WaitGroup
	for _, combo := range s.Combos() {
		dir := newDir()
		runs.Go(func() {
			var r Played
			r.Transcript, r.Log, r.Err = Run(s, p.Etcd[combo.Server], p.Etcdctl[combo.Client], dir)
			mu.Lock()
			defer mu.Unlock()
			results[combo] = r
		})
	}
	runs.Wait()
	return results
}

// pairs are the played combinations that differ in the axis only, Debian's first.
func pairs[T any](played map[Combo]T, a Axis) (all [][2]Combo) {
	for c := range played {
		if _, ok := played[c.with(a, Ours)]; ok && c.side(a) == Debian {
			all = append(all, [2]Combo{c, c.with(a, Ours)})
		}
	}
	slices.SortFunc(all, func(x, y [2]Combo) int { return compareCombos(x[0], y[0]) })
	return all
}

func compareCombos(x, y Combo) int { return int(x.Client-y.Client)*2 + int(x.Server-y.Server) }

// inOrder lists the combinations, the reference first.
func inOrder[T any](played map[Combo]T) []Combo {
	return slices.SortedFunc(maps.Keys(played), compareCombos)
}

// Diffs shows how each combination parts from the reference.
func Diffs(played map[Combo]Transcript) string {
	var b strings.Builder
	for _, combo := range inOrder(played) {
		if combo != Reference {
			b.WriteString(Diff(played[Reference], played[combo], combo.String()))
		}
	}
	return b.String()
}
