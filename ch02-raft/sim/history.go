package sim

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"

	"insideetcd/ch02-raft/trace"
)

// Op is one request of a client and what became of it. A client never repeats a request: a
// new try is a new Op with a new number, for the first may yet happen.
type Op struct {
	ID      uint64  `json:"id"`
	Kind    string  `json:"kind"` // put, get or cas
	Key     string  `json:"key"`
	Old     string  `json:"old,omitempty"` // cas: what it wants to find
	New     string  `json:"new,omitempty"` // put, cas: what it writes; unique in a history
	Node    uint64  `json:"node"`          // the server that was asked
	Call    int64   `json:"call"`          // number of the event at which it began
	Return  int64   `json:"return,omitempty"`
	Outcome Outcome `json:"outcome"`
	Seen    string  `json:"seen,omitempty"`  // the key's value before it, or as read
	Index   uint64  `json:"index,omitempty"` // a write's place in the log
}

// Outcome of a request.
type Outcome uint8

// The outcomes. Unknown is the one that matters: the request timed out or its server
// crashed, and it may have happened, may yet happen, or never will.
const (
	Waiting Outcome = iota
	Answered
	Unknown
	Refused
)

// String is the outcome in a word.
func (o Outcome) String() string {
	return [...]string{"waiting", "answered", "unknown", "refused"}[o]
}

// String is the request and its answer, "#17 cas a 5→17 = 5".
func (o Op) String() string {
	s := fmt.Sprintf("#%d %s %s", o.ID, o.Kind, o.request())
	switch o.Outcome {
	case Answered:
		return s + " = " + o.answer()
	default:
		return s + " " + o.Outcome.String()
	}
}

func (o Op) request() string {
	switch o.Kind {
	case "put":
		return o.Key + " " + o.New
	case "cas":
		return o.Key + " " + dash(o.Old) + "→" + o.New
	default:
		return o.Key
	}
}

func (o Op) answer() string {
	switch {
	case o.Kind == "put":
		return "ok"
	case o.Kind == "cas" && o.Seen == o.Old:
		return "swapped"
	default:
		return dash(o.Seen)
	}
}

// call hands a request to a server. False if the server certainly will not do it.
func (c *Cluster) call(m *member, op Op) bool {
	op.ID, op.Node = uint64(len(c.history)+1), m.id
	if op.New == "" && op.Kind != "get" {
		op.New = strconv.FormatUint(op.ID, 10)
	}
	event := trace.Event{Kind: trace.Call, Node: m.id, Msg: op.Kind, Value: op.ID}
	if c.sink != nil {
		event.Text = op.request()
	}
	c.emit(event)
	op.Call = int64(c.seq)
	c.history = append(c.history, op)
	c.stats.Requests++
	var err error
	if op.Kind == "get" {
		err = m.node.Read(op.ID)
	} else {
		err = m.node.Propose(Command{ID: op.ID, Op: op.Kind, Key: op.Key, Old: op.Old, New: op.New}.Encode())
	}
	if err != nil {
		c.history[op.ID-1].Outcome = Refused
		c.emit(trace.Event{Kind: trace.Refuse, Node: m.id, Value: op.ID, Text: err.Error()})
	}
	c.settle(m)
	return err == nil
}

// answerWrite answers the client that waits at m for a write that m just applied.
func (c *Cluster) answerWrite(m *member, command Command, before string, index uint64) {
	if op := c.waiting(m, command.ID); op != nil {
		op.Seen, op.Index = before, index
		c.answer(op)
	}
}

// answerReads answers reads whose index has been applied.
func (c *Cluster) answerReads(m *member) {
	left := m.reads[:0]
	for _, read := range m.reads {
		if read.Index > m.applied {
			left = append(left, read)
		} else if op := c.waiting(m, read.ID); op != nil {
			op.Seen, op.Index = m.store.Get(op.Key), read.Index
			c.answer(op)
		}
	}
	m.reads = left
}

