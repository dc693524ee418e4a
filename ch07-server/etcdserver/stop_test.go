package etcdserver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/apply"
)

// Stop closes the stores only when nobody of the server uses them any more.
// Inside the bubble an hour of work takes no time.
func TestStopWaitsForTheServersGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newByHand(t, quietConfig(t))
		ended := false
		s.goAttach(func() {
			<-s.StoppingNotify()
			time.Sleep(time.Hour)
			s.KV().Commit()
			ended = true
		})
		s.Stop()
		require.True(t, ended)
	})
}

// slowApplier takes a minute for each entry.
type slowApplier struct {
	apply.ApplierV3
	begun chan struct{}
	ended bool
}

func (a *slowApplier) Apply(index uint64, r *pb.InternalRaftRequest) apply.Result {
	close(a.begun)
	time.Sleep(time.Minute)
	res := a.ApplierV3.Apply(index, r)
	a.ended = true
	return res
}

func TestStopWaitsForTheEntryThatIsBeingApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quietConfig(t)
		s, err := NewServer(cfg)
		require.NoError(t, err)
		slow := &slowApplier{ApplierV3: s.applyV3, begun: make(chan struct{})}
		s.applyV3 = slow
		s.Start()
		<-s.Ready()
		call := meanwhile(putOf(s, t.Context()))
		<-slow.begun
		s.Stop()
		require.True(t, slow.ended)
		require.ErrorIs(t, call.returned(t, "the server has stopped"), ErrStopped)
	})
}

// StopNotify tells the end, not the beginning; a second Stop returns as well.
func TestStopNotifyTellsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newByHand(t, quietConfig(t))
		gate := make(chan struct{})
		s.goAttach(func() { <-gate })
		stop := meanwhile(func() error { s.Stop(); return nil })
		stop.waits(t, "a goroutine is at work")
		<-s.StoppingNotify()
		select {
		case <-s.StopNotify():
			t.Fatal("it says that it has stopped")
		default:
		}
		close(gate)
		require.NoError(t, stop.returned(t, "everything has ended"))
		<-s.StopNotify()
		s.Stop()
	})
}
