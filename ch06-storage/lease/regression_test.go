package lease

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"insideetcd/ch06-storage/backend"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each test here is named after a row of the list of faults that etcd has had.

// TestRegression_L1_AnOfferFromBeforeAPauseIsRecognised: the leader is paused while its
// server holds an offer. When it goes on, the lease has been given new life, and the client
// relies on it. Whether it is leader the server finds out; which offers are still good it
// asks the lessor.
func TestRegression_L1_AnOfferFromBeforeAPauseIsRecognised(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.grant(1, 10)
		sleep(11 * time.Second)
		held := m.offered()
		require.Equal(t, []ID{1}, held)
		require.True(t, m.IsExpired(1), "now the server may propose to revoke it")

		m.Demote() // it learns that there was an election
		require.False(t, m.IsExpired(1), "another member decides about it")
		m.Promote(time.Second) // and is elected again
		require.False(t, m.IsExpired(1), "the old offer is void")
		_, err := m.Renew(context.Background(), 1)
		require.NoError(t, err)
	})
}

// TestRegression_L2_ARenewalThatSucceedsLeavesALease: clients renew a lease again and again
// around its expiry while the server revokes it. When an answer says that the lease was
// renewed, it has to live for its whole TTL from then on.
func TestRegression_L2_ARenewalThatSucceedsLeavesALease(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		const ttl = 2
		var renewals atomic.Int64
		for id := ID(1); id <= 40; id++ {
			m.grant(id, ttl)
			var clients sync.WaitGroup
			for client := range 4 {
				clients.Go(func() {
					// The first renewal comes right before, at, and after the expiry.
					time.Sleep(ttl*time.Second - 20*time.Millisecond + time.Duration(id)*time.Millisecond)
					time.Sleep(time.Duration(client) * time.Millisecond)
					_, err := m.Renew(context.Background(), id)
					if err != nil {
						assert.ErrorIs(t, err, ErrLeaseNotFound)
						assert.Nil(t, m.Lookup(id))
						return
					}
					renewals.Add(1)
					assert.Equal(t, ttl*time.Second, m.Lookup(id).Remaining, "given new life")
				})
			}
			go func() { // the server
				for _, l := range <-m.ExpiredLeasesC() {
					assert.True(t, m.IsExpired(l.ID))
					time.Sleep(5 * time.Millisecond) // the proposal takes its time
					assert.NoError(t, m.Revoke(l.ID))
				}
			}()
			clients.Wait()
			for m.Lookup(id) != nil {
				sleep(time.Second)
			}
		}
		require.Greater(t, renewals.Load(), int64(20), "the race must be close: some renewals come in time,")
		require.Less(t, renewals.Load(), int64(140), "some too late")
	})
}

// TestRegression_L2_ALeaseRevokedDuringARenewal: the renewal has to take a checkpoint back
// first, which takes a while; meanwhile the lease is revoked.
func TestRegression_L2_ALeaseRevokedDuringARenewal(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.withCheckpoints()
		m.grant(1, 1000)
		sleep(6 * time.Minute)
		m.SetCheckpointer(func(context.Context, *pbCheckpoints) error { return m.Revoke(1) })
		_, err := m.Renew(context.Background(), 1)
		require.ErrorIs(t, err, ErrLeaseNotFound)

		m.SetCheckpointer(nil)
		m.withCheckpoints()
		m.grant(2, 1000)
		sleep(6 * time.Minute)
		m.SetCheckpointer(func(context.Context, *pbCheckpoints) error { m.Demote(); return nil })
		_, err = m.Renew(context.Background(), 2)
		require.ErrorIs(t, err, ErrNotPrimary)
	})
}

// cluster is three members that agree on everything at once. It keeps no log: what a member
// knows after a restart stands in its records.
type cluster struct {
	t       *testing.T
	persist bool
	members [3]*core
	records [3]map[ID][]byte
	leader  int
	now     time.Time
	extend  time.Duration
}

func (cl *cluster) apply(entry func(c *core) *lease, isWritten bool) {
	for i, c := range cl.members {
		if l := entry(c); isWritten {
			cl.records[i][l.id] = l.record()
		}
	}
}

// restart brings a member back with what stands in its records.
func (cl *cluster) restart(i int) {
	c := newCore(2)
	c.setCheckpointInterval(DefaultCheckpointInterval, cl.now)
	for id, record := range cl.records[i] {
		require.NoError(cl.t, c.readRecord(recordKey(id), record))
	}
	cl.members[i] = c
}

// changeLeader: all members are restarted, and the next one becomes leader.
func (cl *cluster) changeLeader() {
	for i := range cl.members {
		cl.restart(i)
	}
	cl.leader = (cl.leader + 1) % len(cl.members)
	cl.members[cl.leader].promote(cl.now, cl.extend)
}

