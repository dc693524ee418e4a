package lease

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// primaryWith returns a primary that was promoted at start and granted leases 1..n.
func primaryWith(t *testing.T, n int, ttl int64) *core {
	c := newCore(2)
	c.promote(start, 0)
	grantMany(t, c, n, ttl)
	return c
}

func grantMany(t *testing.T, c *core, n int, ttl int64) {
	for id := range n {
		_, err := c.grant(ID(id+1), ttl, start)
		require.NoError(t, err)
	}
}

func after(d time.Duration) time.Time { return start.Add(d) }

func TestALeaseIsOfferedAtItsExpiryAndNotBefore(t *testing.T) {
	c := primaryWith(t, 1, 10)
	require.Empty(t, c.expired(after(10*time.Second-1), 10))
	require.False(t, c.isExpired(1, after(10*time.Second-1)))
	require.True(t, c.isExpired(1, after(10*time.Second)))
	require.Equal(t, []ID{1}, ids(c.expired(after(10*time.Second), 10)))
}

func TestARenewalMovesTheExpiry(t *testing.T) {
	c := primaryWith(t, 2, 10)
	ttl, err := c.renew(1, after(9*time.Second), false)
	require.NoError(t, err)
	require.EqualValues(t, 10, ttl)
	require.Equal(t, []ID{2}, ids(c.expired(after(18*time.Second), 10)))
	require.Equal(t, []ID{1}, ids(c.expired(after(19*time.Second), 10)))
}

func TestAnOfferIsRepeatedEvery3Seconds(t *testing.T) {
	c := primaryWith(t, 1, 10)
	for at := 10 * time.Second; at < 40*time.Second; at += retryInterval {
		require.Empty(t, c.expired(after(at-1), 10))
		require.Equal(t, []ID{1}, ids(c.expired(after(at), 10)), "at %v", at)
	}
	require.NoError(t, c.revoke(1))
	require.Empty(t, c.expired(after(time.Hour), 10))
}

func TestWhoWaitsLongestIsOfferedFirst(t *testing.T) {
	c := primaryWith(t, 5, 10) // 1..5 at 10 s
	require.Equal(t, []ID{1, 2}, ids(c.expired(after(10*time.Second), 2)))
	// 1 and 2 are offered again only after 3, 4 and 5, although they are still there.
	require.Equal(t, []ID{3, 4}, ids(c.expired(after(14*time.Second), 2)))
	require.Equal(t, []ID{5, 1}, ids(c.expired(after(14*time.Second), 2)))
}

// Whoever is not primary lets nothing expire, and grants what does not expire.
func TestWithoutPromotionNothingExpires(t *testing.T) {
	c := newCore(2)
	grantMany(t, c, 3, 2)
	century := after(100 * 365 * 24 * time.Hour)
	require.Empty(t, c.expired(century, 10))
	require.False(t, c.isExpired(1, century))
	_, err := c.renew(1, start, false)
	require.ErrorIs(t, err, ErrNotPrimary)
	require.Equal(t, Forever, c.all(start)[0].Remaining)

	c.promote(century, time.Second)
	require.Equal(t, 3*time.Second, c.all(century)[0].Remaining)
	c.demote()
	require.Empty(t, c.expired(century.Add(time.Hour), 10))
	require.NoError(t, c.check(century))
}

func TestAPromotionGivesTheWholeLifeAgain(t *testing.T) {
	c := primaryWith(t, 1, 10)
	c.demote()
	c.promote(after(9*time.Second), 2*time.Second)
	require.Empty(t, c.expired(after(21*time.Second-1), 10))
	require.Len(t, c.expired(after(21*time.Second), 10), 1)

	c.promote(after(22*time.Second), 2*time.Second) // a lease that had expired lives again
	require.False(t, c.isExpired(1, after(22*time.Second)))
	require.Empty(t, c.expired(after(25*time.Second), 10))
	_, err := c.renew(1, after(25*time.Second), false)
	require.NoError(t, err)
}

