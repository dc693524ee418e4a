package scenario

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch02-raft/trace"
)

// Player plays commands on a cluster of one engine.
type Player struct {
	engine sim.Engine
	bench  *sim.Bench
	hidden map[string]bool
	out    strings.Builder
	failed bool
}

// NewPlayer has no cluster yet; the first command makes one.
func NewPlayer(engine sim.Engine) *Player {
	return &Player{engine: engine, hidden: map[string]bool{"sends": true, "terms": true, "saves": true, "rules": true}}
}

// Play carries out commands, one a line, and returns what they led to, a line each. A
// failed expectation, a violated invariant and a mistake in the script are told in the
// output and returned. After a violation nothing more is played.
func (p *Player) Play(commands string) (output string, err error) {
	p.out.Reset()
	for line := range strings.Lines(commands) {
		words := strings.Fields(line)
		if len(words) == 0 || p.failed {
			continue
		}
		if problem := p.command(words[0], words[1:]); problem != nil {
			fmt.Fprintf(&p.out, "error: %v\n", problem)
			err = fmt.Errorf("scenario: %s: %w", strings.TrimSpace(line), problem)
			break
		}
		if p.bench != nil && p.bench.Err() != nil {
			p.failed, err = true, p.bench.Err()
		}
	}
	if p.out.Len() == 0 {
		return "ok\n", err
	}
	return p.out.String(), err
}

// verb is a command: how many words it needs, and what it does.
type verb struct {
	words int
	do    func(*Player, []string) error
}

// verbs is the table of commands; package comment and table tell the same.
func verbs() map[string]verb {
	return map[string]verb{
		"cluster":   {0, (*Player).cluster},
		"show":      {1, func(p *Player, words []string) error { return p.show(words, false) }},
		"hide":      {1, func(p *Player, words []string) error { return p.show(words, true) }},
		"tick":      {1, (*Player).tick},
		"run":       {1, (*Player).run},
		"campaign":  {1, (*Player).campaign},
		"elect":     {1, (*Player).elect},
		"deliver":   {0, (*Player).deliver},
		"drop":      {0, (*Player).drop},
		"wire":      {0, (*Player).wire},
		"partition": {3, (*Player).partition},
		"isolate":   {1, (*Player).isolate},
		"cut":       {2, (*Player).cut},
		"heal":      {0, func(p *Player, _ []string) error { p.bench.Heal(); return nil }},
		"slow":      {1, serverVerb(func(p *Player, id uint64) { p.bench.Slow(id) })},
		"sync":      {1, serverVerb(func(p *Player, id uint64) { p.bench.Sync(id) })},
		"fast":      {1, serverVerb(func(p *Player, id uint64) { p.bench.Fast(id) })},
		"crash":     {1, (*Player).crash},
		"restart":   {1, serverVerb(func(p *Player, id uint64) { p.bench.Start(id) })},
		"propose":   {2, (*Player).propose},
		"cas":       {4, (*Player).cas},
		"read":      {2, (*Player).read},
		"timeout":   {1, (*Player).timeout},
		"transfer":  {2, (*Player).transfer},
		"compact":   {1, serverVerb(func(p *Player, id uint64) { p.bench.Compact(id) })},
		"logs":      {0, (*Player).logs},
		"status":    {0, (*Player).status},
		"state":     {0, (*Player).state},
		"history":   {0, (*Player).history},
		"expect":    {1, (*Player).expect},
	}
}