// live grants a lease, never renews it, changes the leader every so often, and returns how
// long the lease lives and how many changes it sees.
func (cl *cluster) live(ttl int64, every time.Duration) (life time.Duration, changes int) {
	for i := range cl.members {
		cl.records[i] = map[ID][]byte{}
		cl.restart(i)
	}
	cl.now = start
	cl.changeLeader()
	cl.apply(func(c *core) *lease {
		l, err := c.grant(1, ttl, cl.now)
		require.NoError(cl.t, err)
		return l
	}, true)
	nextChange := cl.now.Add(every)
	for cl.now.Before(after(1000 * time.Hour)) {
		cl.now = cl.now.Add(tickInterval)
		c := cl.members[cl.leader]
		if len(c.expired(cl.now, 1)) == 1 {
			return cl.now.Sub(start), changes
		}
		for _, cp := range c.dueCheckpoints(cl.now, checkpointsPerRequest) {
			cl.apply(func(c *core) *lease {
				l, err := c.setRemaining(cp.id, cp.remaining, cl.now)
				require.NoError(cl.t, err)
				return l
			}, cl.persist)
		}
		if !cl.now.Before(nextChange) {
			cl.changeLeader()
			changes++
			nextChange = cl.now.Add(every)
		}
	}
	return cl.now.Sub(start), changes
}

// TestRegression_L3_LeaderChangesDoNotKeepALeaseAlive: the life of a lease that nobody
// renews is at least its TTL, and at most TTL + n·ε after n leader changes. ε is what a
// change costs: the time since the last checkpoint, the extension, a tick, rounding.
func TestRegression_L3_LeaderChangesDoNotKeepALeaseAlive(t *testing.T) {
	const ttl = 3600
	extend := time.Second
	epsilon := DefaultCheckpointInterval + extend + tickInterval + time.Second
	for _, every := range []time.Duration{time.Minute, 6 * time.Minute, 10 * time.Minute, 50 * time.Minute, 10 * time.Hour} {
		t.Run(fmt.Sprint("a change every ", every), func(t *testing.T) {
			if every <= DefaultCheckpointInterval {
				t.Log("no leader lasts until a checkpoint: n grows with time, and so does the bound")
			}
			cl := &cluster{t: t, persist: true, extend: extend}
			life, changes := cl.live(ttl, every)
			require.GreaterOrEqual(t, life, ttl*time.Second, "a TTL is a minimum")
			require.LessOrEqual(t, life, ttl*time.Second+time.Duration(changes)*epsilon+tickInterval, "after %d changes", changes)
		})
	}
	t.Run("not persisted, it lives as long as leaders change", func(t *testing.T) {
		cl := &cluster{t: t, persist: false, extend: extend}
		life, changes := cl.live(ttl, 10*time.Minute)
		require.Greater(t, life, 100*ttl*time.Second, "the fault, after %d changes", changes)
	})
}

// TestRegression_L4_NothingRaces is for the race detector: everything at once. What must
// hold afterwards is that memory, disk and the invariants agree.
func TestRegression_L4_NothingRaces(t *testing.T) {
	m := newMember(t, Config{CheckpointInterval: time.Nanosecond, CheckpointPersist: true})
	defer m.stop()
	m.withCheckpointsUnrecorded()
	m.Promote(0)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all sync.WaitGroup
	repeat := func(fn func(i int)) {
		all.Go(func() {
			for i := range 300 {
				fn(i)
			}
		})
	}
	id := func(i int) ID { return ID(i%7 + 1) }
	for range 2 {
		repeat(func(i int) { _, _ = m.Grant(id(i), int64(i%2)*100) }) // TTL 0 too
		repeat(func(i int) { _, _ = m.Renew(ctx, id(i)) })
		repeat(func(i int) { _ = m.Revoke(id(i)) })
		repeat(func(i int) { _ = m.Checkpoint(id(i), int64(i)) })
		repeat(func(i int) { m.lockedAssign(fmt.Sprint(i%5), id(i*3)) })
		repeat(func(i int) { _ = m.Detach(id(i), []LeaseItem{{fmt.Sprint(i % 5)}}) })
		repeat(func(i int) {
			if l := m.Lookup(id(i)); l != nil {
				l.Remaining = 0 // it is ours
			}
			m.Keys(id(i))
			m.Leases()
			m.IsExpired(id(i))
		})
	}
	repeat(func(i int) {
		if i%50 == 0 {
			m.Demote()
		}
		m.Promote(0)
	})
	all.Wait()
	le := m.Lessor.(*lessor)
	le.mu.Lock()
	require.NoError(t, le.core.check(time.Now()))
	le.mu.Unlock()
	records := m.records()
	require.Len(t, records, len(m.Leases()))
	for _, l := range m.Leases() {
		require.Contains(t, records, l.ID)
	}
}

// TestRegression_L4_ATTLOfZero: such a lease lives for the minimum, and is renewed for it.
func TestRegression_L4_ATTLOfZero(t *testing.T) {
	inBubble(t, Config{MinTTL: 2}, func(t *testing.T, m *member) {
		m.grant(1, 0)
		sleep(2*time.Second - 1)
		ttl, err := m.Renew(context.Background(), 1)
		require.NoError(t, err)
		require.EqualValues(t, 2, ttl)
		sleep(2*time.Second - 1)
		require.False(t, m.IsExpired(1))
		require.Positive(t, m.Lookup(1).Remaining)
		sleep(1)
		require.True(t, m.IsExpired(1))
		require.Equal(t, "08011002", m.records()[1])
	})
}

