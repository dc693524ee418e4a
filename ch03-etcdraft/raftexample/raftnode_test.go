package raftexample

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// The two lives of the package comment.
func TestPutIsAnsweredAfterCommitAndApply(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	leader := c.members[1]
	leader.elect()

	put := leader.put("book", "raft")
	put.waits(t, "commit first: the entry is on one disk of three")
	require.Empty(t, leader.kvstore.kvStore, "commit first: what is not committed is not applied")
	appends := c.take(func(m pb.Message) bool { return m.Type == pb.MsgApp })
	require.Len(t, appends, 2)
	c.wires = append(c.wires, appends[0])
	c.deliverAll()
	put.says(t, "", "commit first: two of three have it on disk")

	put = leader.put("book", "etcd")
	c.deliverAll()
	put.says(t, "raft", "a PUT answers what it replaced")
}

func TestAnyMemberTakesRequests(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	c.members[1].elect()
	put := c.members[2].put("a", "1")
	c.deliverAll()
	put.says(t, "", "the leader has committed it")
	get := c.members[3].getKey("a")
	get.waits(t, "the leader was not asked yet")
	c.deliverAll()
	get.says(t, "1", "a read sees what was acknowledged, on any member")
}

func TestCompareAndSwap(t *testing.T) {
	c := newCluster(t, 1, 1)
	m := c.members[1]
	m.elect()
	m.swap("a", "", "1").says(t, "", "a key that was never written has the empty value")
	refused := m.swap("a", "0", "2")
	refused.says(t, "1", "what stands there")
	require.True(t, refused.Refused)
	m.getKey("a").says(t, "1", "nothing was stored")
	require.False(t, m.swap("a", "1", "2").Refused)
	m.getKey("a").says(t, "2", "swapped")
}

func TestKeysAndValuesAreBytes(t *testing.T) {
	c := newCluster(t, 1, 1)
	m := c.members[1]
	m.elect()
	m.put("\xff/\x00", "\xfe").says(t, "", "stored")
	require.NoError(t, m.kvstore.recoverFromSnapshot(m.kvstore.getSnapshot()))
	m.getKey("\xff/\x00").says(t, "\xfe", "neither an entry nor a snapshot changes a byte")
}

func TestARequestWithoutALeaderIsRefusedAtOnce(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	put := c.members[1].put("a", "1")
	require.True(t, put.done)
	require.ErrorIs(t, put.err, ErrNotTaken)
}

func TestWaitingEnds(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3).storm()
	m := c.members[1]
	m.elect()
	put, get := m.put("a", "1"), m.getKey("a")
	c.wires = nil // all is lost
	c.isolate(1)
	m.pass(59)
	put.waits(t, "its time is 60 ticks")
	get.waits(t, "its time is 60 ticks")
	m.pass(1)
	require.ErrorIs(t, put.err, ErrTimeout)
	require.ErrorIs(t, get.err, ErrTimeout)
	require.Empty(t, m.proposals)
	require.Equal(t, reads{reign: m.reads.reign, askedAt: m.reads.askedAt, arrived: m.reads.arrived[:0], confirmed: m.reads.confirmed[:0], asked: m.reads.asked[:0]}, m.reads)
}

// A leader that was deposed does not know it yet. What it would answer from its own store is
// the past.
func TestADeposedLeaderAnswersNoReads(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	old := c.members[1]
	old.elect()
	put := old.put("a", "old")
	c.deliverAll()
	put.says(t, "", "committed")

	c.isolate(1)
	c.members[2].elect()
	put = c.members[2].put("a", "new")
	c.deliverAll()
	put.says(t, "old", "two of three suffice")

	get := old.getKey("a")
	c.deliverAll()
	get.waits(t, "no stale read: it cannot make sure that it still leads")
	c.heal()
	for !get.done {
		for _, id := range c.ids() {
			c.members[id].pass(1)
		}
		c.deliverAll()
	}
	get.says(t, "new", "no stale read: the new leader was asked")
}

// A member that was cut off comes back: it has asked for votes all the time, and nobody minds.
func TestAMemberThatComesBackDeposesNobody(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	leader := c.members[1]
	leader.elect()
	before := leader.reign()
	c.isolate(3)
	for range 10 * electionTicks {
		for _, id := range c.ids() {
			c.members[id].pass(1)
		}
		c.deliverAll()
	}
	c.heal()
	c.members[3].pass(2 * electionTicks)
	for range 3 {
		c.deliverAll()
		leader.pass(1)
	}
	for _, id := range c.ids() {
		require.Equal(t, before, c.members[id].reign(), "PreVote: the leader leads on, in its term")
	}
}

