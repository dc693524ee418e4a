package mvcc

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"

	"github.com/stretchr/testify/require"
)

// Each test here is named after a row of the list of faults that etcd has had.

// TestRegression_S1_IndexAndDataAreCommittedTogether crashes between any two steps of a
// member's life. On the disk image the consistent index says which entries were applied,
// and the data must be exactly theirs.
func TestRegression_S1_IndexAndDataAreCommittedTogether(t *testing.T) {
	for limit := 1; limit <= 5; limit++ { // commits fall on different places
		t.Run(fmt.Sprintf("commit every %d changes", limit), func(t *testing.T) {
			m := startMemberWith(t, backend.Config{Path: filepath.Join(t.TempDir(), "db"), BatchLimit: limit}, Config{CompactionBatchLimit: 2})
			defer m.stop()
			replayed := map[uint64][]string{0: {}} // entry → state after it
			for entry := uint64(1); entry <= 12; entry++ {
				m.applyEntry(entry, func() { m.requireImageIsOneOf(replayed) })
				replayed[entry] = m.state()
				m.requireImageIsOneOf(replayed)
				if entry%4 == 0 {
					m.compact(m.Rev() - 1)
					m.requireImageIsOneOf(replayed)
				}
				if entry%5 == 0 {
					require.NoError(t, m.b.Defrag())
					m.requireImageIsOneOf(replayed)
				}
			}
		})
	}
}

// applyEntry applies one raft entry with several changes; between calls between them.
func (m *member) applyEntry(entry uint64, between func()) {
	txn := m.Write()
	defer txn.Abort()
	txn.SetConsistentIndex(entry)
	for i := range 3 {
		txn.Put([]byte{'a' + byte(entry+uint64(i))%5}, fmt.Append(nil, entry), 0)
		between()
	}
	txn.DeleteRange(interval.Point([]byte{'a' + byte(entry)%5}))
	between()
	txn.End()
}

// state is what clients can read now, with all its revisions.
func (m *member) state() []string {
	res, err := m.Range(interval.All(), RangeOptions{})
	require.NoError(m.t, err)
	list := []string{}
	for _, kv := range res.KVs {
		list = append(list, fmt.Sprintf("%x", []byte(kv)))
	}
	return append(list, fmt.Sprint("revision ", res.Rev))
}

func (m *member) requireImageIsOneOf(replayed map[uint64][]string) {
	m.afterCrash(func(again *member) {
		index := again.ConsistentIndex()
		want, ok := replayed[index]
		require.True(m.t, ok, "consistent index %d names an entry that was not applied whole", index)
		if index == 0 {
			require.Empty(m.t, again.onDisk())
			return
		}
		require.Equal(m.t, want, again.state(), "after the crash: state = replay of entries 1..%d", index)
	})
}

