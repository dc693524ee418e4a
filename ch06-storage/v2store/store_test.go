package v2store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestARefusedWriteChangesNothing runs random writes over a small tree, in which
// about half are refused. The index moves by one with each write that succeeds, the
// newest event is that write's (invariants 1 and 2), and a refused write leaves tree,
// index and history as they were.
func TestARefusedWriteChangesNothing(t *testing.T) {
	const seed = 4
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newStore(time.Now, "/0", "/1")
	refused := 0
	for i := range 400 {
		before, index := snapshot(t, s), s.Index()
		what, e, err := randomWrite(s, rnd)
		place := fmt.Sprintf("seed %d, write %d: %s", seed, i, what)
		if err != nil {
			refused++
			require.Equal(t, before, snapshot(t, s), place)
			continue
		}
		require.Equal(t, index+1, s.Index(), place)
		require.Equal(t, index+1, e.Index(), place)
		require.Equal(t, index+1, e.EtcdIndex, place)
		require.Equal(t, index+1, s.WatcherHub.EventHistory.LastIndex, place)
		require.NoError(t, s.check(s.readonlySet), place)
	}
	require.Greater(t, refused, 40)
	require.Less(t, refused, 360)
}

func randomWrite(s *store, rnd *rand.Rand) (what string, e *Event, err error) {
	paths := []string{"/", "/1", "/1/a", "/1/a/b", "/1/a/b/c", "/1/d", "/1/d/e/f", "/0/x"}
	p := paths[rnd.IntN(len(paths))]
	flag, other := rnd.IntN(2) == 0, rnd.IntN(4) == 0
	value := []string{"", "v"}[rnd.IntN(2)]
	switch rnd.IntN(4) {
	case 0:
		e, err = s.Set(p, flag, value, TTLOptionSet{Refresh: other})
		return fmt.Sprintf("set %s dir=%v %q refresh=%v", p, flag, value, other), e, err
	case 1:
		e, err = s.Create(p, flag, value, other, TTLOptionSet{})
		return fmt.Sprintf("create %s dir=%v %q unique=%v", p, flag, value, other), e, err
	case 2:
		e, err = s.Update(p, value, TTLOptionSet{Refresh: other})
		return fmt.Sprintf("update %s %q refresh=%v", p, value, other), e, err
	default:
		e, err = s.Delete(p, flag, other)
		return fmt.Sprintf("delete %s dir=%v recursive=%v", p, flag, other), e, err
	}
}

// snapshot is the saved store without its counts, which count refusals too.
func snapshot(t *testing.T, s *store) string {
	saved, err := s.Save()
	require.NoError(t, err)
	return string(beforeStats(saved))
}

// TestOperationsAreCounted counts each operation once, by its outcome.
func TestOperationsAreCounted(t *testing.T) {
	s := New("/0", "/1")
	do := func(_ *Event, _ error) {}
	do(s.Create("/1/a", false, "v", false, TTLOptionSet{}))
	do(s.Create("/1/a", false, "v", false, TTLOptionSet{})) // exists
	do(s.Set("/1/a", false, "w", TTLOptionSet{}))
	do(s.Set("/1", false, "w", TTLOptionSet{})) // read only
	do(s.Update("/1/a", "x", TTLOptionSet{}))
	do(s.Update("/1/b", "x", TTLOptionSet{})) // not found
	do(s.Get("/1", false))
	do(s.Get("/1/a", true))
	do(s.Get("/1/b", false)) // not found
	do(s.Delete("/1/a", false, false))
	do(s.Delete("/1/a", false, false)) // not found
	require.JSONEq(t, `{"getsSuccess":2,"getsFail":1,"setsSuccess":1,"setsFail":1,
		"deleteSuccess":1,"deleteFail":1,"updateSuccess":1,"updateFail":1,"createSuccess":1,"createFail":1,
		"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,
		"expireCount":0,"watchers":0}`, string(s.JsonStats()))
	require.Equal(t, CurrentVersion, s.Version())
}

// TestReadersRunBesideTheWriter is for the race detector.
func TestReadersRunBesideTheWriter(t *testing.T) {
	s := New("/0", "/1")
	done := make(chan error)
	go func() {
		for range 60 {
			if _, err := s.Set("/1/a/b", false, "v", TTLOptionSet{}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 2 {
		go func() {
			for range 10 {
				if _, err := s.Get("/1", true); err != nil {
					done <- err
					return
				}
				if _, err := s.Clone().SaveNoCopy(); err != nil {
					done <- err
					return
				}
				s.JsonStats()
			}
			done <- nil
		}()
	}
	for range 3 {
		require.NoError(t, <-done)
	}
	require.EqualValues(t, 60, s.Index())
}

// TestAnExpiryLongAgoMeansForEver: a request without a time to live carries time 0.
func TestAnExpiryLongAgoMeansForEver(t *testing.T) {
	s := New("/0", "/1")
	for _, at := range []time.Time{{}, time.Unix(0, 0), minExpireTime.Add(-1)} {
		e, err := s.Set("/1/a", false, "v", TTLOptionSet{ExpireTime: at})
		require.NoError(t, err)
		require.Nil(t, e.Node.Expiration)
	}
	e, err := s.Set("/1/a", false, "v", TTLOptionSet{ExpireTime: minExpireTime})
	require.NoError(t, err)
	require.Equal(t, minExpireTime, *e.Node.Expiration)
}
