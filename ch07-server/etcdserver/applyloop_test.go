package etcdserver

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch07-server/apply"
	"insideetcd/ch07-server/membership"
)

// Every entry moves the consistent index, whatever kind it is: an index that
// stays behind would apply again, after a crash, what the database holds.
func TestEveryKindOfEntryMovesTheConsistentIndex(t *testing.T) {
	m := newByHand(t, quietConfig(t))
	for i, e := range []struct {
		kind  string
		entry raftpb.Entry
	}{
		{"conf change", m.join()},
		{"empty, of a new leader", raftpb.Entry{}},
		{"v2", m.publish()},
		{"v3 write", entryPut(t, 0, "k", "v")},
		{"v3 write that is refused", entryV3(t, &pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte("none"), IgnoreValue: true}})},
		{"v3 read", entryV3(t, &pb.InternalRaftRequest{Range: &pb.RangeRequest{Key: []byte("k")}})},
		{"v3 compaction", entryV3(t, &pb.InternalRaftRequest{Compaction: &pb.CompactionRequest{Revision: 2}})},
		{"conf change that is refused", m.join()},
	} {
		m.commit(e.entry)
		require.EqualValues(t, i+1, m.AppliedIndex(), e.kind)
		require.EqualValues(t, i+1, m.KV().ConsistentIndex(), e.kind)
		require.EqualValues(t, i+1, m.Backend().ConsistentIndex(), e.kind)
	}
}

// What the database holds already is not executed again, but counted.
func TestAnEntryInTheDatabaseIsNotExecutedAgain(t *testing.T) {
	m := newByHand(t, quietConfig(t))
	m.commit(m.join())
	m.KV().SetConsistentIndex(2)
	m.commit(entryPut(t, 0, "k", "held already"))
	require.Equal(t, "<none>", valueOf(t, m.EtcdServer, "k"))
	require.EqualValues(t, 2, m.AppliedIndex())
	m.commit(entryPut(t, 0, "k", "new"))
	require.Equal(t, "new", valueOf(t, m.EtcdServer, "k"))
}

func TestEntriesAreAppliedOnceAndWithoutAGap(t *testing.T) {
	m := newByHand(t, quietConfig(t))
	all := m.save(append([]raftpb.Entry{m.join()}, puts(t, 4)...)...)
	m.apply(all[:3]...)
	rev := m.KV().Rev()
	m.apply(all[:3]...)
	require.Equal(t, rev, m.KV().Rev(), "handed out twice, applied once")
	require.EqualValues(t, 3, m.AppliedIndex())
	require.PanicsWithValue(t, "etcdserver: entry 5 follows applied entry 3", func() { m.apply(all[4]) })
	require.EqualValues(t, 3, m.AppliedIndex())
	m.apply(all[1:]...)
	require.EqualValues(t, 5, m.AppliedIndex(), "a batch may overlap the one before")
}

// Going on behind an entry that this member cannot execute would leave it
// different from all others.
func TestAnEntryThatCannotBeExecutedStopsTheMember(t *testing.T) {
	for name, e := range map[string]raftpb.Entry{
		"a joint configuration": {Type: raftpb.EntryConfChangeV2},
		"users":                 entryV3(t, &pb.InternalRaftRequest{AuthEnable: &pb.AuthEnableRequest{}}),
		"a v2 client":           entryV2(t, pb.Request{Method: "PUT", Path: "/1/foo", Val: "v"}),
	} {
		t.Run(name, func(t *testing.T) {
			m := newByHand(t, quietConfig(t))
			m.commit(m.join())
			err := m.applyAll(&m.ep, m.save(e, entryPut(t, 0, "behind", "v")))
			require.ErrorIs(t, err, apply.ErrUnsupported)
			require.ErrorContains(t, err, "raft entry 2")
			require.EqualValues(t, 1, m.AppliedIndex())
			require.EqualValues(t, 1, m.KV().ConsistentIndex())
			require.Equal(t, "<none>", valueOf(t, m.EtcdServer, "behind"))
		})
	}
}