// TestRegression_S6_RevisionNeverFallsOverARestart crashes at each slice of a compaction,
// once committed and once not.
func TestRegression_S6_RevisionNeverFallsOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMember(t, filepath.Join(t.TempDir(), "db"), Config{CompactionBatchLimit: 1, CompactionSleepInterval: time.Hour})
		defer m.stop()
		for range 4 {
			m.put("a", "x")
			m.del("a")
		}
		current := m.Rev()
		done, err := m.Compact(current)
		require.NoError(t, err)
		crash := func() {
			m.afterCrash(func(again *member) {
				require.Equal(t, current, again.Rev(), "current revision after the crash")
				require.Equal(t, current, again.FirstRev(), "the compaction is taken up again")
				<-again.compacted
				again.requireIndexMatchesDisk()
				require.Equal(t, []string{"9.0† a="}, again.onDisk())
			})
		}
		for slices := 0; ; slices++ {
			synctest.Wait() // the compaction pauses, or is done
			m.requireIndexMatchesDisk()
			crash()
			m.Commit()
			crash()
			select {
			case <-done:
				require.Equal(t, 8, slices, "records up to revision 9, one a slice")
				return
			default:
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestRegression_S6_InterruptedCompactionOfOlderEtcd: 3.4.23 removes the tombstone of the
// compact revision too. If that was the newest record, only scheduledCompactRev tells how
// far the revision had come.
func TestRegression_S6_InterruptedCompactionOfOlderEtcd(t *testing.T) {
	m := newMember(t)
	m.put("a", "x")
	last := m.del("a")
	tx := m.b.BatchTx()
	tx.Lock()
	tx.UnsafePut(backend.BucketMeta, backend.MetaScheduledCompactRev, Revision{Main: last}.AppendTo(nil))
	for _, rev := range []Revision{{Main: 2}, {Main: last, Tombstone: true}} {
		tx.UnsafeDelete(backend.BucketKey, rev.AppendTo(nil))
	}
	tx.Unlock()
	m.Commit()
	m.afterCrash(func(again *member) {
		require.Equal(t, last, again.Rev())
		require.Equal(t, last+1, again.put("b", "x"), "no revision is given twice")
	})
}

// TestRegression_S7_TombstoneAtTheCompactRevisionStays: a watch from there must see it.
func TestRegression_S7_TombstoneAtTheCompactRevisionStays(t *testing.T) {
	m := newMember(t)
	m.put("a", "x")
	m.compact(m.del("a"))
	require.Equal(t, []string{"3.0† a="}, m.onDisk())
	m.put("b", "x")
	m.compact(4)
	require.Equal(t, []string{"4.0 b=x"}, m.onDisk(), "an older tombstone goes")
}

// TestRegression_S8_TombstoneFirstIsRestored: after S7's compaction the first that is
// known of a key is its deletion.
func TestRegression_S8_TombstoneFirstIsRestored(t *testing.T) {
	m := newMember(t)
	m.put("a", "x")
	m.compact(m.del("a"))
	m.put("b", "x")
	m.Commit()
	live := contents(m.index)
	m.afterCrash(func(again *member) {
		require.Equal(t, live, contents(again.index), "index rebuilt, live index")
		require.Equal(t, "-", again.get("a", 0))
		again.put("a", "y")
		require.Equal(t, "y", again.get("a", 0))
		again.compact(again.Rev())
		require.Equal(t, []string{"4.0 b=x", "5.0 a=y"}, again.onDisk(), "a later compaction finds and drops it")
	})
}

// TestRegression_S9_CompactionNeverDropsALiveValue tries every short life of a key, with
// deletion and recreation in one transaction, compacted everywhere.
func TestRegression_S9_CompactionNeverDropsALiveValue(t *testing.T) {
	steps := []string{"nothing", "put", "del", "del+put", "put+del", "put+del+put"}
	var try func(history []string)
	try = func(history []string) {
		for c := int64(1); c <= int64(len(history))+1; c++ {
			before, after := indexOf(history), indexOf(history)
			compactIndex(after, c)
			for at := c; at <= int64(len(history))+1; at++ {
				want, _ := before.live(interval.All(), at, 0)
				got, _ := after.live(interval.All(), at, 0)
				require.Equal(t, show(want), show(got), "%v compacted at %d, read at %d", history, c, at)
			}
		}
		if len(history) < 4 {
			for _, step := range steps {
				try(append(history[:len(history):len(history)], step))
			}
		}
	}
	try(nil)
}

// indexOf does one transaction a step, from revision 2 on.
func indexOf(history []string) *treeIndex {
	x, key := newTreeIndex(), []byte("k")
	for i, step := range history {
		rev := Revision{Main: int64(i) + 2}
		put := func() { x.put(key, rev); rev.Sub++ }
		del := func() {
			if ki := x.of(key); ki != nil && ki.open.ver > 0 {
				x.tombstone(key, Revision{rev.Main, rev.Sub, true})
				rev.Sub++
			}
		}
		switch step {
		case "put":
			put()
		case "del":
			del()
		case "del+put":
			del()
			put()
		case "put+del":
			put()
			del()
		case "put+del+put":
			put()
			del()
			put()
		}
	}
	return x
}

func TestRegression_S9_DeleteAndRecreateInOneRevision(t *testing.T) {
	m := newMember(t)
	m.put("a", "old")
	rev := m.delThenPut("a", "new")
	m.compact(rev)
	require.Equal(t, "new", m.get("a", 0))
	m.Commit()
	m.afterCrash(func(again *member) { require.Equal(t, "new", again.get("a", 0)) })
}

// TestRegression_S11_PanicInATransactionLeavesNothing injects a panic into operation k of
// n and looks at memory, at the next transaction and at the disk.
func TestRegression_S11_PanicInATransactionLeavesNothing(t *testing.T) {
	const n = 4
	for k := range n {
		t.Run(fmt.Sprintf("operation %d of %d", k, n), func(t *testing.T) {
			m := newMember(t)
			m.put("a", "1")
			m.put("b", "1")
			m.Commit()
			state, index := m.state(), contents(m.index)
			require.PanicsWithValue(t, "injected", func() {
				txn := m.Write()
				defer txn.Abort()
				txn.SetConsistentIndex(9)
				for op := range n {
					if op == k {
						panic("injected")
					}
					txn.Put([]byte{'a' + byte(op)}, []byte("2"), 0)
					txn.DeleteRange(interval.Point([]byte("a")))
				}
				txn.End()
			})
			m.Commit()
			require.Equal(t, state, m.state())
			require.Equal(t, index, contents(m.index))
			m.afterCrash(func(again *member) {
				require.Zero(t, again.ConsistentIndex())
				require.Equal(t, state, again.state())
			})
			require.EqualValues(t, 4, m.put("c", "1"), "the next transaction takes the revision")
			require.Equal(t, []string{"2.0 a=1", "3.0 b=1", "4.0 c=1"}, m.onDisk())
		})
	}
}

// TestRegression_S11_NobodyCommitsAnAbandonedTransaction: without Abort the lock stays
// held, and the disk has nothing of it.
func TestRegression_S11_NobodyCommitsAnAbandonedTransaction(t *testing.T) {
	m := startMember(t, filepath.Join(t.TempDir(), "db"), Config{})
	m.put("a", "1")
	m.Commit()
	txn := m.Write()
	txn.Put([]byte("b"), []byte("1"), 0)
	committed := make(chan struct{})
	go func() { m.Commit(); close(committed) }()
	m.afterCrash(func(again *member) { require.Equal(t, []string{"2.0 a=1"}, again.onDisk()) })
	select {
	case <-committed:
		t.Fatal("a commit went through in the middle of a transaction")
	default:
	}
	require.Equal(t, "-", m.get("b", 0), "readers see nothing of it either")
	txn.Abort()
	<-committed
	m.stop()
}
