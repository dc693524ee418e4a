package lease

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// modelLease and model are the lessor as one would write it without thinking of speed: a
// map, and a search through all of it for every question.
type modelLease struct {
	ttl, remaining int64
	keys           map[string]bool
	expiry, offer  time.Time
}

type model struct {
	primary bool
	leases  map[ID]*modelLease
}

func (m *model) grant(id ID, ttl int64, now time.Time) error {
	if id == NoLease {
		return ErrLeaseNotFound
	}
	if ttl > MaxTTL {
		return ErrLeaseTTLTooLarge
	}
	if m.leases[id] != nil {
		return ErrLeaseExists
	}
	l := &modelLease{ttl: max(ttl, 2), keys: map[string]bool{}}
	m.leases[id] = l
	if m.primary {
		l.expiry = now.Add(time.Duration(l.ttl) * time.Second)
		l.offer = l.expiry
	}
	return nil
}

func (m *model) renew(id ID, now time.Time) error {
	l := m.leases[id]
	switch {
	case !m.primary:
		return ErrNotPrimary
	case l == nil:
		return ErrLeaseNotFound
	case !now.Before(l.expiry):
		return errExpired
	}
	l.expiry = now.Add(time.Duration(l.ttl) * time.Second)
	l.offer = l.expiry
	return nil
}

func (m *model) take(key string) {
	for _, l := range m.leases {
		delete(l.keys, key)
	}
}

func (m *model) expired(now time.Time, limit int) (list []ID) {
	due := []ID{}
	for id, l := range m.leases {
		if m.primary && !l.offer.After(now) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b ID) int {
		if order := m.leases[a].offer.Compare(m.leases[b].offer); order != 0 {
			return order
		}
		return int(a - b)
	})
	due = due[:min(limit, len(due))]
	for _, id := range due {
		m.leases[id].offer = now.Add(3 * time.Second)
	}
	return due
}

func (m *model) promote(now time.Time, extend time.Duration) {
	m.primary = true
	for _, l := range m.leases {
		l.expiry = now.Add(time.Duration(l.ttl) * time.Second).Add(extend)
		l.offer = l.expiry
	}
}

func (m *model) demote() {
	m.primary = false
	for _, l := range m.leases {
		l.expiry, l.offer = time.Time{}, time.Time{}
	}
}

// TestCoreDoesWhatTheModelDoes lives many random lives and compares after every step what
// is answered, what is kept, and the invariants.
func TestCoreDoesWhatTheModelDoes(t *testing.T) {
	for seed := range uint64(300) {
		if err := randomLife(seed, 300); err != nil {
			t.Fatalf("%v\nreplay: randomLife(%d, 300)", err, seed)
		}
	}
}

func randomLife(seed uint64, steps int) error {
	rnd := rand.New(rand.NewPCG(seed, 0))
	c, m := newCore(2), &model{leases: map[ID]*modelLease{}}
	c.setCheckpointInterval(3*time.Second, start) // scheduled, but never made
	now := start
	for step := range steps {
		now = now.Add(time.Duration(rnd.Int64N(1000)) * time.Millisecond)
		did, err := randomStep(rnd, c, m, now)
		if err == nil {
			err = c.check(now)
		}
		if err == nil {
			err = agree(c, m)
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, did, err)
		}
	}
	return nil
}

func randomStep(rnd *rand.Rand, c *core, m *model, now time.Time) (did string, err error) {
	id, key := ID(rnd.Int64N(8)), fmt.Sprint("k", rnd.IntN(10))
	same := func(got, want error) error {
		if got != want {
			return fmt.Errorf("answered %v, expected %v", got, want)
		}
		return nil
	}
	known := func() error {
		if m.leases[id] == nil {
			return ErrLeaseNotFound
		}
		return nil
	}
	switch rnd.IntN(12) {
	case 0, 1:
		ttl := rnd.Int64N(12) - 1
		_, got := c.grant(id, ttl, now)
		return fmt.Sprintf("grant %d for %d s", id, ttl), same(got, m.grant(id, ttl, now))
	case 2:
		want := known()
		got := c.revoke(id)
		delete(m.leases, id)
		return fmt.Sprintf("revoke %d", id), same(got, want)
	case 3, 4:
		_, got := c.renew(id, now, false)
		return fmt.Sprintf("renew %d", id), same(got, m.renew(id, now))
	case 5, 6:
		want := known()
		if want == nil {
			m.take(key)
			m.leases[id].keys[key] = true
		}
		return fmt.Sprintf("attach %s to %d", key, id), same(c.attach(id, []LeaseItem{{key}}), want)
	case 7:
		want := known()
		if want == nil {
			delete(m.leases[id].keys, key)
		}
		return fmt.Sprintf("detach %s from %d", key, id), same(c.detach(id, []LeaseItem{{key}}), want)
	case 8:
		m.take(key)
		want := known()
		if id == NoLease {
			want = nil
		} else if want == nil {
			m.leases[id].keys[key] = true
		}
		return fmt.Sprintf("assign %s to %d", key, id), same(c.assign([]byte(key), id), want)
	case 9:
		if rnd.IntN(2) == 0 {
			c.promote(now, time.Second)
			m.promote(now, time.Second)
			return "promote", nil
		}
		c.demote()
		m.demote()
		return "demote", nil
	}
	got, want := ids(c.expired(now, 2)), m.expired(now, 2)
	if !slices.Equal(got, want) {
		err = fmt.Errorf("offered %v, expected %v", got, want)
	}
	return "offer", err
}

