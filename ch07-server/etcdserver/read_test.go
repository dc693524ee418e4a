package etcdserver

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raft"
)

// silentNode is a raft node that never answers by itself: the test sees what
// the server asks and proposes, and answers in its place.
type silentNode struct {
	raft.Node
	asked    chan []byte // ReadIndex
	proposed chan []byte // Propose
	onAsk    func()
	refuse   error // what Propose returns
}

func (n *silentNode) ReadIndex(_ context.Context, rctx []byte) error {
	if n.onAsk != nil {
		n.onAsk()
	}
	n.asked <- rctx
	return nil
}

func (n *silentNode) Propose(_ context.Context, data []byte) error {
	if n.refuse != nil {
		return n.refuse
	}
	n.proposed <- data
	return nil
}

// silent is a member whose raft node is silent. Of its goroutines only the read
// loop runs. Inside a synctest bubble time passes when everybody waits.
func silent(t *testing.T) (*EtcdServer, *silentNode) {
	m := newByHand(t, quietConfig(t))
	m.commit(m.join())
	node := &silentNode{Node: m.r.Node, asked: make(chan []byte, 100), proposed: make(chan []byte, 100)}
	m.r.Node = node
	m.goAttach(m.linearizableReads)
	return m.EtcdServer, node
}

// answered is what becomes of a call that somebody makes meanwhile.
type answered chan error

func meanwhile(f func() error) answered {
	c := make(answered, 1)
	go func() { c <- f() }()
	return c
}

// waits asserts that the call has not returned, after everything has happened
// that can happen without time passing.
func (c answered) waits(t *testing.T, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-c:
		t.Fatalf("it returned %v, although %s", err, why)
	default:
	}
}

// returned asserts that the call has returned by now, and with what.
func (c answered) returned(t *testing.T, why string) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-c:
		return err
	default:
		t.Fatalf("it still waits, although %s", why)
		return nil
	}
}

// confirm answers a ReadIndex.
func confirm(s *EtcdServer, question []byte, index uint64) {
	s.r.offerReadState(raft.ReadState{RequestCtx: question, Index: index})
}

func readOf(s *EtcdServer, t *testing.T) func() error {
	return func() error { return s.LinearizableReadNotify(t.Context()) }
}

// R1 (REGRESSIONS): a question that is asked again is another question. An
// answer from an earlier round says nothing about this one: since then others
// may have been told that their writes are done.
func TestRegression_R1_OnlyAnAnswerToThisRoundCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		read := meanwhile(readOf(s, t))
		first := <-node.asked
		time.Sleep(readRetryInterval)
		second := <-node.asked
		require.NotEqual(t, first, second, "each attempt has an ID of its own")
		s.updateLeadership(7, false)
		require.ErrorIs(t, read.returned(t, "the leader changed"), ErrLeaderChanged)

		read = meanwhile(readOf(s, t))
		third := <-node.asked
		for _, stale := range [][]byte{first, second, nil, []byte("another's"), make([]byte, 8), binary.BigEndian.AppendUint64(nil, 1)} {
			confirm(s, stale, s.AppliedIndex())
			read.waits(t, "only a question of another round was answered")
		}
		confirm(s, third, s.AppliedIndex())
		require.NoError(t, read.returned(t, "its question was answered"))
	})
}

func TestALateAnswerToThisRoundIsGoodEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		read := meanwhile(readOf(s, t))
		first := <-node.asked
		time.Sleep(readRetryInterval)
		<-node.asked
		confirm(s, first, s.AppliedIndex())
		require.NoError(t, read.returned(t, "an attempt of its round was answered"))
	})
}

// R2 (REGRESSIONS): a leader that changes while the question is being asked,
// after the round has begun, is noticed: nobody may answer it any more.
func TestRegression_R2_ALeaderChangeDuringTheQuestionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		node.onAsk = func() { s.updateLeadership(7, false) }
		read := meanwhile(readOf(s, t))
		require.ErrorIs(t, read.returned(t, "the leader changed"), ErrLeaderChanged)
		require.Len(t, node.asked, 1)

		node.onAsk = func() { s.updateLeadership(0, false) } // the leader is lost, no other is known
		read = meanwhile(readOf(s, t))
		read.waits(t, "there is no other leader yet")
		s.updateLeadership(8, false)
		require.ErrorIs(t, read.returned(t, "another leader is known"), ErrLeaderChanged)
	})
}

