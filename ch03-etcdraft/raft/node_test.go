package raft

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
)

// server is a small application around a Node: it does what the package comment
// says, in one goroutine.
type server struct {
	Node
	storage *MemoryStorage
	onReady func(Ready) // called before anything is done

	mu      sync.Mutex
	applied []string
	reads   []ReadState
	readies int
	ended   chan struct{}
}

func serve(n Node, s *MemoryStorage) *server {
	srv := &server{Node: n, storage: s, ended: make(chan struct{})}
	go srv.loop()
	return srv
}

func (s *server) loop() {
	defer close(s.ended)
	done := s.Node.(*node).done
	for {
		select {
		case rd := <-s.Ready():
			if s.onReady != nil {
				s.onReady(rd)
			}
			_ = s.storage.Append(rd.Entries)
			if !IsEmptyHardState(rd.HardState) {
				_ = s.storage.SetHardState(rd.HardState)
			}
			s.apply(rd)
			s.Advance()
		case <-done:
			return
		}
	}
}

func (s *server) apply(rd Ready) {
	for _, e := range rd.CommittedEntries {
		if isConfChange(e) {
			cc, _ := decodeConfChange(e)
			s.ApplyConfChange(cc)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readies++
	s.reads = append(s.reads, rd.ReadStates...)
	for _, e := range rd.CommittedEntries {
		if e.Type == pb.EntryNormal && len(e.Data) > 0 {
			s.applied = append(s.applied, string(e.Data))
		}
	}
}

func (s *server) has(want ...string) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Sprint(s.applied) == fmt.Sprint(want)
	}
}

func (s *server) stop() {
	s.Stop()
	<-s.ended
}

// inBubble runs a new cluster of one in virtual time, leader elected by ticks.
func inBubble(t *testing.T, f func(t *testing.T, s *server)) {
	synctest.Test(t, func(t *testing.T) {
		storage := NewMemoryStorage()
		s := serve(StartNode(testConfig(storage), []Peer{{ID: 1}}), storage)
		defer s.stop()
		for range 10 {
			synctest.Wait()
			s.Tick()
		}
		synctest.Wait()
		require.EqualValues(t, 1, s.Status().Lead)
		f(t, s)
	})
}

func TestNodeProposes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		require.NoError(t, s.Propose(t.Context(), []byte("a")))
		require.NoError(t, s.Propose(t.Context(), []byte("b")))
		synctest.Wait()
		require.True(t, s.has("a", "b")())
	})
}

// While nobody leads, Propose waits; it is not lost and not dropped.
func TestNodeProposeWaitsForALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := NewMemoryStorage()
		s := serve(StartNode(testConfig(storage), []Peer{{ID: 1}}), storage)
		defer s.stop()
		synctest.Wait() // bootstrap is applied

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Propose(ctx, []byte("gave up")), context.DeadlineExceeded)

		outcome := make(chan error, 1)
		go func() { outcome <- s.Propose(t.Context(), []byte("patient")) }()
		synctest.Wait()
		require.Empty(t, outcome)
		require.NoError(t, s.Campaign(t.Context()))
		require.NoError(t, <-outcome)
		synctest.Wait()
		require.True(t, s.has("patient")(), "applied: %v", s.applied)
	})
}

func TestNodeProposeReturnsTheOutcomeOfTheStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testConfig(NewMemoryStorage())
		c.MaxUncommittedEntriesSize = 5
		n := StartNode(c, []Peer{{ID: 1}})
		defer n.Stop()
		rd := <-n.Ready()
		require.NoError(t, c.Storage.(*MemoryStorage).Append(rd.Entries))
		n.Advance()
		require.NoError(t, n.Campaign(t.Context()))
		require.NoError(t, n.Propose(t.Context(), []byte("12345")))
		require.ErrorIs(t, n.Propose(t.Context(), []byte("6")), ErrProposalDropped)
	})
}

// Proposals that come while the application works share the next Ready.
func TestNodeBatchesProposalsWhileTheDiskWorks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		slow := make(chan struct{})
		s.onReady = func(Ready) { <-slow }
		before := s.readies
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { require.NoError(t, s.Propose(t.Context(), fmt.Append(nil, i))) })
		}
		wg.Wait() // all are taken in although the first Ready is not handled
		close(slow)
		synctest.Wait()
		require.Len(t, s.applied, 100)
		require.LessOrEqual(t, s.readies-before, 2, "100 proposals, at most two Readies")
	})
}

// After a Ready was taken, none is offered until Advance.
func TestNodeOffersOneReadyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := NewMemoryStorage()
		n := StartNode(testConfig(storage), []Peer{{ID: 1}})
		defer n.Stop()
		rd := <-n.Ready()
		require.NoError(t, n.Campaign(t.Context()))
		synctest.Wait()
		select {
		case rd := <-n.Ready():
			t.Fatalf("a second Ready before Advance: %s", DescribeReady(rd, nil))
		default:
		}
		require.Equal(t, pb.ConfState{Voters: []uint64{1}}, *n.ApplyConfChange(pb.ConfChange{}), "other calls are served meanwhile")
		require.NoError(t, storage.Append(rd.Entries))
		n.Advance()
		require.NoError(t, n.Campaign(t.Context()))
		rd = <-n.Ready()
		require.Equal(t, StateLeader, rd.SoftState.RaftState)
	})
}

