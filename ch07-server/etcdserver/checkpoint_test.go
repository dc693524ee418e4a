package etcdserver

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// L3: a restart is a change of leader, and a new leader gives every lease its whole TTL
// again. With checkpoints that are written down it goes on from the last one: however often
// the leader changes, a lease lives no longer than its TTL, the time from the last
// checkpoint to the change, and an election timeout, each time.
func TestL3ACheckpointOutlivesARestart(t *testing.T) {
	const ttl, changes = 1000, 3
	for _, persist := range []bool{false, true} {
		t.Run(fmt.Sprintf("persist %t", persist), func(t *testing.T) {
			cfg := config(t.TempDir())
			cfg.EnableLeaseCheckpoint, cfg.LeaseCheckpointPersist = true, persist
			cfg.LeaseCheckpointInterval = 20 * time.Second
			synctest.Test(t, func(t *testing.T) {
				s := started(t, cfg)
				grant(t, s, 7, ttl)
				for n := 1; n <= changes; n++ {
					time.Sleep(90 * time.Second) // of the bubble's clock; the last checkpoint is after 80
					require.InDelta(t, ttl-n*80, s.lessor.Lookup(7).RemainingTTL, float64(3*n), "checkpoint")
					s.Stop()
					s = started(t, cfg)
					if !persist {
						require.InDelta(t, ttl, timeToLive(t, s, 7).TTL, 2, "a whole life again")
						return
					}
					require.InDelta(t, ttl-n*80, timeToLive(t, s, 7).TTL, float64(3*n), "it goes on")
				}
			})
		})
	}
}

// Without the flag nothing is agreed on: no entry goes through the log for a lease that
// nobody touches.
func TestWithoutTheFlagThereAreNoCheckpoints(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.LeaseCheckpointInterval = 20 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := started(t, cfg)
		grant(t, s, 7, 1000)
		before := s.AppliedIndex()
		time.Sleep(90 * time.Second)
		require.Equal(t, before, s.AppliedIndex())
		require.Zero(t, s.lessor.Lookup(7).RemainingTTL)
	})
}