// A follower that has been told the index may not have applied it yet.
func TestAReadWaitsUntilItsIndexIsApplied(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	c.members[1].elect()
	follower := c.members[3]
	appends := func(m pb.Message) bool { return m.To == 3 && m.Type == pb.MsgApp }

	put := c.members[1].put("a", "1")
	late := c.take(appends)
	for !put.done {
		require.NotEmpty(t, c.wires)
		c.deliver(0)
		late = append(late, c.take(appends)...)
	}
	get := follower.getKey("a")
	for len(c.wires) > 0 {
		c.deliver(0)
		late = append(late, c.take(appends)...)
	}
	get.waits(t, "applied first: the entry has not arrived here")
	require.Len(t, follower.reads.confirmed, 1, "the leader has answered with its commit index")
	for len(late) > 0 {
		c.wires = append(c.wires, late...)
		late = nil
		c.deliverAll()
	}
	get.says(t, "1", "applied first: now it is")
}

// A member that lags behind all the entries that are left gets a snapshot.
func TestALaggingMemberCatchesUpBySnapshot(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3).storm()
	c.members[1].elect()
	c.isolate(3)
	for range 40 {
		c.members[1].put("a", "1")
		c.deliverAll()
	}
	lagging := c.members[3]
	require.Less(t, lagging.appliedIndex, c.members[1].snapshotIndex)
	c.heal()
	for range 10 { // a heartbeat, a refusal, a snapshot, its acknowledgement, the rest
		c.members[1].pass(1)
		c.deliverAll()
	}
	require.Equal(t, c.members[1].appliedIndex, lagging.appliedIndex)
	require.Equal(t, string(c.members[1].kvstore.getSnapshot()), string(lagging.kvstore.getSnapshot()))
	require.Positive(t, lagging.snapshotIndex)

	lagging.crash()
	require.NoError(t, lagging.start(), "it starts from the snapshot that it was sent")
	require.Equal(t, "1", lagging.kvstore.kvStore["a"])
}

func TestMembersComeAndGo(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3).storm()
	leader := c.members[1]
	leader.elect()
	for range 20 {
		leader.put("a", "1")
		c.deliverAll()
	}

	add := leader.change(pb.ConfChangeAddLearnerNode, 4)
	add.waits(t, "a change of members needs a majority, too")
	c.deliverAll()
	add.says(t, "", "in force")
	c.config.Join = true
	c.config.Peers[4] = "member-4"
	joined := c.add(4)
	for range 10 {
		leader.pass(1)
		c.deliverAll()
	}
	require.Equal(t, "1", joined.kvstore.kvStore["a"])
	require.Equal(t, []uint64{4}, joined.confState.Learners)
	get := joined.getKey("a")
	c.deliverAll()
	get.says(t, "1", "a learner serves reads")

	promoted := leader.change(pb.ConfChangeAddNode, 4)
	c.deliverAll()
	promoted.says(t, "", "promoted")
	require.Equal(t, []uint64{1, 2, 3, 4}, leader.confState.Voters)

	gone := c.members[2].change(pb.ConfChangeRemoveNode, 3)
	c.deliverAll()
	gone.says(t, "", "removed")
	require.Equal(t, []uint64{1, 2, 4}, leader.confState.Voters)
	require.NotContains(t, leader.addresses(), uint64(3))
	back := leader.change(pb.ConfChangeAddNode, 3)
	require.ErrorIs(t, back.err, ErrIDRemoved)
	require.ErrorIs(t, leader.change(pb.ConfChangeRemoveNode, 9).err, ErrNotMember)
	require.ErrorIs(t, leader.process(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 1}), ErrIDRemoved)

	leader.crash()
	require.NoError(t, leader.start())
	require.Equal(t, joined.kvstore.members, leader.kvstore.members, "members outlive a restart")
}

func TestTheLastMemberStays(t *testing.T) {
	c := newCluster(t, 1, 1)
	c.members[1].elect()
	require.ErrorIs(t, c.members[1].change(pb.ConfChangeRemoveNode, 1).err, ErrLastMember)
}

func TestMixedUpAddressesAreTold(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	require.ErrorContains(t, c.members[1].process(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 3, Term: 9}), "mixed up")
}

// N3: what cannot be written is not promised to anybody.
func TestAMemberWhoseDiskFailsSaysNothing(t *testing.T) {
	c := newCluster(t, 1, 1, 2, 3)
	m := c.members[1]
	m.elect()
	m.crashAtWrite(0)
	var r reply
	m.propose(kv{Key: []byte("a")}, r.set)
	require.ErrorIs(t, m.settle(), errDied)
	require.Empty(t, c.wires, "save before send: the disk does not have the entry")
	r.waits(t, "save before send: the disk does not have the entry")
}
