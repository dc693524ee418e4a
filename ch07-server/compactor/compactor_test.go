package compactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/mvcc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// cluster is what a compactor sees: a revision that depends on the time since the start,
// and compactions, which it records as "time: revision".
type cluster struct {
	start time.Time

	mu        sync.Mutex
	rev       func(age time.Duration) int64
	answer    func(ctx context.Context) error
	compacted []string
}

func (c *cluster) Rev() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rev(time.Since(c.start))
}

func (c *cluster) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	c.mu.Lock()
	c.compacted = append(c.compacted, fmt.Sprintf("%v: %d", time.Since(c.start), r.Revision))
	answer := c.answer
	c.mu.Unlock()
	return &pb.CompactionResponse{}, answer(ctx)
}

// writes says what the revision is from now on.
func (c *cluster) writes(rev func(age time.Duration) int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rev = rev
}

// stays says that nothing is written from now on.
func (c *cluster) stays(rev int64) { c.writes(func(time.Duration) int64 { return rev }) }

// fails says what compactions end with from now on; nil is success.
func (c *cluster) fails(err error) { c.answers(func(context.Context) error { return err }) }

func (c *cluster) answers(answer func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// after lets d pass and returns the compactions in that time.
func (c *cluster) after(d time.Duration) []string {
	time.Sleep(d) // virtual
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	recorded := c.compacted
	c.compacted = nil
	return recorded
}

// perMinute: one put a minute, so the revision tells the time at which it was current.
func perMinute(age time.Duration) int64 { return 1 + int64(age/time.Minute) }

// scenario runs a compactor beside a cluster, in virtual time.
func scenario(t *testing.T, policy Policy, rev func(time.Duration) int64, story func(*testing.T, *cluster, *Compactor)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{start: time.Now(), rev: rev}
		c.fails(nil)
		k := New(quiet, policy, c, c)
		k.Run()
		defer k.Stop()
		synctest.Wait()
		story(t, c, k)
	})
}

// TestTheExampleOfThePackage is the table in the package's comment.
func TestTheExampleOfThePackage(t *testing.T) {
	table := map[time.Duration]int64{0: 1, 6: 20, 12: 35, 54: 170, 60: 200, 66: 210, 120: 400}
	rev := func(age time.Duration) (rev int64) {
		for at := range table {
			if at*time.Minute <= age {
				rev = max(rev, table[at])
			}
		}
		return rev
	}
	scenario(t, Policy{Period: time.Hour}, rev, func(t *testing.T, c *cluster, _ *Compactor) {
		require.Equal(t, []string{"1h0m0s: 1", "2h0m0s: 170"}, c.after(125*time.Minute))
	})
}

func TestALongHistoryIsShortenedEveryHour(t *testing.T) {
	scenario(t, Policy{Period: 24 * time.Hour}, perMinute, func(t *testing.T, c *cluster, _ *Compactor) {
		require.Empty(t, c.after(24*time.Hour-1), "not before one retention is over")
		require.Equal(t, []string{"24h0m0s: 1"}, c.after(1))
		require.Equal(t, []string{"25h0m0s: 55", "26h0m0s: 115", "27h0m0s: 175"}, c.after(3*time.Hour))
	})
}

// TestNeverLessThanTheRetentionStays, and not much more either.
func TestNeverLessThanTheRetentionStays(t *testing.T) {
	for _, retention := range []time.Duration{2 * time.Second, time.Minute, 50 * time.Minute, time.Hour, 61 * time.Minute, 90 * time.Minute, 24 * time.Hour} {
		step := min(retention, time.Hour) / 10
		perMilli := func(age time.Duration) int64 { return 1 + age.Milliseconds() }
		scenario(t, Policy{Period: retention}, perMilli, func(t *testing.T, c *cluster, _ *Compactor) {
			compactions := c.after(retention * 5)
			require.GreaterOrEqual(t, len(compactions), 4)
			for i, text := range compactions {
				var at string
				var rev int64
				_, err := fmt.Sscanf(text, "%s %d", &at, &rev)
				require.NoError(t, err)
				now, err := time.ParseDuration(at[:len(at)-1])
				require.NoError(t, err)
				history := now - time.Duration(rev-1)*time.Millisecond
				require.GreaterOrEqual(t, history, retention, "retention %v, compaction %s", retention, text)
				if i > 0 {
					require.LessOrEqual(t, history, retention+2*step, "retention %v, compaction %s", retention, text)
				}
			}
		})
	}
}

func TestAFailedCompactionIsTriedAgainSoon(t *testing.T) {
	scenario(t, Policy{Period: 10 * time.Hour}, perMinute, func(t *testing.T, c *cluster, _ *Compactor) {
		c.fails(errors.New("etcdserver: no leader"))
		require.Equal(t, []string{"10h0m0s: 1", "10h6m0s: 1", "10h12m0s: 7"}, c.after(10*time.Hour+15*time.Minute))
		c.fails(nil)
		require.Equal(t, []string{"10h18m0s: 13", "11h18m0s: 73"}, c.after(65*time.Minute), "one hour after the success")
	})
}

