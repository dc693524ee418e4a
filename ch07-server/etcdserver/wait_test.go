package etcdserver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch07-server/apply"
)

func TestAWaiterGetsTheResultOfItsOwnRequest(t *testing.T) {
	w := newWaiters()
	a, b := w.register(1), w.register(1+waiterShards) // the same shard
	w.trigger(1+waiterShards, apply.Result{Resp: "b"})
	w.trigger(1, apply.Result{Resp: "a"})
	w.trigger(2, apply.Result{Resp: "another member's"})
	require.Equal(t, "a", (<-a).Resp)
	require.Equal(t, "b", (<-b).Resp)
}

// The result may come between the moment a caller gives up and the moment he
// says so. His channel is used again, so it must not stay in there.
func TestAForgottenRequestLeavesNothingInItsChannel(t *testing.T) {
	w := newWaiters()
	c := w.register(1)
	w.trigger(1, apply.Result{Resp: "too late"})
	require.Len(t, c, 1)
	w.forget(1, c)
	require.Empty(t, c, "the next one to use this channel would get the result of another request")

	c = w.register(2)
	w.forget(2, c)
	w.trigger(2, apply.Result{Resp: "too late"})
	require.Empty(t, c)
	require.Empty(t, w.shard(2).waiting)
}

func TestARequestIDIsNeverGivenOutTwice(t *testing.T) {
	w := newWaiters()
	w.register(7)
	require.PanicsWithValue(t, "etcdserver: request ID 7 was given out twice", func() { w.register(7) })
}

func TestAppliedWait(t *testing.T) {
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	var a appliedWait
	five, seven := a.wait(5), a.wait(7)
	a.reach(4)
	require.False(t, closed(five))
	a.reach(6)
	require.True(t, closed(five))
	require.False(t, closed(seven))
	require.True(t, closed(a.wait(6)), "what is reached needs no waiting")
	a.reach(9)
	require.True(t, closed(seven))
}

func TestDeadlinesAreSharedAndNeverShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d := newDeadlines(ctx, 16*time.Second)
		first, _ := d.get()
		time.Sleep(999 * time.Millisecond)
		again, _ := d.get()
		require.True(t, first == again, "close requests share one")
		time.Sleep(time.Millisecond)
		second, _ := d.get()
		require.False(t, first == second, "a later request gets a later one")

		time.Sleep(15 * time.Second) // virtual time: 16 s after the first, 15 s after the second
		synctest.Wait()
		require.NoError(t, first.Err(), "a request that came at the end of the slot has 16 s too")
		time.Sleep(time.Second)
		synctest.Wait()
		require.ErrorIs(t, first.Err(), context.DeadlineExceeded)
		require.NoError(t, second.Err())
	})
}

// How long a test polls for what nothing announces.
const (
	waitLimit = 10 * time.Second
	waitStep  = time.Millisecond
)
