package raft

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// cluster is members that talk over a network which the test holds in its hands: a
// message is delivered when the test says so, or lost.
type cluster struct {
	t        testing.TB
	members  map[uint64]*member
	network  []pb.Message // sent and not delivered, in order
	isolated map[uint64]bool
	reads    map[uint64][]ReadState

	work map[uint64][]pb.Message              // for the threads of members with AsyncStorageWrites
	tell func(msg pb.Message, delivered bool) // of each message that leaves the network; may be nil
}

// newTestCluster starts n voters that know each other. edit may change the configuration of each.
func newTestCluster(t testing.TB, n int, edit ...func(*Config)) *cluster {
	c := &cluster{t: t, members: map[uint64]*member{}, isolated: map[uint64]bool{},
		reads: map[uint64][]ReadState{}, work: map[uint64][]pb.Message{}}
	voters := make([]uint64, n)
	for i := range voters {
		voters[i] = uint64(i) + 1
	}
	for _, id := range voters {
		c.add(id, voters, edit...)
	}
	return c
}

// add starts a member whose storage begins with a snapshot at index 1 that names voters.
func (c *cluster) add(id uint64, voters []uint64, edit ...func(*Config)) {
	m := &member{t: c.t, acked: map[string]bool{}, store: storageOf(1, 1, voters, nil)}
	m.disk.snap = m.store.snapshot
	m.store.hardState = pb.HardState{Term: 1, Commit: 1}
	m.disk.hs = m.store.hardState
	m.c = *testConfig(m.store)
	m.c.ID, m.cursor = id, 1
	for _, f := range edit {
		f(&m.c)
	}
	m.rn = newTestRawNode(c.t, &m.c)
	c.members[id] = m
}