func TestCompactedAlreadyIsSuccess(t *testing.T) {
	for name, err := range map[string]error{"as it is": mvcc.ErrCompacted, "wrapped": fmt.Errorf("at entry 7: %w", mvcc.ErrCompacted)} {
		t.Run(name, func(t *testing.T) {
			for _, policy := range []Policy{{Period: time.Hour}, {Revisions: 1}} {
				scenario(t, policy, perMinute, func(t *testing.T, c *cluster, _ *Compactor) {
					c.fails(err)
					c.writes(func(age time.Duration) int64 { return perMinute(min(age, time.Hour)) })
					first := c.after(time.Hour)
					require.NotEmpty(t, first, policy)
					c.stays(61)
					require.LessOrEqual(t, len(c.after(40*time.Minute)), 1, "%v is not tried again before time", policy)
				})
			}
		})
	}
}

func TestAnIdleClusterIsCompactedOnce(t *testing.T) {
	scenario(t, Policy{Period: time.Hour}, func(time.Duration) int64 { return 1 }, func(t *testing.T, c *cluster, _ *Compactor) {
		require.Equal(t, []string{"1h0m0s: 1"}, c.after(10*time.Hour))
		c.stays(2)
		require.Equal(t, []string{"12h0m0s: 2"}, c.after(10*time.Hour), "written down at 10h, due each full hour")
	})
}

// TestANewLeaderGoesOnAtOnce, as recorded from three members of 3.4.23.
func TestANewLeaderGoesOnAtOnce(t *testing.T) {
	scenario(t, Policy{Period: time.Hour}, perMinute, func(t *testing.T, c *cluster, k *Compactor) {
		k.Pause()
		require.Empty(t, c.after(5*time.Hour+time.Minute), "a follower does not compact")
		k.Resume()
		require.Equal(t, []string{"5h6m0s: 241"}, c.after(30*time.Minute), "what it wrote down at 4h as a follower")
		k.Pause()
		require.Empty(t, c.after(time.Hour), "and no follower does again")
		k.Resume()
		require.Equal(t, []string{"6h36m0s: 331"}, c.after(10*time.Minute))
	})
}

func TestRevisionsAreCountedEveryFiveMinutes(t *testing.T) {
	scenario(t, Policy{Revisions: 10}, perMinute, func(t *testing.T, c *cluster, k *Compactor) {
		require.Empty(t, c.after(10*time.Minute-1), "there are not so many yet")
		require.Equal(t, []string{"10m0s: 1", "15m0s: 6"}, c.after(5*time.Minute+1))
		c.stays(16)
		require.Empty(t, c.after(time.Hour), "nothing was written")

		c.writes(perMinute)
		c.fails(errors.New("etcdserver: request timed out"))
		require.Equal(t, []string{"1h20m0s: 71", "1h25m0s: 76"}, c.after(10*time.Minute), "tried again where it is by then")
		c.fails(nil)
		k.Pause()
		require.Empty(t, c.after(time.Hour))
		k.Resume()
		require.Equal(t, []string{"2h30m0s: 141"}, c.after(5*time.Minute))
	})
}

func TestStopEndsACompactionUnderWay(t *testing.T) {
	scenario(t, Policy{Period: time.Hour}, perMinute, func(t *testing.T, c *cluster, k *Compactor) {
		c.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.Equal(t, []string{"1h0m0s: 1"}, c.after(3*time.Hour))
		k.Stop()
		k.Stop()
		k.Run()
		require.Empty(t, c.after(3*time.Hour), "stopped is stopped")
	})
}

func TestStoppedBeforeRunItAsksNothing(t *testing.T) {
	closed := func(time.Duration) int64 { panic("the store is closed") }
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{rev: closed}
		k := New(quiet, Policy{Revisions: 1}, c, c)
		k.Stop()
		k.Run()
		k.Stop()
	})
}

func TestRunIsOneGoroutine(t *testing.T) {
	scenario(t, Policy{Period: time.Hour}, perMinute, func(t *testing.T, c *cluster, k *Compactor) {
		k.Run()
		require.Len(t, c.after(time.Hour), 1)
	})
}

func TestSwitchedOffItDoesNothing(t *testing.T) {
	scenario(t, Policy{}, perMinute, func(t *testing.T, c *cluster, k *Compactor) {
		k.Pause()
		k.Resume()
		require.Empty(t, c.after(1000*time.Hour))
	})
}

// TestATinyRetentionDoesNotSpin: 3.4.23 compacts without a pause there.
func TestATinyRetentionDoesNotSpin(t *testing.T) {
	everyTime := func(age time.Duration) int64 { return 1 + int64(age) }
	scenario(t, Policy{Period: time.Nanosecond}, everyTime, func(t *testing.T, c *cluster, _ *Compactor) {
		require.Equal(t, []string{"10ms: 1", "20ms: 10000001"}, c.after(25*time.Millisecond))
	})
}
