package raftexample

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// R1: a read index that is asked for again is another question. The answer to the first
// comes late, when a write has been acknowledged that it does not cover and a reader who saw
// that write waits for the second.
func TestRegression_R1_ALateAnswerToAnEarlierQuestionMeansNothing(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	leader, follower := c.members[1], c.members[3]
	leader.elect()
	put := leader.put("a", "old")
	c.deliverAll()
	leader.pass(1) // 3 hears that it is committed
	c.deliverAll()
	put.says(t, "", "committed")

	early := follower.getKey("a")
	late := c.answersTo(3) // they are under way, and slow
	require.Len(t, late, 1, "the leader has answered the first question")

	put = leader.put("a", "new")
	c.take(func(m pb.Message) bool { return m.To == 3 })
	c.deliverAll()
	put.says(t, "old", "the other two have committed it")

	second := follower.getKey("a") // begins AFTER the write was acknowledged
	follower.pass(follower.retryTicks)
	questions := c.take(func(m pb.Message) bool { return m.Type == pb.MsgReadIndex })
	require.Len(t, questions, 1)
	require.NotEqual(t, late[0].Entries[0].Data, questions[0].Entries[0].Data, "R1: each attempt has an ID of its own")
	c.wires = append(c.wires[:0], late...)
	c.deliverAll()
	second.waits(t, "R1: only the first question was answered, and the value would be the old one")

	c.wires = append(c.wires, questions...)
	for range 3 {
		c.deliverAll()
		leader.pass(1)
	}
	second.says(t, "new", "R1: the second question was answered")
	early.says(t, "new", "it has joined the second question")
}

// answersTo delivers everything but the answers to questions of member id, which it keeps.
func (c *cluster) answersTo(id uint64) (kept []pb.Message) {
	match := func(m pb.Message) bool { return m.To == id && m.Type == pb.MsgReadIndexResp }
	for len(c.wires) > 0 {
		c.deliver(0)
		kept = append(kept, c.take(match)...)
	}
	return kept
}

// R2: the leader changes between the question and its answer. The old leader will never
// answer; whoever waits for it until the time of a retry, or beyond, waits for nothing.
func TestRegression_R2_ALeaderChangeWhileAReadWaitsIsNoticed(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	c.members[1].elect()
	follower := c.members[3]

	get := follower.getKey("a")
	question := c.take(func(m pb.Message) bool { return m.Type == pb.MsgReadIndex })
	require.Len(t, question, 1)
	require.EqualValues(t, 1, question[0].To)
	c.isolate(1)
	c.members[2].elect()
	before := follower.now
	c.deliverAll()
	require.Equal(t, before, follower.now, "no time passes")
	require.True(t, get.done, "R2: the read still waits for a leader that was deposed")
	require.NoError(t, get.err)
}

// The same leader in a later term has forgotten the questions of the earlier.
func TestRegression_R2_AReelectedLeaderIsAskedAgain(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	leader, follower := c.members[1], c.members[3]
	leader.elect()
	get := follower.getKey("a")
	c.take(func(m pb.Message) bool { return m.Type == pb.MsgReadIndex })
	leader.pass(3 * electionTicks) // nobody answers: it steps down (CheckQuorum)
	c.wires = nil
	leader.elect()
	c.deliverAll()
	require.True(t, get.done, "R2: the read still waits for an answer from an earlier term")
}

// S13: a crash may come between any two records of a Ready. Whatever first part of its log a
// member finds, it starts.
func TestRegression_S13_AnyFirstPartOfTheLogStarts(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3).storm()
	leader, lagging := c.members[1], c.members[3]
	leader.elect()
	for round := range 4 { // each time it is behind what the leader's log still has
		c.isolate(3)
		for i := range 30 {
			leader.put("a", fmt.Sprint(round, i))
			c.deliverAll()
		}
		c.heal()
		for range 10 {
			leader.pass(1)
			c.deliverAll()
		}
		require.Equal(t, leader.appliedIndex, lagging.appliedIndex)
	}
	records := lagging.disk.records
	snapshots := 0
	for n := range len(records) + 1 {
		if n > 0 && records[n-1].snapshot != nil {
			snapshots++
		}
		crashed := &member{c: c, id: 3, disk: &MemoryLog{records: records[:n:n]}}
		require.NoError(t, crashed.start(), "S13: a crash after %d of %d records leaves a log that cannot be used", n, len(records))
	}
	require.GreaterOrEqual(t, snapshots, 4, "snapshots were sent")
}

// S13, the other half: what was acknowledged is in every later first part of the log.
func TestRegression_S13_NothingAcknowledgedIsLost(t *testing.T) {
	c := newCluster(t, 1, 1)
	c.config.SnapCount = 7
	m := c.members[1]
	m.crash()
	require.NoError(t, m.start())
	m.elect()
	acknowledged := map[int]string{} // by length of the log
	for i := range 40 {
		value := fmt.Sprint(i)
		m.do(func() {
			m.propose(kv{Key: []byte("a"), Val: []byte(value)}, func(_ Result, err error) {
				require.NoError(t, err)
				acknowledged[len(m.disk.records)] = value
			})
		})
	}
	require.Len(t, acknowledged, 40)
	records, last := m.disk.records, ""
	for n := range len(records) + 1 {
		if value, ok := acknowledged[n]; ok {
			last = value
		}
		again := &member{c: c, id: 1, disk: &MemoryLog{records: records[:n:n]}}
		require.NoError(t, again.start(), "S13: a crash after %d of %d records leaves a log that cannot be used", n, len(records))
		again.elect()
		if last != "" {
			got := again.kvstore.kvStore["a"]
			var gotN, lastN int
			fmt.Sscan(got, &gotN)
			fmt.Sscan(last, &lastN)
			require.GreaterOrEqual(t, gotN, lastN, "S13: %q was acknowledged before the crash, %q is found after it", last, got)
		}
	}
}

// What a snapshot has replaced still stands in an append-only log, behind the snapshot's
// index. Taken for the log's end, its old term would make this member vote for one that
// lacks committed entries.
func TestEntriesThatASnapshotReplacedStayGone(t *testing.T) {
	disk := NewMemoryLog()
	require.NoError(t, disk.Save(pb.HardState{Term: 2, Commit: 1}, []pb.Entry{{Term: 1, Index: 1}, {Term: 2, Index: 2}, {Term: 2, Index: 3}, {Term: 2, Index: 4}}))
	require.NoError(t, disk.SaveSnapshot(pb.Snapshot{Data: []byte(`{}`), Metadata: pb.SnapshotMetadata{Index: 3, Term: 5}}))
	saved, err := disk.Load()
	require.NoError(t, err)
	require.Len(t, saved.Entries, 4, "the snapshot does not count yet")

	require.NoError(t, disk.Save(pb.HardState{Term: 5, Commit: 3}, nil))
	saved, err = disk.Load()
	require.NoError(t, err)
	ms, err := saved.storage()
	require.NoError(t, err)
	last, err := ms.LastIndex()
	require.NoError(t, err)
	require.EqualValues(t, 3, last, "entry 4 of term 2 was replaced by a snapshot of term 5")
}