// A promotion spreads leases that would end together: at most 750 in any second, each
// delayed as little as that allows, none shortened.
func TestAPromotionSpreadsAPileUp(t *testing.T) {
	for _, row := range []struct {
		name     string
		n        int
		ttls     func(i int) int64
		wantLast time.Duration // of the last expiry, from the promotion on
	}{
		{"one second holds 750", 750, func(int) int64 { return 10 }, 10 * time.Second},
		{"and not one more", 751, func(int) int64 { return 10 }, 11 * time.Second},
		{"100,000 need 133 seconds", 100_000, func(int) int64 { return 60 }, (60 + 133) * time.Second},
		{"those that end later need no delay", 2000, func(i int) int64 { return int64(10 + i) }, 2009 * time.Second},
		{"a pile runs into the next", 3000, func(i int) int64 { return int64(10 + i/1500) }, 13 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCore(2)
			for i := range row.n {
				_, err := c.grant(ID(i+1), row.ttls(i), start)
				require.NoError(t, err)
			}
			c.promote(start, 0)
			require.NoError(t, c.check(start))
			list := c.all(start)
			require.Equal(t, row.wantLast, list[len(list)-1].Remaining)
			for i, l := range list {
				if l.Remaining < time.Duration(l.TTL)*time.Second {
					t.Fatalf("lease %d of %d s is shortened to %v", l.ID, l.TTL, l.Remaining)
				}
				if i >= 750 && l.Remaining-list[i-750].Remaining < time.Second {
					t.Fatalf("751 leases end within a second, from %v on", list[i-750].Remaining)
				}
			}
		})
	}
}

// The longest TTL, a long checkpoint of some other member, and time itself do not overflow.
func TestTheLongestLife(t *testing.T) {
	c := primaryWith(t, 1, MaxTTL)
	now := time.Now() // with its monotonic part
	c.promote(now, time.Hour)
	require.Empty(t, c.expired(now.Add(time.Duration(MaxTTL)*time.Second), 10))
	require.Positive(t, c.all(now)[0].Remaining)

	c.setCheckpointInterval(time.Minute, now)
	for _, remaining := range []int64{math.MaxInt64, math.MinInt64, -1} {
		_, err := c.setRemaining(1, remaining, now)
		require.NoError(t, err)
		c.promote(now, time.Hour)
		require.Greater(t, c.all(now)[0].Remaining, 284*365*24*time.Hour, "checkpoint %d", remaining)
	}
}

// due makes the checkpoints that are due, and has them agreed on.
func due(t *testing.T, c *core, now time.Time) (list []checkpoint) {
	list = c.dueCheckpoints(now, 1000)
	for _, cp := range list {
		_, err := c.setRemaining(cp.id, cp.remaining, now)
		require.NoError(t, err)
	}
	return list
}