// Whoever has the answer finds its entry applied. The closed channel makes the
// handing over panic, and so shows what was true BEFORE it.
func TestAnAnswerComesAfterItsEntryIsApplied(t *testing.T) {
	m := newByHand(t, quietConfig(t))
	m.commit(m.join())
	close(m.w.register(77))
	require.Panics(t, func() { m.apply(m.save(entryPut(t, 77, "k", "v"))...) }, "nobody was answered")
	require.EqualValues(t, 2, m.AppliedIndex())
	require.EqualValues(t, 2, m.KV().ConsistentIndex())
}

func TestAConfChangeNamesTheVotersOfTheNextSnapshot(t *testing.T) {
	m := newByHand(t, quietConfig(t))
	m.commit(m.join())
	voters := []uint64{uint64(m.ID())}
	require.Equal(t, voters, m.ep.confState.Voters)
	answer := m.w.register(5)
	again := m.join()
	var cc raftpb.ConfChange
	require.NoError(t, cc.Unmarshal(again.Data))
	cc.ID = 5
	m.commit(confChange(t, cc))
	require.ErrorIs(t, (<-answer).Err, membership.ErrIDExists, "the proposer hears that it was refused")
	require.Equal(t, voters, m.ep.confState.Voters, "and nothing has changed")
}

// told records what the raft loop tells the server.
type told struct{ calls []string }

func (h *told) updateLeadership(uint64, bool)     {}
func (h *told) updateCommittedIndex(index uint64) { h.add("committed %d", index) }
func (h *told) enqueueApply(es []raftpb.Entry)    { h.add("apply %d entries", len(es)) }
func (h *told) waitApplied(index uint64) error    { h.add("wait for %d", index); return ErrStopped }
func (h *told) fail(err error)                    { h.add("fail: %v", err) }
func (h *told) add(format string, args ...any) {
	h.calls = append(h.calls, fmt.Sprintf(format, args...))
}

// R4 (REGRESSIONS): raft may not campaign between the commit of a conf change
// and its application, so the raft loop waits before it goes on.
func TestTheRaftLoopWaitsForConfChanges(t *testing.T) {
	m := newByHand(t, quietConfig(t))
	entries := m.save(m.join(), raftpb.Entry{}, m.publish())
	h := &told{}
	require.ErrorIs(t, m.r.handle(raft.Ready{CommittedEntries: entries}, h), ErrStopped, "how the wait ended is the loop's affair")
	require.Equal(t, []string{"committed 3", "apply 3 entries", "wait for 1"}, h.calls)

	h = &told{}
	require.NoError(t, m.r.handle(raft.Ready{CommittedEntries: entries[1:]}, h))
	require.Equal(t, []string{"committed 3", "apply 2 entries"}, h.calls)

	h = &told{}
	require.NoError(t, m.r.handle(raft.Ready{}, h))
	require.Empty(t, h.calls)
}

func TestTheCommittedIndexIsAheadOfTheAppliedOne(t *testing.T) {
	s := started(t, config(t.TempDir()))
	for range 10 {
		put(t, s, "k", "v")
		applied := s.AppliedIndex() // read first: neither ever goes back
		require.GreaterOrEqual(t, s.CommittedIndex(), applied)
	}
	committed := s.CommittedIndex()
	s.updateCommittedIndex(committed - 1)
	require.GreaterOrEqual(t, s.CommittedIndex(), committed, "it never goes back")
}

func TestASlowEntryIsLogged(t *testing.T) {
	for _, limit := range []time.Duration{time.Nanosecond, time.Hour} {
		t.Run(limit.String(), func(t *testing.T) {
			var log strings.Builder
			cfg := config(t.TempDir())
			cfg.WarningApplyDuration = limit
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s := started(t, cfg)
			put(t, s, "a", "1")
			s.Stop() // BEFORE the log is read
			require.Equal(t, limit == time.Nanosecond, strings.Contains(log.String(), "apply request took too long"))
		})
	}
}