func (c *Cluster) answer(op *Op) {
	op.Outcome = Answered
	event := trace.Event{Kind: trace.Return, Node: op.Node, Index: op.Index, Value: op.ID}
	if c.sink != nil {
		event.Text = op.answer()
	}
	c.emit(event)
	op.Return = int64(c.seq)
	c.stats.Answered++
}

func (c *Cluster) waiting(m *member, id uint64) *Op {
	if id == 0 || id > uint64(len(c.history)) {
		return nil
	}
	if op := &c.history[id-1]; op.Outcome == Waiting && op.Node == m.id {
		return op
	}
	return nil
}

// giveUp ends the wait for an answer.
func (c *Cluster) giveUp(op *Op) {
	if op.Outcome == Waiting {
		op.Outcome = Unknown
		c.emit(trace.Event{Kind: trace.Timeout, Node: op.Node, Value: op.ID})
	}
}

// hangUp gives up all requests that wait at a server.
func (c *Cluster) hangUp(m *member) {
	for i := range c.history {
		if c.history[i].Node == m.id {
			c.giveUp(&c.history[i])
		}
	}
}

// register is one key, as porcupine sees it.
var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		op, value := input.(*Op), state.(string)
		if op.Outcome == Answered && op.Seen != value {
			return false, state
		}
		switch {
		case op.Kind == "put" || op.Kind == "cas" && op.Old == value:
			return true, op.New
		case op.Kind == "cas" && op.Outcome != Answered:
			return false, state // somebody saw what it wrote, so it did swap
		default:
			return true, state
		}
	},
}

// Linearizable checks a history, key by key. Writes also answer what they replaced, which
// makes the check sharper. The error shows the requests of the first key that fails, up to
// the answer that no order explains.
//
// A request without an answer makes the search explode, because it may have happened at any
// time later. But every value is written by one request only, so what was seen tells which
// of these writes happened, and by when; the others can be left out: a write that happened
// would have been seen by the next answered request of the key.
func Linearizable(history []Op) error {
	byKey := map[string][]porcupine.Operation{}
	var keys []string
	seen := firstSeen(history)
	for i := range history {
		op := &history[i]
		end := op.Return
		if op.Outcome != Answered && op.Outcome != Refused && op.Kind != "get" {
			end = seen[op.New]
		}
		if end == 0 {
			continue
		}
		if byKey[op.Key] == nil {
			keys = append(keys, op.Key)
		}
		byKey[op.Key] = append(byKey[op.Key], porcupine.Operation{Input: op, Call: op.Call, Return: end})
	}
	slices.Sort(keys)
	for _, key := range keys {
		if !porcupine.CheckOperations(register, byKey[key]) {
			return fmt.Errorf("no order of the requests of key %s explains their answers:%s", key, culprits(byKey[key]))
		}
	}
	return nil
}

// firstSeen tells of each value when the first answer that shows it returned.
func firstSeen(history []Op) map[string]int64 {
	seen := map[string]int64{}
	for i := range history {
		op := &history[i]
		if old, ok := seen[op.Seen]; op.Outcome == Answered && op.Seen != "" && (!ok || op.Return < old) {
			seen[op.Seen] = op.Return
		}
	}
	return seen
}

// culprits lists the requests of a key up to the first answer that cannot be explained.
func culprits(ops []porcupine.Operation) string {
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return int(a.Return - b.Return) })
	wrong := sort.Search(len(ops), func(n int) bool { return !porcupine.CheckOperations(register, ops[:n]) })
	const most = 12
	var b strings.Builder
	if wrong > most {
		fmt.Fprintf(&b, "\n    … %d earlier ones", wrong-most)
	}
	for _, o := range ops[max(0, wrong-most):wrong] {
		op := o.Input.(*Op)
		fmt.Fprintf(&b, "\n    events %d to %d: S%d %v", op.Call, o.Return, op.Node, op)
	}
	return b.String()
}
