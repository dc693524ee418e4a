package lease

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

// inBubble runs a test on a primary in virtual time.
func inBubble(t *testing.T, cfg Config, test func(t *testing.T, m *member)) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, cfg)
		defer m.stop()
		m.Promote(0)
		test(t, m)
	})
}

func TestTheLifeOfALease(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		granted, err := m.Grant(7, 10)
		require.NoError(t, err)
		require.Equal(t, &Lease{ID: 7, TTL: 10, Remaining: 10 * time.Second}, granted)
		m.attach(7, "c", "a", "b")
		require.Equal(t, []string{"a", "b", "c"}, m.Keys(7))
		require.Equal(t, ID(7), m.GetLease(LeaseItem{"b"}))
		require.Equal(t, map[ID]string{7: "0807100a"}, m.records())

		sleep(9 * time.Second)
		ttl, err := m.Renew(context.Background(), 7)
		require.NoError(t, err)
		require.EqualValues(t, 10, ttl)
		sleep(9 * time.Second)
		require.Equal(t, time.Second, m.Lookup(7).Remaining)
		require.Empty(t, m.offered())
		require.False(t, m.IsExpired(7))

		sleep(2 * time.Second)
		require.Equal(t, []ID{7}, m.offered())
		require.True(t, m.IsExpired(7))
		require.NoError(t, m.Revoke(7))
		require.Equal(t, []string{"a", "b", "c"}, m.deleted, "in ascending order, whatever the order of puts")
		require.Empty(t, m.records())
		require.Nil(t, m.Lookup(7))
		require.Nil(t, m.Keys(7))
		require.Equal(t, NoLease, m.GetLease(LeaseItem{"b"}))
		require.ErrorIs(t, m.Revoke(7), ErrLeaseNotFound)
	})
}

func TestUnknownLeases(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.grant(1, 10)
		item := []LeaseItem{{"k"}}
		require.NoError(t, m.Attach(1, item))
		_, err := m.Renew(context.Background(), 2)
		require.ErrorIs(t, err, ErrLeaseNotFound)
		require.ErrorIs(t, m.Attach(2, item), ErrLeaseNotFound)
		require.ErrorIs(t, m.Detach(2, item), ErrLeaseNotFound)
		require.ErrorIs(t, m.Checkpoint(2, 5), ErrLeaseNotFound)
		require.Equal(t, []string{"k"}, m.Keys(1), "a refused call changes nothing")

		m.grant(2, 10)
		require.NoError(t, m.Detach(2, item))
		require.Equal(t, []string{"k"}, m.Keys(1), "what belongs to 1 is not taken from 2")
		require.NoError(t, m.Attach(2, item))
		require.Empty(t, m.Keys(1), "a key belongs to one lease only")
		require.ErrorIs(t, m.Assign([]byte("k"), 3), ErrLeaseNotFound)
		require.Empty(t, m.Keys(2), "its new lease is gone: it belongs to none")
	})
}

func TestLeasesAreListedInTheOrderOfTheirExpiry(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		for id, ttl := range map[ID]int64{7: 0, 8: 1, 9: 2, 10: MaxTTL, -3: 100, 11: 50} {
			m.grant(id, ttl)
		}
		require.Equal(t, []ID{7, 8, 9, 11, -3, 10}, ids(m.Leases())) // as 3.4.23 lists them
		m.Demote()
		require.Equal(t, []ID{-3, 7, 8, 9, 10, 11}, ids(m.Leases()))
	})
}

func TestAtMostThousandASecondAreOffered(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		for id := range ID(2600) {
			m.grant(id+1, 2)
		}
		sleep(2*time.Second - tickInterval/2)
		for second, want := range []int{1000, 1000, 600, 1000} {
			require.Equal(t, want, len(m.offeredWithin(time.Second)), "second %d; in the last one they are offered again", second)
		}
		for id := range ID(2600) {
			require.NoError(t, m.Revoke(id+1))
		}
		require.Empty(t, m.offeredWithin(time.Minute))
	})
}