func (c *cluster) ids() []uint64 {
	ids := make([]uint64, 0, len(c.members))
	for id := range c.members {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *cluster) node(id uint64) *RawNode { return c.members[id].rn }
func (c *cluster) raft(id uint64) *raft    { return c.members[id].rn.raft }

// settle handles what members have to do and delivers what they send, until all is quiet.
func (c *cluster) settle() {
	c.t.Helper()
	for range 1000 {
		c.handleReady()
		if len(c.network) == 0 {
			return
		}
		c.deliver(func(pb.Message) bool { return true })
	}
	c.t.Fatal("the cluster does not come to rest")
}

// handleReady handles all Readies; what members send then lies in the network.
func (c *cluster) handleReady() {
	c.t.Helper()
	c.handleMembers(c.ids()...)
}

func (c *cluster) handleMembers(ids ...uint64) {
	c.t.Helper()
	for _, id := range ids {
		m := c.members[id]
		for m.rn.HasReady() {
			rd := m.rn.Ready()
			c.reads[id] = append(c.reads[id], rd.ReadStates...)
			for _, msg := range rd.Messages {
				c.send(id, msg)
			}
			if !m.c.AsyncStorageWrites {
				m.handle(rd, rightOrder)
			}
		}
	}
}

// send puts a message into the network, or before the thread of id that it is for.
func (c *cluster) send(id uint64, msg pb.Message) {
	if isLocalThread(msg.To) {
		c.work[id] = append(c.work[id], msg)
	} else {
		c.network = append(c.network, msg)
	}
}

// deliver hands over the messages that which chooses; the others stay in the network.
func (c *cluster) deliver(which func(pb.Message) bool) {
	sent := c.network
	c.network = nil
	for _, msg := range sent {
		if !which(msg) {
			c.network = append(c.network, msg)
			continue
		}
		arrives := c.members[msg.To] != nil && !c.isolated[msg.To] && !c.isolated[msg.From]
		if c.tell != nil {
			c.tell(msg, arrives)
		}
		if arrives {
			_ = c.node(msg.To).Step(msg) // refuses what comes from a node that is no member
		}
	}
}

// take removes the messages that which chooses from the network.
func (c *cluster) take(which func(pb.Message) bool) (taken []pb.Message) {
	c.network = slices.DeleteFunc(c.network, func(m pb.Message) bool {
		if which(m) {
			taken = append(taken, m)
			return true
		}
		return false
	})
	return taken
}

func (c *cluster) tick(ticks int, ids ...uint64) {
	for range ticks {
		for _, id := range ids {
			c.node(id).Tick()
		}
	}
}

// elect makes id the leader of all.
func (c *cluster) elect(id uint64) {
	c.t.Helper()
	require.NoError(c.t, c.node(id).Campaign())
	c.settle()
	c.requireLeader(id)
}

func (c *cluster) requireLeader(id uint64) {
	c.t.Helper()
	require.Equal(c.t, StateLeader, c.node(id).BasicStatus().RaftState, "leader %d", id)
}

func (c *cluster) propose(id uint64, data ...string) {
	c.t.Helper()
	for _, d := range data {
		require.NoError(c.t, c.node(id).Propose([]byte(d)))
	}
}

func (c *cluster) change(id uint64, words string) {
	c.t.Helper()
	require.NoError(c.t, c.node(id).ProposeConfChange(changes(c.t, words)))
}

func (c *cluster) requireApplied(id uint64, want ...string) {
	c.t.Helper()
	require.Equal(c.t, want, c.members[id].applied, "applied by %d", id)
}

func ofType(types ...pb.MessageType) func(pb.Message) bool {
	return func(m pb.Message) bool { return slices.Contains(types, m.Type) }
}

func changes(t testing.TB, s string) pb.ConfChangeV2 {
	t.Helper()
	cs, err := pb.ConfChangesFromString(s)
	require.NoError(t, err)
	return pb.ConfChangeV2{Changes: cs}
}

func TestThreeMembersReplicate(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.propose(1, "a", "b")
	c.propose(2, "passed on")
	c.settle()
	for id := range c.members {
		c.tick(1, 1)
		c.settle()
		c.requireApplied(id, "a", "b", "passed on")
	}
}

// A leader that is cut off commits nothing; its entries give way to the new leader's
// (Raft §5.3), with one refusal for a whole term.
func TestALeaderThatWasCutOffGivesWay(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.isolated[1] = true
	for i := range 50 {
		c.propose(1, fmt.Sprintf("lost %d", i))
	}
	c.settle()
	c.elect(2)
	c.propose(2, "kept")
	c.settle()
	c.isolated[1] = false

	refusals := 0
	c.tick(1, 2)
	c.handleReady()
	for len(c.network) > 0 {
		refusals += len(slices.DeleteFunc(slices.Clone(c.network), func(m pb.Message) bool { return !m.Reject }))
		c.deliver(func(pb.Message) bool { return true })
		c.handleReady()
	}
	c.tick(1, 2)
	c.settle()
	c.requireApplied(1, "kept")
	require.LessOrEqual(t, refusals, 2)
}

func TestAFollowerThatWasDownLongGetsASnapshot(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.isolated[3] = true
	c.propose(1, "a", "b", "c")
	c.settle()
	c.members[1].snapshot(c.raft(1).raftLog.applied)
	c.isolated[3] = false
	for range 3 { // heard of, sent the snapshot, told the rest
		c.tick(1, 1)
		c.settle()
	}
	require.Equal(t, c.raft(1).raftLog.committed, c.raft(3).raftLog.committed)
	require.Equal(t, "StateReplicate", c.raft(1).prs.Progress[3].State.String())
	c.propose(1, "d")
	c.settle()
	c.tick(1, 1)
	c.settle()
	c.requireApplied(3, "d")
}

func TestTransferGoesToAMemberThatIsUpToDate(t *testing.T) {
	c := newTestCluster(t, 3, func(c *Config) { c.CheckQuorum = true })
	c.elect(1)
	c.isolated[2] = true
	c.propose(1, "a")
	c.settle()
	c.isolated[2] = false
	c.node(1).TransferLeader(2)
	require.ErrorIs(t, c.node(1).Propose([]byte("b")), ErrProposalDropped)
	c.settle()
	c.requireLeader(2)
	require.Equal(t, StateFollower, c.node(1).BasicStatus().RaftState)
}

func TestATransferThatFailsIsGivenUp(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.isolated[2] = true
	c.node(1).TransferLeader(2)
	require.EqualValues(t, 2, c.node(1).BasicStatus().LeadTransferee)
	for range 10 {
		c.tick(1, 1)
		c.settle()
	}
	require.Equal(t, None, c.node(1).BasicStatus().LeadTransferee)
	c.propose(1, "goes on")
}

func TestJointChangeReplacesTwoOfThree(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.add(4, []uint64{1, 2, 3})
	c.add(5, []uint64{1, 2, 3})
	c.change(1, "v4 v5 r2 r3")
	for range 3 {
		c.tick(1, 1)
		c.settle()
	}
	require.Equal(t, "voters=(1 4 5)", c.raft(1).prs.Config.String(), "entered, and left by itself")
	require.Equal(t, "voters=(1 4 5)", c.raft(4).prs.Config.String())
	c.isolated[2], c.isolated[3] = true, true
	c.propose(1, "a")
	c.settle()
	c.requireApplied(1, "a")
}

func TestARemovedLeaderLeadsUntilItIsReplaced(t *testing.T) {
	for _, stepDown := range []bool{false, true} {
		c := newTestCluster(t, 3, func(c *Config) { c.StepDownOnRemoval = stepDown })
		c.elect(1)
		c.change(1, "r1")
		c.settle()
		require.Equal(t, "voters=(2 3)", c.raft(1).prs.Config.String())
		require.Equal(t, stepDown, c.node(1).BasicStatus().RaftState == StateFollower)
		require.ErrorIs(t, c.node(1).Propose([]byte("x")), ErrProposalDropped)
	}
}

// One round of heartbeats answers all reads that wait, and each waits for a round that
// began after it came.
func TestOneRoundAnswersAllReadsThatWait(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.node(1).ReadIndex([]byte("first"))
	for i := range 100 {
		c.node(1).ReadIndex(fmt.Appendf(nil, "r%d", i))
	}
	c.handleReady()
	require.Len(t, c.network, 2, "one round: a heartbeat for each follower")
	require.Empty(t, c.reads[1])
	c.deliver(ofType(pb.MsgHeartbeat))
	c.handleReady()
	c.deliver(ofType(pb.MsgHeartbeatResp))
	c.handleReady()
	require.Equal(t, "first", string(c.reads[1][0].RequestCtx))
	require.Len(t, c.reads[1], 1, "Q1: the others came when the round was under way")
	c.settle()
	require.Len(t, c.reads[1], 101)
}

func TestFollowersReadThroughTheirLeader(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.propose(1, "a")
	c.settle()
	c.node(2).ReadIndex([]byte("r"))
	c.settle()
	require.Equal(t, []ReadState{{Index: c.raft(1).raftLog.committed, RequestCtx: []byte("r")}}, c.reads[2])
}

// A leader that lost its majority does not know; nobody answers its round.
func TestACutOffLeaderAnswersNoRead(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.isolated[1] = true
	c.elect(2)
	c.node(1).ReadIndex([]byte("stale"))
	c.tick(30, 1)
	c.settle()
	require.Empty(t, c.reads[1])
}

// The answers of followers may come while the leader's own disk still works.
func TestALeaderCountsItselfOnceItsDiskHasTheEntry(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	before := c.raft(1).raftLog.committed
	c.propose(1, "a")
	m := c.members[1]
	rd := m.rn.Ready() // its disk begins to work
	c.network = append(c.network, rd.Messages...)
	c.deliver(func(m pb.Message) bool { return m.To == 2 })
	c.handleMembers(2)
	c.deliver(ofType(pb.MsgAppResp))
	require.Equal(t, before, c.raft(1).raftLog.committed, "Raft §5.3: one disk of three has the entry")
	m.handle(rd, rightOrder)
	require.Equal(t, before+1, c.raft(1).raftLog.committed)
}

// Two of five answer the round: a majority may have another leader.
func TestAMinorityConfirmsNoRead(t *testing.T) {
	c := newTestCluster(t, 5)
	c.elect(1)
	for id := uint64(3); id <= 5; id++ {
		c.isolated[id] = true
	}
	c.node(1).ReadIndex([]byte("stale"))
	for range 5 {
		c.tick(1, 1)
		c.settle()
	}
	require.Empty(t, c.reads[1], "a quorum has to answer a round that began after the read came in")
}

// A lease holds while the followers that granted it would refuse another leader, and no
// longer: etcd's may be up to two election timeouts old.
func TestALeaseEndsBeforeAnotherCanLead(t *testing.T) {
	c := newTestCluster(t, 3, func(c *Config) { c.CheckQuorum, c.ReadOnlyOption = true, ReadOnlyLeaseBased })
	c.tick(10, 1, 2, 3) // nobody knows what the others promised before
	c.take(func(pb.Message) bool { return true })
	for range 30 {
		if c.node(1).BasicStatus().RaftState == StateLeader {
			break
		}
		c.tick(1, 1)
		c.settle()
	}
	c.requireLeader(1)
	c.tick(1, 1)
	c.settle()
	c.isolated[1] = true
	answered := 0
	for tick := range 25 {
		c.reads[1] = nil
		c.node(1).ReadIndex([]byte("r"))
		c.handleReady()
		c.network = nil
		if len(c.reads[1]) > 0 {
			answered = tick
		}
		c.tick(1, 1)
	}
	require.Greater(t, answered, 3, "the lease answers without asking")
	require.Less(t, answered, 9, "lease: it ends before the followers, after 10 ticks, listen to a candidate")
}

// With pre-vote, a member that was cut off comes back without disturbing anybody.
func TestPreVoteKeepsTheTerm(t *testing.T) {
	for _, preVote := range []bool{true, false} {
		c := newTestCluster(t, 3, func(c *Config) { c.PreVote, c.CheckQuorum = preVote, preVote })
		c.elect(1)
		term := c.node(1).BasicStatus().Term
		c.isolated[3] = true
		for range 100 {
			c.tick(1, 1, 3)
			c.settle()
		}
		c.isolated[3] = false
		for range 30 {
			c.tick(1, 1, 2, 3)
			c.settle()
		}
		require.Equal(t, preVote, term == c.node(1).BasicStatus().Term, "pre-vote: asking changes neither term nor vote")
	}
}

// A follower that does not answer costs one message, until a heartbeat is answered.
func TestAProbeAsksOneQuestionAtATime(t *testing.T) {
	c := newTestCluster(t, 3)
	c.elect(1)
	c.node(1).ReportUnreachable(3)
	require.Equal(t, "StateProbe", c.raft(1).prs.Progress[3].State.String())
	c.isolated[3] = true
	for range 50 {
		c.propose(1, "x")
	}
	c.handleReady()
	toThree := c.take(func(m pb.Message) bool { return m.To == 3 && m.Type == pb.MsgApp })
	require.Len(t, toThree, 1, "StateProbe: one message, then wait for the answer")
}
