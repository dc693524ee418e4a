package clientv3

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRenewalsOverTime tells the life of a lease of nine seconds.
func TestRenewalsOverTime(t *testing.T) {
	t0 := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	r := newRenewals()
	r.add(7, t0, 6*time.Second)
	require.Equal(t, []LeaseID{7}, r.due(t0), "K1: never answered, so at once")
	require.Empty(t, r.due(at(499*time.Millisecond)))
	require.Equal(t, []LeaseID{7}, r.due(at(500*time.Millisecond)), "K1: still no answer")

	r.answered(7, 9, at(time.Second))
	require.Empty(t, r.due(at(3999*time.Millisecond)))
	next, ok := r.wakeAt()
	require.True(t, ok)
	require.Equal(t, at(4*time.Second), next, "a third of nine seconds")
	require.Equal(t, []LeaseID{7}, r.due(at(4*time.Second)))

	r.broken(at(4100 * time.Millisecond))
	require.Equal(t, []LeaseID{7}, r.due(at(4100*time.Millisecond)), "K1: a new connection")
	require.Empty(t, r.overdue(at(9999*time.Millisecond)))
	require.Equal(t, []LeaseID{7}, r.overdue(at(10*time.Second)), "K2")
	_, ok = r.wakeAt()
	require.False(t, ok)
}

func TestALeaseThatNobodyAnswersForIsGivenUp(t *testing.T) {
	t0 := time.Unix(0, 0)
	r := newRenewals()
	r.add(3, t0, time.Second)
	r.add(2, t0, time.Second)
	r.add(2, t0.Add(time.Hour), time.Hour)
	require.Equal(t, []LeaseID{2, 3}, r.overdue(t0.Add(time.Second)), "a second reader does not make it live longer")
}