func TestCheckpoints(t *testing.T) {
	const minutes = time.Minute
	withInterval := func(ttl int64) *core {
		c := primaryWith(t, 1, ttl)
		c.setCheckpointInterval(5*minutes, start)
		return c
	}
	t.Run("every 5 minutes, until less than that is left", func(t *testing.T) {
		c := withInterval(800)
		require.Empty(t, due(t, c, after(5*minutes-1)))
		require.Equal(t, []checkpoint{{1, 500}}, due(t, c, after(5*minutes)))
		require.Equal(t, []checkpoint{{1, 200}}, due(t, c, after(10*minutes)))
		require.Empty(t, due(t, c, after(800*time.Second)))
	})
	t.Run("a short lease has none", func(t *testing.T) {
		c := withInterval(300)
		require.Zero(t, c.checkpoints.Len())
	})
	t.Run("a second that has begun counts", func(t *testing.T) {
		require.Equal(t, []checkpoint{{1, 500}}, due(t, withInterval(800), after(5*minutes+999*time.Millisecond)))
	})
	t.Run("a renewal takes it back first and starts the interval anew", func(t *testing.T) {
		c := withInterval(800)
		due(t, c, after(5*minutes))
		_, err := c.renew(1, after(6*minutes), false)
		require.ErrorIs(t, err, errCheckpointed)
		_, err = c.setRemaining(1, 0, after(6*minutes))
		require.NoError(t, err)
		_, err = c.renew(1, after(6*minutes), true)
		require.NoError(t, err)
		_, err = c.renew(1, after(7*minutes), false)
		require.NoError(t, err, "nothing to take back any more")
		require.Empty(t, due(t, c, after(11*minutes)))
		require.Equal(t, []checkpoint{{1, 500}}, due(t, c, after(12*minutes)))
	})
	t.Run("also one that was handed out and never seen again", func(t *testing.T) {
		c := withInterval(800)
		c.dueCheckpoints(after(5*minutes), 1000) // the request may still be under way
		_, err := c.renew(1, after(6*minutes), false)
		require.ErrorIs(t, err, errCheckpointed)
	})
	t.Run("the next primary goes on from it, and takes it back", func(t *testing.T) {
		c := withInterval(800)
		due(t, c, after(5*minutes))
		c.promote(after(8*minutes), 0)
		_, err := c.renew(1, after(8*minutes), false)
		require.ErrorIs(t, err, errCheckpointed)
		require.Len(t, c.expired(after(8*minutes+500*time.Second), 10), 1)
	})
	t.Run("unless checkpoints are off: it could not be taken back", func(t *testing.T) {
		c := withInterval(800)
		due(t, c, after(5*minutes))
		c.setCheckpointInterval(0, after(6*minutes))
		c.promote(after(8*minutes), 0)
		require.Empty(t, c.expired(after(8*minutes+799*time.Second), 10))
		_, err := c.renew(1, after(8*minutes+799*time.Second), false)
		require.NoError(t, err)
		require.Empty(t, due(t, c, after(20*minutes)))
	})
	t.Run("at most so many at once", func(t *testing.T) {
		c := primaryWith(t, 2500, 800)
		c.setCheckpointInterval(5*minutes, start)
		for _, want := range []int{1000, 1000, 500, 0} {
			require.Len(t, due(t, c, after(5*minutes)), want)
		}
		require.NoError(t, c.check(after(5*minutes)))
	})
	t.Run("none for a lease that has expired", func(t *testing.T) {
		require.Empty(t, due(t, withInterval(800), after(801*time.Second)))
	})
	// Invariant 6. An old primary's request is committed when the new one has renewed the
	// lease already: a third primary would end it early.
	t.Run("one that came late and says too little is corrected", func(t *testing.T) {
		c := withInterval(800)
		_, err := c.renew(1, after(minutes), false)
		require.NoError(t, err)
		_, err = c.setRemaining(1, 3, after(2*minutes))
		require.NoError(t, err)
		require.Equal(t, []checkpoint{{1, 740}}, due(t, c, after(2*minutes)))
		require.Empty(t, due(t, c, after(2*minutes)), "once is enough")

		c.promote(after(2*minutes), time.Hour) // has more than its TTL: take it back
		_, err = c.setRemaining(1, 3, after(2*minutes))
		require.NoError(t, err)
		require.Equal(t, []checkpoint{{1, 0}}, due(t, c, after(2*minutes)))
	})
}

func TestMinTTL(t *testing.T) {
	for _, row := range []struct {
		electionTicks int
		heartbeat     time.Duration
		want          int64
	}{
		{10, 100 * time.Millisecond, 2}, // 1.5 s; the answer of 3.4.23
		{100, 100 * time.Millisecond, 15},
		{3, 100 * time.Millisecond, 1}, // 4 ticks: 0.4 s
		{10, time.Second, 15},
	} {
		require.Equal(t, row.want, MinTTL(row.electionTicks, row.heartbeat), "%+v", row)
	}
}

// A worked example of the queue: its head after each step.
func TestQueue(t *testing.T) {
	q := &queue{of: func(l *lease) *appointment { return &l.offer }}
	a, b, c := &lease{id: 1}, &lease{id: 2}, &lease{id: 3}
	all := map[ID]*lease{1: a, 2: b, 3: c}
	step := func(what string, want *lease) {
		require.Same(t, want, q.first(), what)
		require.NoError(t, q.check(all), what)
	}
	require.Nil(t, q.first())
	q.set(b, after(20))
	step("b alone", b)
	q.set(a, after(30))
	step("a is later", b)
	q.set(c, after(10))
	step("c is earlier", c)
	q.set(c, after(40))
	step("c moves back", b)
	q.set(a, after(20))
	step("equal times: the smaller ID", a)
	q.remove(a)
	q.remove(a)
	step("a is gone, twice", b)
	q.clear()
	require.Nil(t, q.first())
	require.Zero(t, b.offer.place+c.offer.place)
}