// The round after a leader change asks the new leader.
func TestALeaderChangeEndsOneRoundOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		for range 3 {
			s.updateLeadership(7, false)
			read := meanwhile(readOf(s, t))
			confirm(s, <-node.asked, s.AppliedIndex())
			require.NoError(t, read.returned(t, "the change came before the question"))
		}
	})
}

func TestAReadWaitsUntilItsIndexIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		read := meanwhile(readOf(s, t))
		confirm(s, <-node.asked, s.AppliedIndex()+2)
		read.waits(t, "the index it was told is not applied")
		s.applyWait.reach(s.AppliedIndex() + 1)
		read.waits(t, "one entry is missing still")
		s.applyWait.reach(s.AppliedIndex() + 2)
		require.NoError(t, read.returned(t, "its index is applied"))
	})
}

// Whoever comes while a round is under way waits for the next: a write may have
// been acknowledged after the round's question was answered.
func TestAReaderDoesNotJoinARoundThatHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		early := meanwhile(readOf(s, t))
		first := <-node.asked
		late, later := meanwhile(readOf(s, t)), meanwhile(readOf(s, t))
		synctest.Wait()
		confirm(s, first, s.AppliedIndex())
		require.NoError(t, early.returned(t, "its question was answered"))
		late.waits(t, "its question was not answered")
		confirm(s, <-node.asked, s.AppliedIndex())
		require.NoError(t, late.returned(t, "its question was answered"))
		require.NoError(t, later.returned(t, "two readers share one question"))
		require.Empty(t, node.asked)
	})
}

func TestAReadThatNobodyAnswersEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := silent(t)
		begin := time.Now()
		require.ErrorIs(t, s.LinearizableReadNotify(t.Context()), ErrTimeout)
		require.WithinRange(t, time.Now(), begin.Add(s.Cfg.ReqTimeout()), begin.Add(2*s.Cfg.ReqTimeout()))

		ctx, cancel := context.WithCancel(t.Context())
		read := meanwhile(func() error { return s.LinearizableReadNotify(ctx) })
		read.waits(t, "nobody answered")
		cancel()
		require.ErrorIs(t, read.returned(t, "the reader gave up"), context.Canceled)

		read = meanwhile(readOf(s, t))
		read.waits(t, "nobody answered")
		s.Stop()
		require.ErrorIs(t, read.returned(t, "the server has stopped"), ErrStopped)
	})
}

// Of two answers that nobody fetched the newer one stays: it answers what was
// asked before it too, and the older one may be too old.
func TestTheNewestReadStateStays(t *testing.T) {
	r := newRaftNode(nil, nil, nil, time.Second)
	for index := range uint64(3) {
		r.offerReadState(raft.ReadState{Index: index})
	}
	require.EqualValues(t, 2, (<-r.readStateC).Index)
	require.Empty(t, r.readStateC)

	m := newByHand(t, quietConfig(t))
	require.NoError(t, m.r.handle(raft.Ready{ReadStates: []raft.ReadState{{Index: 7}, {Index: 8}}}, &told{}))
	require.EqualValues(t, 8, (<-m.r.readStateC).Index, "the last of one Ready")
}

func TestWhichReadsWaitForTheLeader(t *testing.T) {
	get := func(serializable bool) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte("k"), Serializable: serializable}}}
	}
	for _, tc := range []struct {
		name  string
		waits bool
		read  func(*EtcdServer, context.Context) error
	}{
		{"range", true, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Range(ctx, &pb.RangeRequest{Key: []byte("k")})
			return err
		}},
		{"serializable range", false, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Range(ctx, &pb.RangeRequest{Key: []byte("k"), Serializable: true})
			return err
		}},
		{"transaction", true, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Txn(ctx, &pb.TxnRequest{Success: []*pb.RequestOp{get(true)}, Failure: []*pb.RequestOp{get(false)}})
			return err
		}},
		{"transaction of compares", true, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Txn(ctx, &pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("k")}}})
			return err
		}},
		{"serializable transaction", false, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Txn(ctx, &pb.TxnRequest{Success: []*pb.RequestOp{get(true)}})
			return err
		}},
		{"members", true, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Members(ctx, true)
			return err
		}},
		{"members as known here", false, func(s *EtcdServer, ctx context.Context) error {
			_, err := s.Members(ctx, false)
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, node := silent(t)
				read := meanwhile(func() error { return tc.read(s, t.Context()) })
				if tc.waits {
					read.waits(t, "the leader was not asked")
					confirm(s, <-node.asked, s.AppliedIndex())
				}
				require.NoError(t, read.returned(t, "nothing is missing"))
				require.Empty(t, node.asked)
			})
		})
	}
}
