package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"insideetcd/ch02-raft/sim"
)

// This file lets things happen: clocks tick, messages travel, servers come and go.

// patience is how often a clock may tick, or messages go round, until something must have
// happened that a command waits for.
const patience = 1000

func (p *Player) tick(words []string) error {
	count, ids := 1, p.bench.Servers()
	if len(words) > 1 {
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return fmt.Errorf("%q is no number of ticks", words[1])
		}
		count = n
	}
	if words[0] != "all" {
		id, err := p.server(words[0])
		if err != nil {
			return err
		}
		ids = []uint64{id}
	}
	for range count {
		p.tickAll(ids)
	}
	return nil
}

func (p *Player) tickAll(ids []uint64) {
	p.bench.Pass(sim.Tick)
	for _, id := range ids {
		p.bench.Tick(id)
	}
}

func (p *Player) run(words []string) error {
	count, err := strconv.Atoi(words[0])
	if err != nil {
		return fmt.Errorf("%q is no number of ticks", words[0])
	}
	for range count {
		p.tickAll(p.bench.Servers())
		if err := p.deliverAll(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Player) role(id uint64) string { return p.bench.Frame().Servers[id-1].Role }

func (p *Player) campaign(words []string) error {
	id, err := p.server(words[0])
	if err != nil {
		return err
	}
	before := p.bench.Frame().Servers[id-1]
	for range patience {
		p.tickAll([]uint64{id})
		now := p.bench.Frame().Servers[id-1]
		if now.Role == "pre-candidate" || now.Term > before.Term {
			return nil
		}
	}
	return fmt.Errorf("S%d did not campaign in %d ticks, it is %s of term %d", id, patience, before.Role, before.Term)
}

func (p *Player) elect(words []string) error {
	id, err := p.server(words[0])
	if err != nil {
		return err
	}
	for range 10 {
		if err := p.campaign(words); err != nil {
			return err
		}
		if err := p.deliverAll(); err != nil {
			return err
		}
		if p.role(id) == "leader" {
			return nil
		}
	}
	return fmt.Errorf("S%d is not elected, it is %s", id, p.role(id))
}

// filter chooses messages under way, oldest first.
type filter struct {
	count, from, to int
	kind            string
}

func parseFilter(words []string) (f filter, err error) {
	for _, w := range words {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "n", "from", "to":
			if _, err := option(words, name, 0); err != nil {
				return f, err
			}
		case "kind":
			f.kind = value
		default:
			return f, fmt.Errorf("%s chooses no messages: n=COUNT, from=N, to=N and kind=NAME do", w)
		}
	}
	f.count, _ = option(words, "n", 0)
	f.from, _ = option(words, "from", 0)
	f.to, _ = option(words, "to", 0)
	return f, nil
}

func (p *Player) chosen(words []string) ([]sim.Flight, error) {
	f, err := parseFilter(words)
	if err != nil {
		return nil, err
	}
	var chosen []sim.Flight
	for _, m := range p.bench.Wire() {
		if (f.from == 0 || m.From == uint64(f.from)) && (f.to == 0 || m.To == uint64(f.to)) && (f.kind == "" || m.Kind == f.kind) &&
			(f.count == 0 || len(chosen) < f.count) {
			chosen = append(chosen, m)
		}
	}
	return chosen, nil
}

func (p *Player) deliver(words []string) error {
	if len(words) == 0 {
		return p.deliverAll()
	}
	chosen, err := p.chosen(words)
	for _, m := range chosen {
		p.bench.Deliver(m.Seq)
	}
	return err
}

// deliverAll delivers until nothing is under way.
func (p *Player) deliverAll() error {
	for range patience {
		wire := p.bench.Wire()
		if len(wire) == 0 || p.bench.Err() != nil {
			return nil
		}
		for _, m := range wire {
			p.bench.Deliver(m.Seq)
		}
	}
	return fmt.Errorf("messages lead to messages without end")
}

func (p *Player) drop(words []string) error {
	chosen, err := p.chosen(words)
	for _, m := range chosen {
		p.bench.Drop(m.Seq)
	}
	return err
}

func (p *Player) partition(words []string) error {
	group := map[uint64]int{}
	at := 1
	for _, w := range words {
		if w == "|" {
			at++
			continue
		}
		id, err := p.server(w)
		if err != nil {
			return err
		}
		group[id] = at
	}
	p.cutWhere(func(from, to uint64) bool { return group[from] != group[to] })
	return nil
}

func (p *Player) cutWhere(cut func(from, to uint64) bool) {
	for _, from := range p.bench.Servers() {
		for _, to := range p.bench.Servers() {
			if from != to && cut(from, to) {
				p.bench.Cut(from, to)
			}
		}
	}
}

func (p *Player) isolate(words []string) error {
	id, err := p.server(words[0])
	if err == nil {
		p.cutWhere(func(from, to uint64) bool { return from == id || to == id })
	}
	return err
}

func (p *Player) cut(words []string) error {
	from, err := p.server(words[0])
	if err != nil {
		return err
	}
	to, err := p.server(words[1])
	if err == nil {
		p.bench.Cut(from, to)
	}
	return err
}

func (p *Player) crash(words []string) error {
	id, err := p.server(words[0])
	if err != nil {
		return err
	}
	keep, err := option(words[1:], "keep", 0)
	if err == nil {
		p.bench.Crash(id, keep)
	}
	return err
}

func (p *Player) transfer(words []string) error {
	id, err := p.server(words[0])
	if err != nil {
		return err
	}
	to, err := p.server(words[1])
	if err == nil {
		p.bench.Transfer(id, to)
	}
	return err
}

// up refuses a client's request to a server that does not run.
func (p *Player) up(word string) (uint64, error) {
	id, err := p.server(word)
	if err == nil && !slices.ContainsFunc(p.bench.Frame().Servers, func(s sim.ServerFrame) bool { return s.ID == id && s.Up }) {
		err = fmt.Errorf("S%d does not run", id)
	}
	return id, err
}

func (p *Player) propose(words []string) error {
	id, err := p.up(words[0])
	key, value, ok := strings.Cut(words[1], "=")
	if err == nil && (!ok || key == "" || value == "") {
		err = fmt.Errorf("%q is not KEY=VALUE", words[1])
	}
	if err == nil {
		p.bench.Request(id, sim.Op{Kind: "put", Key: key, New: value})
	}
	return err
}

func (p *Player) cas(words []string) error {
	id, err := p.up(words[0])
	if err == nil {
		p.bench.Request(id, sim.Op{Kind: "cas", Key: words[1], Old: strings.TrimPrefix(words[2], "-"), New: words[3]})
	}
	return err
}

func (p *Player) read(words []string) error {
	id, err := p.up(words[0])
	switch {
	case err != nil:
	case len(words) > 2 && words[2] == "local":
		p.bench.ReadLocally(id, words[1])
	default:
		p.bench.Request(id, sim.Op{Kind: "get", Key: words[1]})
	}
	return err
}

func (p *Player) timeout(words []string) error {
	n, err := p.request(words[0])
	if err == nil {
		p.bench.GiveUp(n)
	}
	return err
}

// request reads "3" or "#3".
func (p *Player) request(word string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "#"), 10, 64)
	if err != nil || n == 0 || n > uint64(len(p.bench.History())) {
		return 0, fmt.Errorf("there was no request %s", word)
	}
	return n, nil
}