// agree compares what both keep.
func agree(c *core, m *model) error {
	if len(c.leases) != len(m.leases) {
		return fmt.Errorf("keeps %d leases, expected %d", len(c.leases), len(m.leases))
	}
	for id, want := range m.leases {
		got, err := c.keys(id)
		if err != nil || !slices.Equal(got, slices.Sorted(maps.Keys(want.keys))) {
			return fmt.Errorf("lease %d has keys %v (%v), expected %v", id, got, err, want.keys)
		}
		if l := c.leases[id]; l.ttl != want.ttl || !l.expiry.Equal(want.expiry) {
			return fmt.Errorf("lease %d: TTL %d, expiry %v; expected %d, %v", id, l.ttl, l.expiry, want.ttl, want.expiry)
		}
	}
	return nil
}

// Primary or not, renewed or not: the same entries make the same leases (invariant 2).
func TestMembersAgreeWhoeverIsPrimary(t *testing.T) {
	leader, follower := newCore(2), newCore(2)
	leader.promote(start, 0)
	for i, c := range []*core{leader, follower} {
		now := start.Add(time.Duration(i) * time.Hour) // the follower is far behind
		_, err := c.grant(1, 10, now)
		require.NoError(t, err)
		_, err = c.grant(2, 10_000, now)
		require.NoError(t, err)
		require.NoError(t, c.attach(1, []LeaseItem{{"b"}, {"a"}}))
		require.NoError(t, c.attach(2, []LeaseItem{{"b"}, {"c"}}))
		_, err = c.renew(2, now, false)
		require.Equal(t, i == 0, err == nil)
		_, err = c.setRemaining(2, 77, now)
		require.NoError(t, err)
		require.NoError(t, c.revoke(1))
	}
	for _, c := range []*core{leader, follower} {
		keys, err := c.keys(2)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "c"}, keys)
		require.Len(t, c.leases, 1)
		require.Len(t, c.items, 2)
		require.Equal(t, leader.leases[2].record(), c.leases[2].record())
	}
}

// The answers were asked of etcd 3.4.23, whose minimum is 2 seconds.
func TestGrantAnswersAs34(t *testing.T) {
	for _, row := range []struct {
		name    string
		id      ID
		ttl     int64
		want    int64
		wantErr error
	}{
		{"no TTL at all", 1, 0, 2, nil},
		{"negative", 2, -5, 2, nil},
		{"the most negative", 3, -1 << 63, 2, nil},
		{"below the minimum", 4, 1, 2, nil},
		{"the minimum", 5, 2, 2, nil},
		{"the maximum", 6, 9_000_000_000, 9_000_000_000, nil},
		{"above it", 7, 9_000_000_001, 0, ErrLeaseTTLTooLarge},
		{"above it, ID in use: too large comes first", 1, 9_000_000_001, 0, ErrLeaseTTLTooLarge},
		{"in use", 1, 100, 0, ErrLeaseExists},
		{"a negative ID", -3, 100, 100, nil},
		{"no ID: the server chooses one before it proposes", 0, 100, 0, ErrLeaseNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCore(2)
			c.promote(start, 0)
			_, err := c.grant(1, 50, start)
			require.NoError(t, err)
			if row.id == 1 && row.wantErr == nil {
				require.NoError(t, c.revoke(1))
			}
			l, err := c.grant(row.id, row.ttl, start)
			require.ErrorIs(t, err, row.wantErr)
			if row.wantErr == nil {
				require.Equal(t, row.want, l.ttl)
				require.Equal(t, time.Duration(row.want)*time.Second, l.snapshot(start).Remaining)
			}
			require.NoError(t, c.check(start))
		})
	}
}

func TestABrokenInvariantPanicsWithItsNumbers(t *testing.T) {
	c := newCore(2)
	l, err := c.grant(7, 10, start)
	require.NoError(t, err)
	require.NoError(t, c.attach(7, []LeaseItem{{"a"}}))
	delete(l.items, LeaseItem{"a"})
	require.PanicsWithValue(t, `lease: invariant 1: key "a" and lease 7 do not agree on belonging together (lease lists it: false)`,
		func() { _ = c.assign([]byte("a"), NoLease) })
	require.Panics(t, func() { c.restore(7, 10, 0) })
	c.promote(start, 0)
	c.offers.set(l, start)
	require.Panics(t, func() { c.expired(start, 1) }, "an offer before the expiry")
}
