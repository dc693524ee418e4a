package lease

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"insideetcd/ch06-storage/backend"

	"github.com/stretchr/testify/require"
)

// sizes of lessors: what costs O(log n) hardly differs between them.
var sizes = []int{1_000, 100_000}

func benchPrimary(b *testing.B, n int) *core {
	c := newCore(2)
	c.promote(start, 0)
	for id := range n {
		if _, err := c.grant(ID(id+1), int64(60+id%1000), start); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

func forSizes(b *testing.B, bench func(b *testing.B, n int)) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("leases=", n), func(b *testing.B) {
			b.ReportAllocs()
			bench(b, n)
		})
	}
}

// A grant and the revoke that makes room for the next one.
func BenchmarkCoreGrantRevoke(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		c := benchPrimary(b, n)
		id := ID(n)
		for b.Loop() {
			id++
			_, _ = c.grant(id, int64(60+id%1000), start)
			_ = c.revoke(id - ID(n))
		}
	})
}

func BenchmarkCoreRenew(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		c := benchPrimary(b, n)
		now, i := start, 0
		for b.Loop() {
			now = now.Add(time.Microsecond)
			i += 7919 // any lease, not the next one
			if _, err := c.renew(ID(i%n+1), now, false); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The next lease that expires, when there is one at every call.
func BenchmarkCoreNextExpired(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		c := benchPrimary(b, n)
		now := start.Add(time.Hour)
		for b.Loop() {
			now = now.Add(retryInterval) // those offered before are due again
			if len(c.expired(now, 1)) != 1 {
				b.Fatal("nothing expired")
			}
		}
	})
}

// A tick when nothing is due.
func BenchmarkCoreNothingExpired(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		c := benchPrimary(b, n)
		for b.Loop() {
			c.expired(start, 1)
		}
	})
}

// A new leader, once in an election.
func BenchmarkCorePromote(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		c := benchPrimary(b, n)
		for b.Loop() {
			c.promote(start, time.Second)
		}
	})
}

func benchLessor(b *testing.B, n int) Lessor {
	be, err := backend.Open(backend.Config{Path: filepath.Join(b.TempDir(), "db"), UnsafeNoFsync: true, Logger: quiet})
	require.NoError(b, err)
	le, err := New(quiet, be, Config{})
	require.NoError(b, err)
	b.Cleanup(func() {
		le.Stop()
		require.NoError(b, be.Close())
	})
	le.Promote(0)
	for id := range n {
		_, err := le.Grant(ID(id+1), 3600)
		require.NoError(b, err)
	}
	return le
}

// With the record, into the open batch.
func BenchmarkLessorGrant(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		le := benchLessor(b, n)
		id := ID(n)
		for b.Loop() {
			id++
			if _, err := le.Grant(id, 3600); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLessorRenew(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		le := benchLessor(b, n)
		ctx, i := context.Background(), 0
		for b.Loop() {
			i += 7919
			if _, err := le.Renew(ctx, ID(i%n+1)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What every put without a lease costs, when leases are in use.
func BenchmarkLessorAssignNone(b *testing.B) {
	forSizes(b, func(b *testing.B, n int) {
		le := benchLessor(b, n)
		for i := range n {
			require.NoError(b, le.Attach(ID(i+1), []LeaseItem{{fmt.Sprint("leased", i)}}))
		}
		key := []byte("a key without a lease")
		for b.Loop() {
			_ = le.Assign(key, NoLease)
		}
	})
}