func TestARenewalOfAnExpiredLeaseWaitsForItsFate(t *testing.T) {
	for _, row := range []struct {
		name    string
		fate    func(m *member, cancel context.CancelFunc)
		wantErr error
		wantTTL int64
	}{
		{"revoked", func(m *member, _ context.CancelFunc) { _ = m.Revoke(1) }, ErrLeaseNotFound, 0},
		{"demoted", func(m *member, _ context.CancelFunc) { m.Demote() }, ErrNotPrimary, 0},
		{"promoted again: it lives", func(m *member, _ context.CancelFunc) { m.Promote(0) }, nil, 2},
		{"stopped", func(m *member, _ context.CancelFunc) { m.Stop() }, ErrNotPrimary, 0},
		{"recovered from a snapshot", func(m *member, _ context.CancelFunc) { _ = m.Recover(m.b, nil) }, ErrNotPrimary, 0},
		{"the client has gone", func(_ *member, cancel context.CancelFunc) { cancel() }, context.Canceled, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, m *member) {
				m.grant(1, 2)
				sleep(2 * time.Second)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				type answer struct {
					ttl int64
					err error
				}
				answers := make(chan answer, 2)
				for range cap(answers) {
					go func() {
						ttl, err := m.Renew(ctx, 1)
						answers <- answer{ttl, err}
					}()
				}
				sleep(time.Minute)
				require.Empty(t, answers, "as long as its fate is open")
				row.fate(m, cancel)
				for range cap(answers) {
					got := <-answers
					require.ErrorIs(t, got.err, row.wantErr)
					require.Equal(t, row.wantTTL, got.ttl)
				}
			})
		})
	}
}

func TestADemotionWithdrawsWhatNobodyTook(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.grant(1, 2)
		sleep(3 * time.Second) // the offer stands, nobody takes it
		m.Demote()
		require.Empty(t, m.offered())
		require.Empty(t, m.offeredWithin(time.Minute))
		m.Promote(time.Second)
		require.Empty(t, m.offeredWithin(3*time.Second-time.Millisecond))
		require.Equal(t, []ID{1}, m.offeredWithin(time.Second))
	})
}

func TestARestartKeepsLeasesButNotTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember(t, Config{})
		m.Promote(0)
		m.grant(1, 10)
		m.grant(2, 20)
		require.NoError(t, m.Revoke(2))
		m.attach(1, "k")
		sleep(9 * time.Second)
		m = m.restart()
		defer func() { m.stop() }()
		require.Equal(t, []ID{1}, ids(m.Leases()))
		require.Empty(t, m.Keys(1), "the store attaches them again")
		require.Equal(t, Forever, m.Lookup(1).Remaining)
		m.Promote(0)
		require.Equal(t, 10*time.Second, m.Lookup(1).Remaining)
		require.Equal(t, int64(10), m.Lookup(1).TTL)
	})
}

func TestRecoverReadsAnotherBackend(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		other := newMember(t, Config{})
		defer other.stop()
		other.grant(5, 1000)
		m.withCheckpoints()
		m.grant(1, 10)
		m.attach(1, "k")
		require.NoError(t, m.Recover(other.b, func() TxnDelete { return other.write() }))
		require.Equal(t, []ID{5}, ids(m.Leases()))
		require.Equal(t, NoLease, m.GetLease(LeaseItem{"k"}))
		m.Promote(0)
		sleep(6 * time.Minute)
		require.EqualValues(t, 700, m.Lookup(5).RemainingTTL, "checkpoints go on")
		require.NoError(t, m.Revoke(5))
		require.Empty(t, other.records())
		require.Len(t, m.records(), 1, "the old file is not touched")
	})
}

func TestAnAbortedRevokeLeavesTheLeaseAsItWas(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.grant(1, 10)
		m.attach(1, "a", "b")
		m.fail = func() { panic("the store breaks") }
		require.PanicsWithValue(t, "the store breaks", func() { _ = m.Revoke(1) })
		m.fail = nil
		require.Equal(t, []string{"a", "b"}, m.Keys(1))
		require.Len(t, m.records(), 1)
		require.NoError(t, m.Revoke(1), "and nothing is locked")
	})
}

func TestALessorWithoutAStore(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.SetRangeDeleter(nil)
		m.grant(1, 10)
		require.NoError(t, m.Revoke(1))
		require.Empty(t, m.records())
	})
}

func TestTheServerSetsTheConsistentIndexWithTheRecord(t *testing.T) {
	index := uint64(0)
	cfg := Config{CheckpointPersist: true, OnWrite: func(tx backend.BatchTx) { tx.UnsafeSetConsistentIndex(index) }}
	inBubble(t, cfg, func(t *testing.T, m *member) {
		index = 5
		m.grant(1, 10)
		require.EqualValues(t, 5, m.b.ConsistentIndex())
		index = 6
		require.NoError(t, m.Checkpoint(1, 3))
		require.EqualValues(t, 6, m.b.ConsistentIndex())
		index = 7
		_, err := m.Grant(1, 10)
		require.ErrorIs(t, err, ErrLeaseExists)
		require.EqualValues(t, 6, m.b.ConsistentIndex(), "nothing was written")
	})
}

