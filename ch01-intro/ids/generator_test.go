package ids

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The example of the layout: 2 bytes of the member, 5 of the time, 1 to count.
func TestLayout(t *testing.T) {
	g := NewGenerator(0x1234, time.UnixMilli(0xabcdef0123))
	require.Equal(t, uint64(0x1234_abcdef0123_01), g.Next())
	require.Equal(t, uint64(0x1234_abcdef0123_02), g.Next())
}

func TestTimeIsCutToFiveBytes(t *testing.T) {
	g := NewGenerator(1, time.UnixMilli(0x77_abcdef0123))
	require.Equal(t, uint64(0x0001_abcdef0123_01), g.Next())
}

func TestCountRunsOverIntoTheTime(t *testing.T) {
	g := NewGenerator(1, time.UnixMilli(0x0f))
	for range 0xff {
		g.Next()
	}
	require.Equal(t, uint64(0x0001_0000000010_00), g.Next())
}

// Invariant 1: whatever the clock says and however long the member counts, it stays itself.
func TestMemberNeverChanges(t *testing.T) {
	g := NewGenerator(0xbee0, time.UnixMilli(1<<40-1))
	for range 1000 { // wraps after 255
		require.Equal(t, uint64(0xbee0), g.Next()>>suffixBits)
	}
}

// Invariant 2.
func TestMembersStartedTogetherNeverMeet(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	seen := make(map[uint64]uint16)
	for member := range uint16(5) {
		g := NewGenerator(member, now)
		for range 1000 {
			id := g.Next()
			if other, taken := seen[id]; taken {
				t.Fatalf("members %d and %d both gave %x", other, member, id)
			}
			seen[id] = member
		}
	}
}

// Invariant 3: a member that stops and starts again a millisecond later does not repeat
// itself, also when it had given all the IDs that its time allows.
func TestRestartsNeverRepeat(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	seen := make(map[uint64]int)
	for restart := range 50 {
		g := NewGenerator(7, start.Add(time.Duration(restart)*time.Millisecond))
		for range 256 - 1 {
			id := g.Next()
			if other, taken := seen[id]; taken {
				t.Fatalf("starts %d and %d both gave %x", other, restart, id)
			}
			seen[id] = restart
		}
	}
}

func TestConcurrentCallersNeverShare(t *testing.T) {
	const callers, each = 4, 300_000
	g := NewGenerator(7, time.UnixMilli(1_700_000_000_000))
	taken := make([][]uint64, callers)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range taken {
		taken[i] = make([]uint64, each)
		wg.Go(func() {
			<-begin
			for n := range taken[i] {
				taken[i][n] = g.Next()
			}
		})
	}
	close(begin)
	wg.Wait()
	all := slices.Concat(taken...)
	slices.Sort(all)
	require.Len(t, slices.Compact(all), callers*each)
}

func BenchmarkNext(b *testing.B) {
	g := NewGenerator(7, time.UnixMilli(0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.Next()
		}
	})
}