// TestRegression_L5_AFailedRevokeIsTriedAgain: whatever the server suffers, in the end no
// key belongs to a lease whose time is up.
func TestRegression_L5_AFailedRevokeIsTriedAgain(t *testing.T) {
	const n = 1500
	for _, row := range []struct {
		name  string
		fails func(attempt int) bool
		sleep time.Duration // before it takes an offer
	}{
		{"all goes well", func(int) bool { return false }, 0},
		{"every second proposal is lost", func(attempt int) bool { return attempt%2 == 0 }, 0},
		{"no quorum for a while", func(attempt int) bool { return attempt < 3*n }, 0},
		{"the server is slow to take offers", func(int) bool { return false }, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, m *member) {
				for id := range ID(n) {
					m.grant(id+1, 2+int64(id)%3)
					m.attach(id+1, fmt.Sprint("key", id))
				}
				attempts := 0
				for deadline := time.Now().Add(5 * time.Minute); len(m.Leases()) > 0; {
					require.True(t, time.Now().Before(deadline), "%d keys stay for ever", len(m.Leases()))
					time.Sleep(row.sleep)
					for _, l := range <-m.ExpiredLeasesC() {
						attempts++
						if !row.fails(attempts) && m.Lookup(l.ID) != nil {
							require.NoError(t, m.Revoke(l.ID))
						}
					}
				}
				require.Len(t, m.deleted, n)
				require.Empty(t, m.records())
			})
		})
	}
}

// TestRegression_L6_EntriesAreAppliedAgain: the member crashes after any entry, and after
// any commit before that; entries that stand in the backend already are applied again.
func TestRegression_L6_EntriesAreAppliedAgain(t *testing.T) {
	grant := func(id ID, ttl int64) func(m *member) error {
		return func(m *member) error { _, err := m.Grant(id, ttl); return err }
	}
	revoke := func(id ID) func(m *member) error {
		return func(m *member) error { return m.Revoke(id) }
	}
	checkpoint := func(id ID, remaining int64) func(m *member) error {
		return func(m *member) error { return m.Checkpoint(id, remaining) }
	}
	entries := []func(m *member) error{
		grant(1, 10), grant(2, 20), grant(1, 99), revoke(1), revoke(1), grant(1, 30), checkpoint(1, 7),
		revoke(2), checkpoint(2, 5), grant(3, 0), revoke(3), grant(3, MaxTTL+1), grant(2, 40), checkpoint(1, 0), checkpoint(2, 3),
	}
	synctest.Test(t, func(t *testing.T) {
		expected := newMember(t, Config{CheckpointPersist: true})
		defer expected.stop()
		for _, entry := range entries {
			mayFail(t, entry(expected))
		}
		for committed := range len(entries) + 1 {
			for replayFrom := range committed + 1 {
				m := newMember(t, Config{CheckpointPersist: true})
				for _, entry := range entries[:committed] {
					mayFail(t, entry(m))
				}
				m.b.ForceCommit()
				again := startMember(t, crashImage(t, m.path), m.cfg)
				m.stop()
				for _, entry := range entries[replayFrom:] {
					mayFail(t, entry(again))
				}
				require.Equal(t, expected.records(), again.records(), "committed %d entries, applied again from entry %d on", committed, replayFrom)
				require.Equal(t, expected.Leases(), again.Leases())
				again.stop()
			}
		}
	})
}

// mayFail lets those errors through with which an entry answers a client.
func mayFail(t *testing.T, err error) {
	if err != nil && !errors.Is(err, ErrLeaseExists) && !errors.Is(err, ErrLeaseNotFound) && !errors.Is(err, ErrLeaseTTLTooLarge) {
		require.NoError(t, err)
	}
}

// crashImage copies the file as a crash at this moment would leave it.
func crashImage(t *testing.T, path string) string {
	from, err := os.Open(path)
	require.NoError(t, err)
	defer from.Close()
	image := filepath.Join(t.TempDir(), "db")
	to, err := os.Create(image)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, errors.Join(err, to.Close()))
	return image
}

// The consistent index stands in the same commit as the record: with OnWrite no grant or
// checkpoint is ever applied twice.
func TestRegression_L6_TheIndexIsCommittedWithTheRecord(t *testing.T) {
	index := uint64(0)
	cfg := Config{CheckpointPersist: true, OnWrite: func(tx backend.BatchTx) { tx.UnsafeSetConsistentIndex(index) }}
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, cfg)
		defer m.stop()
		for index = 1; index <= 10; index++ {
			m.grant(ID(index), 10)
			if index%2 == 0 {
				m.b.ForceCommit()
			}
			image := startMember(t, crashImage(t, m.path), Config{})
			require.Len(t, image.Leases(), int(image.b.ConsistentIndex()), "after entry %d", index)
			image.stop()
		}
	})
}
