package mvcc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func offerTo(o *outbox, r WatchResponse) bool {
	o.hold()
	defer o.release()
	return o.add(r)
}

func eventsOfSize(bytes int) []Event { return []Event{make(Event, bytes)} }

func hasRung(o *outbox) bool {
	select {
	case <-o.bell:
		return true
	default:
		return false
	}
}

func TestOutboxIsTakenInOrderAndRingsOnce(t *testing.T) {
	o := newOutbox(outboxBytes)
	require.False(t, hasRung(o))
	o.hold()
	for id := range WatchID(3) {
		require.True(t, o.add(WatchResponse{WatchID: id}))
	}
	o.release()
	require.True(t, hasRung(o))
	require.False(t, hasRung(o))
	got, hasNews := o.take()
	require.Equal(t, []WatchResponse{{WatchID: 0}, {WatchID: 1}, {WatchID: 2}}, got)
	require.False(t, hasNews)
	got, _ = o.take()
	require.Nil(t, got)
}

func TestOutboxRefusesWhatDoesNotFit(t *testing.T) {
	o := newOutbox(1000)
	require.True(t, offerTo(o, WatchResponse{Events: eventsOfSize(5000)}), "alone, anything fits")
	require.False(t, offerTo(o, WatchResponse{WatchID: 1}))
	_, hasNews := o.take()
	require.True(t, hasNews, "somebody was refused")
	require.True(t, offerTo(o, WatchResponse{Events: eventsOfSize(500)}))
	require.False(t, offerTo(o, WatchResponse{Events: eventsOfSize(500)}))
	require.True(t, offerTo(o, WatchResponse{Events: eventsOfSize(300)}))
}

// TestSharedEventsCountOnce: a thousand watchers of one stream who share an event need
// little room.
func TestSharedEventsCountOnce(t *testing.T) {
	o, shared := newOutbox(1000+1000*responseBytes), eventsOfSize(1000)
	for id := range WatchID(1000) {
		require.True(t, offerTo(o, WatchResponse{WatchID: id, Events: shared}), "%d", id)
	}
	require.False(t, offerTo(o, WatchResponse{Events: shared}))
}

func TestOutboxForgetsAWatcher(t *testing.T) {
	pending := pendingEvents.Load()
	o := newOutbox(outboxBytes)
	for id := range WatchID(4) {
		require.True(t, offerTo(o, WatchResponse{WatchID: id % 2, Events: eventsOfSize(1)}))
	}
	require.Equal(t, pending+4, pendingEvents.Load())
	require.Equal(t, 2, o.drop(1))
	require.Equal(t, pending+2, pendingEvents.Load())
	got, _ := o.take()
	require.Len(t, got, 2)
	require.Equal(t, pending, pendingEvents.Load())
	require.True(t, offerTo(o, WatchResponse{Events: eventsOfSize(1)}))
	o.close()
	require.Equal(t, pending, pendingEvents.Load())
	<-o.bell
	_, isOpen := <-o.bell
	require.False(t, isOpen, "after Close the bell is silent for ever")
	got, _ = o.take()
	require.Nil(t, got)
}

// TestOutboxUsesItsMemoryAgain: two buffers take turns; after a burst the large one goes.
func TestOutboxUsesItsMemoryAgain(t *testing.T) {
	o, shared := newOutbox(outboxBytes), eventsOfSize(1)
	cycle := func(n int) {
		o.hold()
		for range n {
			o.add(WatchResponse{Events: shared})
		}
		o.release()
		o.take()
	}
	cycle(1000)
	cycle(1000)
	require.Zero(t, testing.AllocsPerRun(10, func() { cycle(1000) }))
	for range 4 {
		cycle(1)
	}
	require.Less(t, max(cap(o.taken), cap(o.waiting)), smallOutbox)
}