func (p *Player) command(name string, words []string) (err error) {
	v, ok := verbs()[name]
	if !ok {
		return fmt.Errorf("there is no command %q; package scenario lists them", name)
	}
	if len(words) < v.words {
		return fmt.Errorf("%s needs %d words after it", name, v.words)
	}
	if name != "cluster" && p.bench == nil {
		if err := p.cluster(nil); err != nil {
			return err
		}
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			p.failed = true
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	return v.do(p, words)
}

// serverVerb is a command whose only word is a server.
func serverVerb(do func(*Player, uint64)) func(*Player, []string) error {
	return func(p *Player, words []string) error {
		id, err := p.server(words[0])
		if err == nil {
			do(p, id)
		}
		return err
	}
}

// server reads "2" or "S2".
func (p *Player) server(word string) (uint64, error) {
	id, err := strconv.ParseUint(strings.TrimPrefix(word, "S"), 10, 64)
	if err != nil || !slices.Contains(p.bench.Servers(), id) {
		return 0, fmt.Errorf("%q is no server; there are 1 to %d", word, len(p.bench.Servers()))
	}
	return id, nil
}

// option is the value of KEY=VALUE, or fallback.
func option(words []string, key string, fallback int) (int, error) {
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok && name == key {
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return 0, fmt.Errorf("%s is no number", w)
			}
			return n, nil
		}
	}
	return fallback, nil
}

func (p *Player) cluster(words []string) error {
	values := map[string]int{"nodes": 3, "election": 10, "heartbeat": 1, "seed": 1, "drift": 0}
	for _, w := range words {
		name, _, hasValue := strings.Cut(w, "=")
		if _, known := values[name]; hasValue && !known || !hasValue && !slices.Contains([]string{"prevote", "checkquorum", "lease"}, w) {
			return fmt.Errorf("a cluster has no setting %s", w)
		}
		if !hasValue {
			continue
		}
		n, err := option(words, name, 0)
		if err != nil {
			return err
		}
		values[name] = n
	}
	config := sim.Config{ElectionTicks: values["election"], HeartbeatTicks: values["heartbeat"], DriftPercent: values["drift"],
		PreVote: slices.Contains(words, "prevote"), LeaseRead: slices.Contains(words, "lease"), Explain: true}
	config.CheckQuorum = config.LeaseRead || slices.Contains(words, "checkquorum")
	bench, err := sim.NewBench(p.engine, config, values["nodes"], uint64(values["seed"]), nil)
	if err != nil {
		return err
	}
	bench.Watch(p)
	p.bench = bench
	return nil
}

// topics are the words of show and hide, and the kinds of events that they stand for.
var topics = map[string][]trace.Kind{
	"messages": {trace.Deliver, trace.Drop},
	"sends":    {trace.Send},
	"terms":    {trace.Term},
	"roles":    {trace.Role},
	"saves":    {trace.Save, trace.Saved},
	"commits":  {trace.Commit},
	"applies":  {trace.Apply, trace.Install, trace.Compact},
	"rules":    {trace.Rule},
	"requests": {trace.Call, trace.Return, trace.Refuse, trace.Timeout},
}

func (p *Player) show(words []string, hide bool) error {
	for _, w := range words {
		if topics[w] == nil {
			return fmt.Errorf("%q cannot be shown or hidden", w)
		}
		p.hidden[w] = hide
	}
	return nil
}

// Event tells one event, if its topic is shown.
func (p *Player) Event(e trace.Event) {
	for topic, kinds := range topics {
		if p.hidden[topic] && slices.Contains(kinds, e.Kind) {
			return
		}
	}
	switch {
	case e.Kind == trace.Deliver:
		fmt.Fprintf(&p.out, "S%d → S%d %s\n", e.Peer, e.Node, strings.TrimPrefix(trace.Sentence(e), fmt.Sprintf("← S%d ", e.Peer)))
	case e.Kind == trace.Drop:
		fmt.Fprintf(&p.out, "S%d ✗ S%d %s term %d: %s\n", e.Peer, e.Node, e.Msg, e.Term, e.Text)
	case e.Kind == trace.Apply && e.Text == "":
		fmt.Fprintf(&p.out, "S%d applies %d: nothing, the leader's first entry\n", e.Node, e.Index)
	case e.Node == 0:
		fmt.Fprintln(&p.out, trace.Sentence(e))
	default:
		fmt.Fprintf(&p.out, "S%d %s\n", e.Node, trace.Sentence(e))
	}
}