func TestCheckpointsAreAgreedOn(t *testing.T) {
	for _, persist := range []bool{false, true} {
		inBubble(t, Config{CheckpointPersist: persist}, func(t *testing.T, m *member) {
			m.withCheckpoints()
			m.grant(1, 1000)
			m.grant(2, 300)
			sleep(5*time.Minute + tickInterval)
			require.Equal(t, []*pb.LeaseCheckpointRequest{
				{Checkpoints: []*pb.LeaseCheckpoint{{ID: 1, Remaining_TTL: 700}}},
			}, m.checkpoints)
			require.EqualValues(t, 700, m.Lookup(1).RemainingTTL)
			require.Equal(t, map[bool]string{false: "080110e807", true: "080110e80718bc05"}[persist], m.records()[1])

			ttl, err := m.Renew(context.Background(), 1)
			require.NoError(t, err)
			require.EqualValues(t, 1000, ttl)
			require.Len(t, m.checkpoints, 2)
			require.Equal(t, []*pb.LeaseCheckpoint{{ID: 1}}, m.checkpoints[1].Checkpoints, "taken back BEFORE the renewal")
			require.Equal(t, "080110e807", m.records()[1])
			require.Equal(t, 1000*time.Second, m.Lookup(1).Remaining)
		})
	}
}

// The next primary would end a lease early whose checkpoint was not taken back.
func TestWithoutTakingTheCheckpointBackThereIsNoRenewal(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.withCheckpoints()
		m.grant(1, 1000)
		sleep(6 * time.Minute)
		broken := errors.New("no quorum")
		m.SetCheckpointer(func(context.Context, *pb.LeaseCheckpointRequest) error { return broken })
		_, err := m.Renew(context.Background(), 1)
		require.ErrorIs(t, err, broken)
		require.Equal(t, 640*time.Second, m.Lookup(1).Remaining)
	})
}

func TestManyCheckpointsTravelInBatches(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.withCheckpoints()
		for id := range ID(2500) {
			m.grant(id+1, 1000)
		}
		sleep(5*time.Minute + tickInterval)
		sizes := []int{}
		for _, r := range m.checkpoints {
			sizes = append(sizes, len(r.Checkpoints))
		}
		require.Equal(t, []int{1000, 1000, 500}, sizes)
	})
}

// A checkpoint hangs while there is no quorum; Demote must not wait for it, for it may be
// called by the very goroutine that the checkpoint waits for.
func TestADemotionEndsACheckpointUnderWay(t *testing.T) {
	var logged strings.Builder
	synctest.Test(t, func(t *testing.T) {
		b, err := backend.Open(backend.Config{Path: filepath.Join(t.TempDir(), "db"), BatchInterval: time.Hour, UnsafeNoFsync: true, Logger: quiet})
		require.NoError(t, err)
		defer func() { require.NoError(t, b.Close()) }()
		le, err := New(slog.New(slog.NewTextHandler(&logged, nil)), b, Config{})
		require.NoError(t, err)
		defer le.Stop()
		hanging := 0
		le.SetCheckpointer(func(ctx context.Context, _ *pb.LeaseCheckpointRequest) error {
			hanging++
			<-ctx.Done()
			hanging--
			return ctx.Err()
		})
		le.Promote(0)
		_, err = le.Grant(1, 1000)
		require.NoError(t, err)
		sleep(6 * time.Minute)
		require.Equal(t, 1, hanging)
		le.Demote()
		synctest.Wait()
		require.Zero(t, hanging)
		le.Stop()
		require.Contains(t, logged.String(), "checkpoints of leases were not agreed on")
	})
}

func TestStop(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		m.grant(1, 10)
		m.Stop()
		m.Stop()
		m.Promote(0)
		_, err := m.Renew(context.Background(), 1)
		require.ErrorIs(t, err, ErrNotPrimary)
		m.grant(2, 10) // an entry that is applied during the shutdown
		require.NoError(t, m.Revoke(1))
		require.Len(t, m.records(), 1)
	})
}

func value(t *testing.T, c prometheus.Counter) float64 {
	var m dto.Metric
	require.NoError(t, c.Write(&m))
	return m.GetCounter().GetValue()
}

func TestMetrics(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, m *member) {
		granted, revoked, renewed := value(t, grantedTotal), value(t, revokedTotal), value(t, renewedTotal)
		m.grant(1, 10)
		_, _ = m.Grant(1, 10)
		_, _ = m.Renew(context.Background(), 1)
		_, _ = m.Renew(context.Background(), 2)
		_ = m.Revoke(1)
		_ = m.Revoke(1)
		require.Equal(t, granted+1, value(t, grantedTotal))
		require.Equal(t, renewed+1, value(t, renewedTotal))
		require.Equal(t, revoked+1, value(t, revokedTotal))
	})
}
