package etcdserver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch07-server/apply"
)

// putOf is a put that has to go through the log.
func putOf(s *EtcdServer, ctx context.Context) func() error {
	return func() error {
		_, err := s.Put(ctx, &pb.PutRequest{Key: []byte("k")})
		return err
	}
}

// requestID reads a proposal.
func requestID(t *testing.T, data []byte) uint64 {
	t.Helper()
	r, _, err := pb.DecodeRaftEntry(data)
	require.NoError(t, err)
	return r.GetHeader().GetID()
}

// waitingCallers is for how many requests somebody waits.
func waitingCallers(s *EtcdServer) (n int) {
	for i := range s.w.shards {
		shard := &s.w.shards[i]
		shard.mu.Lock()
		n += len(shard.waiting)
		shard.mu.Unlock()
	}
	return n
}

// How a proposal can end without an answer, what the caller is told, and that
// nothing is left of it: neither the ID nor, should the answer come after all,
// a result that the next caller would take for his own.
func TestACallerThatGivesUpLeavesNothingBehind(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(s *EtcdServer, cancel func())
		want error
	}{
		{"the caller gives up", func(_ *EtcdServer, cancel func()) { cancel() }, ErrCanceled},
		{"its time is up", func(s *EtcdServer, _ func()) { time.Sleep(2 * s.Cfg.ReqTimeout()) }, ErrTimeout},
		{"the server stops", func(s *EtcdServer, _ func()) { s.halt() }, ErrStopped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, node := silent(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				call := meanwhile(putOf(s, ctx))
				id := requestID(t, <-node.proposed)
				call.waits(t, "nothing was applied")
				require.Equal(t, 1, waitingCallers(s))
				tc.end(s, cancel)
				require.ErrorIs(t, call.returned(t, tc.name), tc.want)
				require.Zero(t, waitingCallers(s))
				s.w.trigger(id, apply.Result{Resp: "too late"}) // nobody hears it
			})
		})
	}
	t.Run("raft refuses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, node := silent(t)
			node.refuse = raft.ErrProposalDropped
			require.ErrorIs(t, putOf(s, t.Context())(), raft.ErrProposalDropped)
			require.Zero(t, waitingCallers(s))
		})
	})
	t.Run("the caller has given up before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, node := silent(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, putOf(s, ctx)(), ErrCanceled)
			require.Empty(t, node.proposed, "nothing is proposed for somebody who is gone")
			require.Zero(t, waitingCallers(s))
		})
	})
}

// A caller whose time is up hears why: a leader that was replaced while he
// waited, or shortly after he would have needed it, probably took his request
// with it. Election timeout 1 s, so requests may take 7 s.
func TestWhyTimeWasUp(t *testing.T) {
	for _, tc := range []struct {
		name     string
		elected  time.Duration // when another leader is heard of, after the call; 0 for never
		deadline time.Duration // of the caller; 0 for none
		want     error
	}{
		{"no change of leaders", 0, 0, ErrTimeout},
		{"the caller's own deadline", 0, time.Second, ErrTimeout},
		{"a new leader soon after", time.Second, 0, ErrTimeoutDueToLeaderFail},
		{"a new leader before the caller's deadline", time.Second, 3 * time.Second, ErrTimeoutDueToLeaderFail},
		{"a new leader before the call", -time.Second, 0, ErrTimeout},
		{"a new leader long before the caller's deadline", -6 * time.Second, time.Second, ErrTimeout},
		{"the old leader was alive at the call", 3 * time.Second, 0, ErrTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := silent(t)
				require.Equal(t, 7*time.Second, s.Cfg.ReqTimeout())
				time.Sleep(time.Minute)
				if tc.elected < 0 {
					s.updateLeadership(7, false)
					time.Sleep(-tc.elected)
				}
				ctx, limit := t.Context(), s.Cfg.ReqTimeout()
				if tc.deadline != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.deadline)
					defer cancel()
					limit = tc.deadline
				}
				begin := time.Now()
				call := meanwhile(putOf(s, ctx))
				if tc.elected > 0 {
					time.Sleep(tc.elected)
					s.updateLeadership(7, false)
				}
				require.Equal(t, tc.want, <-call)
				require.WithinRange(t, time.Now(), begin.Add(limit), begin.Add(limit+limit/8))
			})
		})
	}
}

// Apply may fall 5000 entries behind; beyond that nothing new is taken in.
func TestProposalsAreTurnedAwayWhenApplyFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, node := silent(t)
		s.updateCommittedIndex(s.AppliedIndex() + 5000)
		ctx, cancel := context.WithCancel(t.Context())
		call := meanwhile(putOf(s, ctx))
		call.waits(t, "it was proposed")
		require.Len(t, node.proposed, 1)
		cancel()
		require.ErrorIs(t, call.returned(t, "it gave up"), ErrCanceled)

		s.updateCommittedIndex(s.AppliedIndex() + 5001)
		require.ErrorIs(t, putOf(s, t.Context())(), ErrTooManyRequests)
		require.Len(t, node.proposed, 1, "certain to have changed nothing")
	})
}

// tappedBackend counts the commits that somebody asks for.
type tappedBackend struct {
	backend.Backend
	onCommit func()
}

func (b tappedBackend) ForceCommit() {
	b.onCommit()
	b.Backend.ForceCommit()
}

// compacting has a compaction applied whose revisions are still on disk: the
// channel says when they are gone.
func compacting(t *testing.T, physical bool, ctx context.Context) (s *EtcdServer, call answered, gone chan struct{}, commits *int) {
	s, node := silent(t)
	gone, commits = make(chan struct{}), new(int)
	s.be = tappedBackend{s.be, func() {
		*commits++
		select {
		case <-gone:
		default:
			t.Error("committed before the revisions were gone")
		}
	}}
	call = meanwhile(func() error {
		resp, err := s.Compact(ctx, &pb.CompactionRequest{Revision: 2, Physical: physical})
		if err == nil && resp.Header.Revision != 9 {
			t.Errorf("answered %v", resp)
		}
		return err
	})
	s.w.trigger(requestID(t, <-node.proposed), apply.Result{
		Resp:  &pb.CompactionResponse{Header: &pb.ResponseHeader{Revision: 9}},
		Physc: gone,
	})
	return s, call, gone, commits
}

// Who asks for a physical compaction wants the space: he is answered when the
// revisions are gone and that is on disk. Everybody else is answered at once.
func TestAPhysicalCompactionWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, call, gone, commits := compacting(t, true, t.Context())
		call.waits(t, "the revisions are still there")
		close(gone)
		require.NoError(t, call.returned(t, "the revisions are gone"))
		require.Equal(t, 1, *commits)
	})
	synctest.Test(t, func(t *testing.T) {
		_, call, _, commits := compacting(t, false, t.Context())
		require.NoError(t, call.returned(t, "nobody asked for the disk"))
		require.Zero(t, *commits)
	})
}

func TestAPhysicalCompactionCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, call, _, commits := compacting(t, true, ctx)
		call.waits(t, "the revisions are still there")
		cancel()
		require.ErrorIs(t, call.returned(t, "the caller gave up"), context.Canceled)
		require.Zero(t, *commits)
	})
	synctest.Test(t, func(t *testing.T) {
		s, call, _, commits := compacting(t, true, t.Context())
		call.waits(t, "the revisions are still there")
		s.halt()
		require.ErrorIs(t, call.returned(t, "the server stops"), ErrStopped)
		require.Zero(t, *commits)
	})
}
