package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"insideetcd/ch02-raft/sim"
)

// This file looks at the cluster: pictures of it, and what a script expects of it.

func (p *Player) wire([]string) error {
	for _, m := range p.bench.Wire() {
		fmt.Fprintf(&p.out, "S%d → S%d %s term %d (%v)\n", m.From, m.To, m.Kind, m.Term, m.Body)
	}
	if len(p.bench.Wire()) == 0 {
		fmt.Fprintln(&p.out, "nothing is under way")
	}
	return nil
}

// logs draws each log: an entry is index/term and what it does, in parentheses if it is
// not on disk yet; a bar stands behind the last committed one.
func (p *Player) logs([]string) error {
	for _, s := range p.bench.Frame().Servers {
		fmt.Fprintf(&p.out, "S%d", s.ID)
		if s.Snapshot > 0 {
			fmt.Fprintf(&p.out, " [snapshot up to %d]", s.Snapshot)
		}
		for _, e := range s.Log {
			p.out.WriteString(" " + entry(e))
			if s.Up && e.Index == s.Commit {
				p.out.WriteString(" |")
			}
		}
		if !s.Up {
			p.out.WriteString(" (down)")
		}
		p.out.WriteString("\n")
	}
	return nil
}

func entry(e sim.EntryFrame) string {
	text := fmt.Sprintf("%d/t%d", e.Index, e.Term)
	if c, ok := sim.ParseCommand([]byte(e.Data)); ok && c.Op == "cas" {
		text += fmt.Sprintf(":%s=%s→%s", c.Key, c.Old, c.New)
	} else if ok {
		text += fmt.Sprintf(":%s=%s", c.Key, c.New)
	}
	if !e.Synced {
		return "(" + text + ")"
	}
	return text
}

func (p *Player) status([]string) error {
	for _, s := range p.bench.Frame().Servers {
		fmt.Fprintf(&p.out, "S%d %-13s term %d vote %s leader %s commit %d applied %d log %s", s.ID, roleOf(s), s.Term,
			name(s.Vote), name(s.Leader), s.Commit, s.Applied, span(s))
		for _, peer := range p.bench.Servers() {
			if next, ok := s.Next[peer]; ok {
				fmt.Fprintf(&p.out, " S%d:match %d next %d", peer, s.Match[peer], next)
			}
		}
		p.out.WriteString("\n")
	}
	return nil
}

func span(s sim.ServerFrame) string {
	if len(s.Log) == 0 {
		return "–"
	}
	return fmt.Sprintf("%d–%d", s.Snapshot+1, s.Snapshot+uint64(len(s.Log)))
}

func roleOf(s sim.ServerFrame) string {
	if !s.Up {
		return "down"
	}
	return s.Role
}

func name(id uint64) string {
	if id == 0 {
		return "–"
	}
	return fmt.Sprintf("S%d", id)
}

func (p *Player) state([]string) error {
	for _, s := range p.bench.Frame().Servers {
		fmt.Fprintf(&p.out, "S%d applied %d: %s\n", s.ID, s.Applied, strings.Join(s.State, " "))
	}
	return nil
}

func (p *Player) history([]string) error {
	for _, op := range p.bench.History() {
		fmt.Fprintf(&p.out, "S%d %v\n", op.Node, op)
	}
	return nil
}

// expect holds the cluster against the script.
func (p *Player) expect(words []string) error {
	f := p.bench.Frame()
	rest := strings.Join(words[1:], " ")
	switch words[0] {
	case "leader", "no":
		return p.expectLeader(words, f)
	case "linearizable":
		return sim.Linearizable(p.bench.History())
	case "not":
		if rest == "linearizable" && sim.Linearizable(p.bench.History()) != nil {
			return nil
		}
		return fmt.Errorf("the requests are linearizable")
	case "wire":
		return compare("messages under way", len(p.bench.Wire()), rest)
	case "answer":
		return p.expectAnswer(words[1:])
	}
	if len(words) < 3 {
		return fmt.Errorf("%q can be expected of a server: expect %s N VALUE", words[0], words[0])
	}
	id, err := p.server(words[1])
	if err != nil {
		return err
	}
	return expectServer(f.Servers[id-1], words[0], strings.Join(words[2:], " "))
}

func expectServer(s sim.ServerFrame, what, want string) error {
	who := fmt.Sprintf("%s of S%d", what, s.ID)
	switch what {
	case "role":
		return compare(who, roleOf(s), want)
	case "term":
		return compare(who, s.Term, want)
	case "commit":
		return compare(who, s.Commit, want)
	case "applied":
		return compare(who, s.Applied, want)
	case "first":
		return compare(who, s.Snapshot+1, want)
	case "last":
		return compare(who, s.Snapshot+uint64(len(s.Log)), want)
	case "value":
		key, _, _ := strings.Cut(want, "=")
		got := key + "="
		for _, pair := range s.State {
			if strings.HasPrefix(pair, key+"=") {
				got = pair
			}
		}
		return compare(who, got, want)
	}
	return fmt.Errorf("there is no %q to be expected", what)
}

func compare(what string, got any, want string) error {
	if fmt.Sprint(got) != want {
		return fmt.Errorf("expected %s: %s, got: %v", what, want, got)
	}
	return nil
}

// expectLeader: N is the only leader of the highest term that has one.
func (p *Player) expectLeader(words []string, f sim.Frame) error {
	leader, term := uint64(0), uint64(0)
	for _, s := range f.Servers {
		if s.Up && s.Role == "leader" && s.Term >= term {
			leader, term = s.ID, s.Term
		}
	}
	want := strings.TrimPrefix(strings.Join(words[1:], " "), "S")
	if words[0] == "no" {
		if want != "leader" {
			return errors.New("expect no leader is all that can be expected not to be")
		}
		return compare("leader", leader, "0")
	}
	return compare("leader", leader, want)
}

func (p *Player) expectAnswer(words []string) error {
	if len(words) < 2 {
		return errors.New("expect answer needs a request and its answer")
	}
	n, err := p.request(words[0])
	if err != nil {
		return err
	}
	got := p.bench.History()[n-1].String()
	got = got[strings.LastIndex(got, " ")+1:]
	return compare("answer to #"+strconv.FormatUint(n, 10), got, strings.Join(words[1:], " "))
}