func TestNodeReadIndex(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		require.NoError(t, s.Propose(t.Context(), []byte("a")))
		require.NoError(t, s.ReadIndex(t.Context(), []byte("r1")))
		synctest.Wait()
		require.Equal(t, []ReadState{{Index: 3, RequestCtx: []byte("r1")}}, s.reads)
	})
}

func TestNodeChangesMembers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		require.NoError(t, s.ProposeConfChange(t.Context(), pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}))
		synctest.Wait()
		require.Equal(t, pb.ConfState{Voters: []uint64{1}, Learners: []uint64{2}}, s.Status().Config.ConfState())
	})
}

func TestNodeIgnoresWhatPeersMustNotSend(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		before := s.Status()
		for typ := pb.MsgHup; typ <= pb.MsgPreVoteResp; typ++ {
			if IsLocalMsg(typ) || IsResponseMsg(typ) {
				require.NoError(t, s.Step(t.Context(), pb.Message{Type: typ, From: 9, Term: 99}), typ)
			}
		}
		s.ReportUnreachable(9)
		s.ReportSnapshot(9, SnapshotFinish)
		s.TransferLeadership(t.Context(), 1, 9)
		synctest.Wait()
		require.Equal(t, before, s.Status())
	})
}

// Tick never blocks: 128 wait, the rest is lost with a word.
func TestNodeTickNeverBlocks(t *testing.T) {
	var buf bytes.Buffer
	n := &node{tickc: make(chan struct{}, tickBuffer), done: make(chan struct{}),
		logger: &DefaultLogger{Logger: log.New(&buf, "", 0)}}
	for range tickBuffer + 2 {
		n.Tick()
	}
	require.Len(t, n.tickc, 128)
	require.Equal(t, 2, strings.Count(buf.String(), "WARN: a tick is lost"))
}

func TestNodeStopEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := StartNode(testConfig(NewMemoryStorage()), []Peer{{ID: 1}})
		waiting := make(chan error, 1)
		go func() { waiting <- n.Propose(t.Context(), []byte("x")) }()
		synctest.Wait()
		n.Stop()
		n.Stop() // again is harmless
		require.ErrorIs(t, <-waiting, ErrStopped)

		ctx := t.Context()
		require.ErrorIs(t, n.Propose(ctx, nil), ErrStopped)
		require.ErrorIs(t, n.ProposeConfChange(ctx, pb.ConfChange{}), ErrStopped)
		require.ErrorIs(t, n.Campaign(ctx), ErrStopped)
		require.ErrorIs(t, n.Step(ctx, pb.Message{Type: pb.MsgApp}), ErrStopped)
		require.ErrorIs(t, n.ReadIndex(ctx, nil), ErrStopped)
		require.Equal(t, Status{}, n.Status())
		n.Tick()
		n.Advance()
		n.ApplyConfChange(pb.ConfChange{})
		n.TransferLeadership(ctx, 1, 2)
		n.ReportUnreachable(2)
		n.ReportSnapshot(2, SnapshotFailure)
	})
}

func TestNodeRestart(t *testing.T) {
	var storage *MemoryStorage
	inBubble(t, func(t *testing.T, s *server) {
		require.NoError(t, s.Propose(t.Context(), []byte("a")))
		synctest.Wait()
		storage = s.storage
	})
	synctest.Test(t, func(t *testing.T) {
		s := serve(RestartNode(testConfig(storage)), storage)
		defer s.stop()
		synctest.Wait()
		require.True(t, s.has("a")(), "committed entries come again after a restart")
		require.NoError(t, s.Campaign(t.Context()))
		require.NoError(t, s.Propose(t.Context(), []byte("b")))
		synctest.Wait()
		require.True(t, s.has("a", "b")())
	})
	require.PanicsWithValue(t, "no peers given; use RestartNode instead",
		func() { StartNode(testConfig(NewMemoryStorage()), nil) })
}

// All methods from many goroutines; the race detector judges.
func TestNodeIsSafeFromAnyGoroutine(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 100 {
					ctx, cancel := context.WithCancel(t.Context())
					if i%10 == 0 {
						cancel() // the proposal may or may not be taken in
					}
					if err := s.Propose(ctx, fmt.Appendf(nil, "%d.%d", g, i)); err != nil {
						require.ErrorIs(t, err, context.Canceled)
					}
					cancel()
					s.Tick()
					_ = s.Status().String()
					require.NoError(t, s.ReadIndex(t.Context(), fmt.Appendf(nil, "%d.%d", g, i)))
				}
			})
		}
		wg.Wait()
		require.NoError(t, s.Propose(t.Context(), []byte("last")))
		synctest.Wait()
		require.Equal(t, "last", s.applied[len(s.applied)-1])
		require.GreaterOrEqual(t, len(s.applied), 8*90+1)
		require.Len(t, s.reads, 800)
	})
}
