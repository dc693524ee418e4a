package watchcheck

import (
	"fmt"
	"testing"

	"insideetcd/ch01-intro/api/mvccpb"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func put(key, value string, created, rev, version int64) *mvccpb.Event {
	return &mvccpb.Event{Kv: &mvccpb.KeyValue{
		Key: []byte(key), Value: []byte(value), CreateRevision: created, ModRevision: rev, Version: version,
	}}
}

func del(key string, rev int64) *mvccpb.Event {
	return &mvccpb.Event{Type: mvccpb.Event_DELETE, Kv: &mvccpb.KeyValue{Key: []byte(key), ModRevision: rev}}
}

func withPrev(e, prev *mvccpb.Event) *mvccpb.Event {
	return &mvccpb.Event{Type: e.Type, Kv: e.Kv, PrevKv: prev.Kv}
}

// The history of all examples:
//
//	2: put a=1, put b=1    3: put a=2    4: delete a, put c=1    5: put b=2
var (
	a2, b2 = put("a", "1", 2, 2, 1), put("b", "1", 2, 2, 1)
	a3     = put("a", "2", 2, 3, 2)
	a4, c4 = del("a", 4), put("c", "1", 4, 4, 1)
	b5     = put("b", "2", 2, 5, 2)
)

func history(t *testing.T) *History {
	h, err := HistoryOf([]*mvccpb.Event{a2, b2, a3, a4, c4, b5})
	require.NoError(t, err)
	return h
}

func events(rev int64, list ...*mvccpb.Event) Response { return Response{Revision: rev, Events: list} }
func progress(rev int64) Response                      { return Response{Revision: rev} }

var everything = Watch{Key: []byte{0}, RangeEnd: []byte{0}, StartRev: 2}

func TestGoodStreams(t *testing.T) {
	from := func(rev int64) Watch { w := everything; w.StartRev = rev; return w }
	for _, c := range []struct {
		name   string
		watch  Watch
		stream []Response
	}{
		{"one transaction a response", everything, []Response{events(2, a2, b2), events(3, a3), events(4, a4, c4), events(5, b5)}},
		{"all in one", everything, []Response{events(5, a2, b2, a3, a4, c4, b5)}},
		{"progress in between and for all watches", everything, []Response{progress(1), events(3, a2, b2, a3), progress(3), {WatchID: AllWatches, Revision: 3}, events(5, a4, c4, b5), progress(5)}},
		{"nothing yet", everything, nil},
		{"resumed", from(4), []Response{progress(3), events(4, a4, c4)}},
		{"from the future", from(9), []Response{}},
		{"one key", Watch{Key: []byte("b"), StartRev: 2, Through: 5}, []Response{events(5, b2, b5)}},
		{"a range", Watch{Key: []byte("b"), RangeEnd: []byte("d"), StartRev: 2, Through: 5}, []Response{events(2, b2), events(4, c4), events(5, b5)}},
		{"without puts", Watch{Key: []byte("a"), NoPut: true, StartRev: 2, Through: 5}, []Response{events(4, a4)}},
		{"without deletions", Watch{Key: []byte("a"), NoDelete: true, StartRev: 2, Through: 5}, []Response{events(2, a2), events(3, a3), progress(5)}},
		{"with prev_kv", Watch{Key: []byte("a"), PrevKV: true, StartRev: 2, Through: 5}, []Response{events(2, a2), events(3, withPrev(a3, a2)), events(4, withPrev(a4, a3))}},
		{"another watch is not judged", everything, []Response{{WatchID: 7, Revision: 1, Events: []*mvccpb.Event{b5, a2}}}},
	} {
		require.Empty(t, Check(history(t), c.watch, c.stream), c.name)
	}
}

func TestCompactionExcuses(t *testing.T) {
	h := history(t)
	h.Compacted(4)
	ended := Response{CompactRevision: 4, Revision: 5}
	require.Empty(t, Check(h, Watch{Key: []byte("a"), StartRev: 2, Through: 5}, []Response{ended}))
	require.Empty(t, Check(h, everything, []Response{events(2, a2, b2), ended}))
	require.Empty(t, Check(h, Watch{Key: []byte("a"), PrevKV: true, StartRev: 4, Through: 5}, []Response{events(4, a4)}), "what was before 4 is compacted")
}

// TestEachGuaranteeCanBeBroken feeds one violating stream after the other.
func TestEachGuaranteeCanBeBroken(t *testing.T) {
	keyA := Watch{Key: []byte("a"), StartRev: 2}
	prevA := Watch{Key: []byte("a"), StartRev: 2, PrevKV: true}
	other := put("a", "other", 2, 3, 2)
	for _, c := range []struct {
		guarantee Guarantee
		name      string
		watch     Watch
		stream    []Response
	}{
		{Ordered, "revisions go back", everything, []Response{events(5, a2, b2, a3, b5), events(5, a4, c4)}},
		{Ordered, "changes of a transaction are exchanged", everything, []Response{events(2, b2, a2)}},
		{Ordered, "a response is older than its event", everything, []Response{events(2, a2, b2, a3)}},
		{Ordered, "progress goes back", everything, []Response{events(3, a2, b2, a3), progress(2)}},
		{Ordered, "more after the end", keyA, []Response{{CompactRevision: 4}, events(4, a4)}},
		{Unique, "the same again", everything, []Response{events(2, a2, b2), events(2, a2, b2)}},
		{Unique, "twice in one response", keyA, []Response{events(3, a2, a3, a3)}},
		{Reliable, "a gap", everything, []Response{events(2, a2, b2), events(4, a4, c4)}},
		{Reliable, "half a transaction", everything, []Response{events(2, a2), events(3, a3)}},
		{Reliable, "the end is missing though there was time", Watch{Key: []byte("a"), StartRev: 2, Through: 4}, []Response{events(3, a2, a3)}},
		{Reliable, "silence", Watch{Key: []byte("a"), StartRev: 2, Through: 4}, nil},
		{Atomic, "a transaction in two responses", everything, []Response{events(2, a2), events(2, b2)}},
		{Resumable, "the begin is missing", everything, []Response{events(3, a3)}},
		{Resumable, "begins too early", Watch{Key: []byte("a"), StartRev: 3}, []Response{events(3, a2, a3)}},
		{Resumable, "ended although what it needs is there", keyA, []Response{events(3, a2, a3), {CompactRevision: 4}}},
		{Resumable, "ended by a compaction that never was", keyA, []Response{{CompactRevision: 5}}},
		{Bookmarkable, "progress before the events", keyA, []Response{events(2, a2), progress(4), events(4, a3, a4)}},
		{Bookmarkable, "progress of the stream, events never", keyA, []Response{events(2, a2), {WatchID: AllWatches, Revision: 3}}},
		{Bookmarkable, "events after progress", keyA, []Response{progress(3), events(3, a2, a3)}},
		{Faithful, "another value", keyA, []Response{events(3, a2, other)}},
		{Faithful, "it never happened", keyA, []Response{events(3, a2, del("a", 3))}},
		{Faithful, "another key", keyA, []Response{events(2, a2, b2)}},
		{Faithful, "a filter was overlooked", Watch{Key: []byte("a"), StartRev: 2, NoDelete: true}, []Response{events(4, a2, a3, a4)}},
		{Faithful, "prev_kv nobody asked for", keyA, []Response{events(3, a2, withPrev(a3, a2))}},
		{Faithful, "no prev_kv", prevA, []Response{events(3, a2, a3)}},
		{Faithful, "prev_kv of a created key", prevA, []Response{events(2, withPrev(a2, b2))}},
		{Faithful, "prev_kv of another time", prevA, []Response{events(4, a2, withPrev(a3, a2), withPrev(a4, a2))}},
	} {
		h := history(t)
		if c.name == "more after the end" || c.guarantee == Resumable && c.name != "ended by a compaction that never was" {
			h.Compacted(4)
		}
		violations := Check(h, c.watch, c.stream)
		require.NotEmpty(t, violations, "%s: %s", c.guarantee, c.name)
		for _, v := range violations {
			require.Equal(t, c.guarantee, v.Guarantee, "%s: %v", c.name, v)
		}
	}
}

func TestAViolationExplainsItself(t *testing.T) {
	violations := Check(history(t), everything, []Response{events(2, a2, b2), events(4, a4, c4)})
	require.Equal(t, `watch 0, response -1: not reliable: left out: PUT "a" at 3`, fmt.Sprint(violations[0]))
}

func TestHistoryRefusesDisorder(t *testing.T) {
	h := NewHistory()
	require.NoError(t, h.Add())
	require.NoError(t, h.Add(a3))
	require.ErrorContains(t, h.Add(a2), "revision 2 is added after revision 3")
	require.ErrorContains(t, h.Add(a4, b5), "revisions 4 and 5")
	_, err := HistoryOf([]*mvccpb.Event{a3, a2, a4})
	require.Error(t, err)
}

// TestADroppedOrDoubledEventIsAlwaysFound draws a history, sends it in responses of any
// size, and spoils the stream in one place.
func TestADroppedOrDoubledEventIsAlwaysFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHistory()
		var transactions [][]*mvccpb.Event
		for rev := range int64(rapid.IntRange(1, 8).Draw(t, "transactions")) {
			rev += 2
			txn := []*mvccpb.Event{}
			for i := range rapid.IntRange(1, 3).Draw(t, "changes") {
				txn = append(txn, put(fmt.Sprint(i), fmt.Sprint(rev), 2, rev, rev-1))
			}
			require.NoError(t, h.Add(txn...))
			transactions = append(transactions, txn)
		}
		w := everything
		w.Through = h.Rev()
		stream := []Response{}
		for len(transactions) > 0 {
			n := rapid.IntRange(1, len(transactions)).Draw(t, "in one response")
			r := Response{}
			for _, txn := range transactions[:n] {
				r.Events = append(r.Events, txn...)
				r.Revision = txn[0].Kv.ModRevision
			}
			stream = append(stream, r)
			if rapid.Bool().Draw(t, "progress") {
				stream = append(stream, progress(r.Revision))
			}
			transactions = transactions[n:]
		}
		require.Empty(t, Check(h, w, stream))
		at := rapid.SampledFrom(stream).Filter(func(r Response) bool { return len(r.Events) > 0 }).Draw(t, "response")
		i := rapid.IntRange(0, len(at.Events)-1).Draw(t, "event")
		spoiled := []Response{}
		doubled := rapid.Bool().Draw(t, "doubled")
		for _, r := range stream {
			if len(r.Events) > 0 && r.Events[0] == at.Events[0] {
				list := append([]*mvccpb.Event{}, r.Events[:i]...)
				if doubled {
					list = append(list, r.Events[i])
				}
				r.Events = append(list, r.Events[i+1-b2i(doubled):]...)
			}
			spoiled = append(spoiled, r)
		}
		require.NotEmpty(t, Check(h, w, spoiled))
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
