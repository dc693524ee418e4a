// Package linear checks recorded histories of concurrent clients: is there an order of all
// operations, each somewhere between its begin and its end, in which the model gives the
// very answers that the clients got? Then the history is linearizable, and nobody has seen
// that there is more than one member, or that one was killed. The search for the order is
// porcupine's; the state machine is the model itself.
//
// An operation may have no outcome: the client gave up, or lost its server. Then it may have
// happened at any time since it began, also long after the client has gone, or not at all.
// For the search it never ends, and any answer fits it: an order that places it after
// everything else says that it has not happened as far as anybody knows.
//
//	client 1   put a=1 ├────────────────────── ? no answer
//	client 2              get a: none ├──┤
//	client 3                                 get a: 1 ├──┤      fine: it happened in between
//	client 2                                                get a: none ├──┤      not fine
package linear

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/compare"
)

// StateMachine is the model in porcupine's words, for a history with so many operations that
// have an outcome. Inputs are requests of [model.Store.Do], outputs are of [compare.Outcome];
// the zero Outcome is that of an operation without one.
//
// Where an operation without an outcome changes nothing, it could be placed anywhere, and
// with a few of those the search would never end. So such an operation must change something,
// or come last, after all that have an outcome; there it counts as not having happened.
func StateMachine(answered int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{model.New(), 0} },
		Step: func(before, request, outcome any) (bool, any) {
			return before.(state).step(request, outcome.(compare.Outcome), answered)
		},
		Equal: func(a, b any) bool { return a.(state).Hash() == b.(state).Hash() },
		Hash:  func(s any) uint64 { return s.(state).Hash() },
		DescribeOperation: func(request, outcome any) string {
			return describe(request, outcome.(compare.Outcome))
		},
		DescribeState: func(s any) string { return s.(state).Timeline() },
	}
}

// state is never changed: a step makes another one. Porcupine compares states only after the
// same operations, so the number needs no comparison.
type state struct {
	*model.Store
	answered int // operations with an outcome so far
}

func (s state) step(request any, got compare.Outcome, answered int) (bool, state) {
	isKnown := got != compare.Outcome{}
	if !isKnown && s.answered == answered {
		return true, s
	}
	next := state{s.Clone(), s.answered}
	var want compare.Outcome
	want.Response, want.Err = next.Do(request)
	if !isKnown {
		return next.Hash() != s.Hash(), next
	}
	next.answered++
	return compare.Same(want, got), next
}

func describe(request any, outcome compare.Outcome) string {
	if outcome == (compare.Outcome{}) {
		return fmt.Sprintf("%T{%v} → ?", request, request)
	}
	return fmt.Sprintf("%T{%v} → %v", request, request, outcome)
}

// History records what clients do. It is safe for concurrent use.
type History struct {
	mu         sync.Mutex
	begin      time.Time
	operations []porcupine.Operation
}

// NewHistory begins a history of an empty store.
func NewHistory() *History { return &History{begin: time.Now()} }

// Do has a client do something, and records it. No outcome, neither an answer nor a refusal,
// means that it may have happened or not, or may happen later. A read without an answer is
// left out.
func (h *History) Do(client int, request any, do func() compare.Outcome) compare.Outcome {
	call := time.Since(h.begin)
	outcome := do()
	end := int64(time.Since(h.begin))
	if outcome == (compare.Outcome{}) {
		if _, isRead := request.(*pb.RangeRequest); isRead {
			return outcome // whether it happened changes nothing
		}
		end = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: client, Input: request, Call: int64(call), Output: outcome, Return: end,
	})
	return outcome
}

// Len is how many operations there are, and how many of them have an outcome.
func (h *History) Len() (all, answered int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.operations), h.answered()
}

func (h *History) answered() (n int) {
	for _, op := range h.operations {
		if op.Output != (compare.Outcome{}) {
			n++
		}
	}
	return n
}

// Check returns nil if the history is linearizable. The error tells the history, and what
// porcupine found. The search can take long where many outcomes are missing, so it is given
// up after a while.
func (h *History) Check(patience time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	result := porcupine.CheckOperationsTimeout(StateMachine(h.answered()), h.operations, patience)
	if result == porcupine.Ok {
		return nil
	}
	return fmt.Errorf("linearizable? %s: no order of these operations has been found in which the model gives these answers\n%s", result, h.text())
}

// text lists the operations in the order in which they began.
func (h *History) text() string {
	ops := slices.Clone(h.operations)
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		end := "…"
		if op.Return != math.MaxInt64 {
			end = time.Duration(op.Return).String()
		}
		fmt.Fprintf(&b, "client %d  %v to %s  %s\n", op.ClientId, time.Duration(op.Call), end, describe(op.Input, op.Output.(compare.Outcome)))
	}
	return b.String()
}
