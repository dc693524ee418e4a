package etcdserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
	"insideetcd/ch06-storage/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config of a member whose data lies in dir.
func config(dir string) ServerConfig {
	return ServerConfig{
		Name: "m", DataDir: dir, InitialClusterToken: "test",
		PeerURLs:           []string{"http://127.0.0.1:2380"},
		ClientURLs:         []string{"http://127.0.0.1:2379"},
		InitialPeerURLsMap: map[string][]string{"m": {"http://127.0.0.1:2380"}},
		Logger:             slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// started runs a member until the test ends or stops it.
func started(t testing.TB, cfg ServerConfig) *EtcdServer {
	t.Helper()
	s, err := NewServer(cfg)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.Stop)
	select {
	case <-s.Ready():
	case <-s.StoppingNotify():
		t.Fatalf("the server stops by itself: %v", s.Err())
	}
	return s
}

func put(t testing.TB, s *EtcdServer, key, value string) int64 {
	t.Helper()
	resp, err := s.Put(t.Context(), &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	require.NoError(t, err)
	return resp.Header.Revision
}

func get(t testing.TB, s *EtcdServer, key string) string {
	t.Helper()
	resp, err := s.Range(t.Context(), &pb.RangeRequest{Key: []byte(key)})
	require.NoError(t, err)
	if len(resp.Kvs) == 0 {
		return "<none>"
	}
	return string(resp.Kvs[0].Value())
}

func TestAMemberKeepsItsDataAndIdentityOverRestarts(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	require.EqualValues(t, 2, put(t, s, "k", "v1"))
	require.EqualValues(t, 3, put(t, s, "k", "v2"))
	id, cid, hash := s.ID(), s.ClusterID(), hashKV(t, s)
	s.Stop()

	s = started(t, cfg)
	require.Equal(t, "v2", get(t, s, "k"))
	require.Equal(t, id, s.ID())
	require.Equal(t, cid, s.ClusterID())
	require.Equal(t, hash, hashKV(t, s))
	require.EqualValues(t, 4, put(t, s, "k", "v3"))
	members, err := s.Members(t.Context(), true)
	require.NoError(t, err)
	require.Len(t, members, 1)
	require.Equal(t, "m", members[0].Name)
	require.Equal(t, []string{"http://127.0.0.1:2379"}, members[0].ClientURLs)
	require.Eventually(t, func() bool { return s.ClusterVersion() != nil }, waitLimit, waitStep)
	require.Equal(t, "3.4.0", s.ClusterVersion().String())
}

func hashKV(t testing.TB, s *EtcdServer) uint32 {
	t.Helper()
	hash, _, _, err := s.KV().HashByRev(0)
	require.NoError(t, err)
	return hash
}

func TestAMemberStartsFromItsSnapshot(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.SnapshotCount = 10
	s := started(t, cfg)
	for i := range 100 {
		put(t, s, fmt.Sprint("k", i), "v")
	}
	require.NoError(t, s.LinearizableReadNotify(t.Context()))
	s.Stop()
	files, err := filepath.Glob(filepath.Join(cfg.SnapDir(), "*.snap"))
	require.NoError(t, err)
	require.NotEmpty(t, files)

	s = started(t, cfg)
	require.NotZero(t, s.progress.snapi, "the member replayed its whole log")
	require.Equal(t, "v", get(t, s, "k0"))
	require.Equal(t, "v", get(t, s, "k99"))
	require.Equal(t, "m", s.Cluster().Member(s.ID()).Name, "membership comes from the snapshot")
}

// S2 (REGRESSIONS): what was acknowledged is in the log. The database of the
// member is thrown away at every step; the log alone must bring it back.
func TestRegression_S2_AcknowledgedMeansInTheLog(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	for i := range 5 {
		key := fmt.Sprint("k", i)
		rev := put(t, s, key, "v")

		after := config(t.TempDir()) // what a crash at this moment leaves of the log
		require.NoError(t, os.MkdirAll(after.MemberDir(), 0o700))
		require.NoError(t, os.CopyFS(after.WALDir(), os.DirFS(cfg.WALDir())))
		crashed := started(t, after)
		require.Equal(t, "v", get(t, crashed, key))
		require.Equal(t, rev, crashed.KV().Rev())
		crashed.Stop()
	}
}

func TestConcurrentWritersEachGetTheirOwnAnswer(t *testing.T) {
	s := started(t, config(t.TempDir()))
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]string{}
	for w := range 16 {
		wg.Go(func() {
			for i := range 25 {
				key := fmt.Sprintf("w%d-%d", w, i)
				resp, err := s.Put(t.Context(), &pb.PutRequest{Key: []byte(key)})
				if err != nil {
					t.Errorf("put %s: %v", key, err)
					return
				}
				mu.Lock()
				if other, twice := seen[resp.Header.Revision]; twice {
					t.Errorf("revision %d was given to %s and %s", resp.Header.Revision, other, key)
				}
				seen[resp.Header.Revision] = key
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 400)
	for rev, key := range seen {
		resp, err := s.Range(t.Context(), &pb.RangeRequest{Key: []byte(key), Serializable: true})
		require.NoError(t, err)
		require.Equal(t, rev, resp.Kvs[0].ModRevision(), "key %s", key)
	}
}

func TestARequestThatIsTooLargeIsNotProposed(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MaxRequestBytes = 1000
	s := started(t, cfg)
	require.NoError(t, s.LinearizableReadNotify(t.Context()))
	before := s.CommittedIndex()
	_, err := s.Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: make([]byte, 1000)})
	require.ErrorIs(t, err, ErrRequestTooLarge)
	require.Equal(t, before, s.CommittedIndex())
}

func TestAStoppedServerAnswersStopped(t *testing.T) {
	s := started(t, config(t.TempDir()))
	s.Stop()
	_, err := s.Put(context.Background(), &pb.PutRequest{Key: []byte("k")})
	require.ErrorIs(t, err, ErrStopped)
	_, err = s.Range(context.Background(), &pb.RangeRequest{Key: []byte("k")})
	require.ErrorIs(t, err, ErrStopped)
	require.NoError(t, s.Err())
}

func TestCompactAnswersTheRevisionAndPhysicalWaits(t *testing.T) {
	s := started(t, config(t.TempDir()))
	for range 10 {
		put(t, s, "k", "v")
	}
	resp, err := s.Compact(t.Context(), &pb.CompactionRequest{Revision: 9, Physical: true})
	require.NoError(t, err)
	require.EqualValues(t, 11, resp.Header.Revision)
	_, err = s.Compact(t.Context(), &pb.CompactionRequest{Revision: 9})
	require.EqualError(t, err, "mvcc: required revision has been compacted")
	_, err = s.Compact(t.Context(), &pb.CompactionRequest{Revision: 99})
	require.EqualError(t, err, "mvcc: required revision is a future revision")
}

func TestADataDirectoryInUseIsRefusedAndUnharmed(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	put(t, s, "k", "v")
	_, err := NewServer(cfg)
	require.ErrorIs(t, err, backend.ErrInUse)
	require.ErrorContains(t, err, cfg.DataDir)
	require.Equal(t, "v", get(t, s, "k"))
}

func TestALogThatWasBegunButNeverUsedIsBegunAgain(t *testing.T) {
	cfg := config(t.TempDir())
	s, err := NewServer(cfg) // creates the files, writes no entry
	require.NoError(t, err)
	s.Stop()

	other := cfg
	other.InitialClusterToken = "another"
	_, err = NewServer(other)
	require.ErrorContains(t, err, "the configuration describes")

	s = started(t, cfg)
	require.EqualValues(t, 2, put(t, s, "k", "v"))
}

// A power cut may leave the first entry, and not the state that was written
// behind it in the same breath.
func TestALogWithHalfOfItsFirstWriteIsBegunAgain(t *testing.T) {
	cfg := config(t.TempDir())
	started(t, cfg).Stop()
	var behindFirst int64
	require.NoError(t, wal.Scan(nil, cfg.WALDir(), func(l wal.Location, rec walpb.Record) error {
		if rec.Type == wal.EntryType && behindFirst == 0 {
			behindFirst = l.Offset + l.Bytes
		}
		return nil
	}))
	require.NoError(t, os.Truncate(tail(t, cfg.WALDir()), behindFirst))
	require.NoError(t, os.Remove(cfg.BackendPath()))

	s := started(t, cfg)
	require.EqualValues(t, 2, put(t, s, "k", "v"))
	s.Stop()
	require.Equal(t, "v", get(t, started(t, cfg), "k"))
}

func TestADatabaseWithoutItsLogIsRefused(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	put(t, s, "k", "v")
	s.Stop()
	require.NoError(t, os.RemoveAll(cfg.WALDir()))
	_, err := NewServer(cfg)
	require.ErrorIs(t, err, wal.ErrLostEntries)
	require.ErrorContains(t, err, "--wal-dir")
	require.NoDirExists(t, cfg.WALDir())
}

// A stop may fall between the replay of a conf change and a snapshot. Whatever
// snapshots it leaves name the voter.
func TestAStopDuringReplayLeavesNoSnapshotWithoutVoters(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	for i := range 20 {
		put(t, s, fmt.Sprint("k", i), "v")
	}
	s.Stop()
	trim(t, cfg.WALDir())
	for i := range 40 {
		again := config(t.TempDir())
		again.SnapshotCount, again.UnsafeNoFsync = 3, true
		require.NoError(t, os.CopyFS(again.DataDir, os.DirFS(cfg.DataDir)))
		s, err := NewServer(again)
		require.NoError(t, err)
		s.Start()
		for range i * 50 { // stop at different moments of the replay
			runtime.Gosched()
		}
		s.Stop()
		sn, err := snap.New(again.Logger, again.SnapDir()).Load()
		if !errors.Is(err, snap.ErrNoSnapshot) {
			require.NoError(t, err)
			require.Len(t, sn.Metadata.ConfState.Voters, 1, "round %d", i)
		}
	}
}

// trim cuts the preallocated zeros off the log, so that copies are quick.
func trim(t testing.TB, dir string) {
	t.Helper()
	end := endOfRecords(t, dir)
	require.NoError(t, os.Truncate(tail(t, dir), end))
}

func TestAProposalWithoutALeaderEndsWithItsCaller(t *testing.T) {
	s, err := NewServer(config(t.TempDir())) // never started: no leader
	require.NoError(t, err)
	defer s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.Put(ctx, &pb.PutRequest{Key: []byte("k")})
	require.ErrorIs(t, err, ErrTimeout)
	require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
}

// J5 (REGRESSIONS): a log that lost its last synced entries looks whole. The
// database knows better.
func TestRegression_J5_LostTailIsNoticed(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	for range 5 {
		put(t, s, "k", "v")
	}
	index := s.AppliedIndex()
	s.Stop()
	for _, how := range []string{"cut at a record", "torn inside a record"} {
		t.Run(how, func(t *testing.T) {
			damaged := config(t.TempDir())
			require.NoError(t, os.CopyFS(damaged.DataDir, os.DirFS(cfg.DataDir)))
			file, offset := lastEntry(t, damaged.WALDir())
			if how != "cut at a record" {
				offset += 12
			}
			require.NoError(t, os.Truncate(file, offset))

			_, err := NewServer(damaged)
			require.ErrorIs(t, err, wal.ErrLostEntries)
			require.ErrorContains(t, err, fmt.Sprint(index))
			require.ErrorContains(t, err, fmt.Sprint(index-1))
			broken, err := filepath.Glob(filepath.Join(damaged.WALDir(), "*.broken"))
			require.NoError(t, err)
			require.Empty(t, broken, "the log was repaired before it was found to be incomplete")
		})
	}
}

// lastEntry finds where the last entry of the log in dir begins.
func lastEntry(t testing.TB, dir string) (file string, offset int64) {
	t.Helper()
	require.NoError(t, wal.Scan(nil, dir, func(l wal.Location, rec walpb.Record) error {
		if rec.Type == wal.EntryType {
			file, offset = l.File, l.Offset
		}
		return nil
	}))
	return file, offset
}

func TestATornTailIsRepaired(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	rev := put(t, s, "k", "v")
	s.Stop()
	file := tail(t, cfg.WALDir())
	end := endOfRecords(t, cfg.WALDir())
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{200, 0, 0, 0, 0, 0, 0, 0, 8, 2, 16, 99}, end) // 200 bytes announced, 4 arrived
	require.NoError(t, err)
	require.NoError(t, f.Close())

	s = started(t, cfg)
	require.Equal(t, "v", get(t, s, "k"))
	require.Equal(t, rev+1, put(t, s, "k", "v2"))
	broken, err := filepath.Glob(filepath.Join(cfg.WALDir(), "*.broken"))
	require.NoError(t, err)
	require.Len(t, broken, 1)
}

func tail(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	return files[len(files)-1]
}

func endOfRecords(t testing.TB, dir string) (end int64) {
	t.Helper()
	require.NoError(t, wal.Scan(nil, dir, func(l wal.Location, _ walpb.Record) error {
		end = l.Offset + l.Bytes
		return nil
	}))
	return end
}

func TestWhatCannotBeServedIsRefusedAtStart(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	put(t, s, "k", "v")
	s.Stop()
	for name, plant := range map[string]func(backend.BatchTx){
		"authentication": func(tx backend.BatchTx) { tx.UnsafePut(backend.BucketAuth, []byte("authEnabled"), []byte{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			planted := config(t.TempDir())
			require.NoError(t, os.CopyFS(planted.DataDir, os.DirFS(cfg.DataDir)))
			be, err := backend.Open(backend.Config{Path: planted.BackendPath(), Logger: planted.Logger})
			require.NoError(t, err)
			tx := be.BatchTx()
			tx.Lock()
			tx.UnsafeCreateBucket(backend.BucketAuth)
			plant(tx)
			tx.Unlock()
			require.NoError(t, be.Close())
			_, err = NewServer(planted)
			require.ErrorContains(t, err, name)
		})
	}
}

// A disk that cannot be written stops the server: nothing is acknowledged any
// more, and Err says why.
func TestAFailedLogWriteStopsTheServer(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	put(t, s, "k", "acknowledged")
	require.NoError(t, s.r.storage.close()) // every later write fails
	_, err := s.Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: []byte("lost")})
	require.Error(t, err)
	<-s.StoppingNotify()
	require.ErrorIs(t, s.Err(), wal.ErrClosed)
	resp, err := s.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Serializable: true})
	require.NoError(t, err, "whoever reads goes on reading until Stop")
	require.Equal(t, "acknowledged", string(resp.Kvs[0].Value()))
	s.Stop()

	s = started(t, cfg)
	require.Equal(t, "acknowledged", get(t, s, "k"))
}

func TestAnUnwritableDataDirectoryIsOneClearError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, fileutil.PrivateFileMode))
	_, err := NewServer(config(filepath.Join(file, "data")))
	require.ErrorContains(t, err, "cannot use data directory")
	require.False(t, errors.Is(err, os.ErrNotExist))
}

func BenchmarkPut64(b *testing.B) {
	s := started(b, config(b.TempDir()))
	value := make([]byte, 256)
	b.ReportAllocs()
	b.SetParallelism(32) // × GOMAXPROCS callers
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Put(context.Background(), &pb.PutRequest{Key: []byte("key"), Value: value}); err != nil {
				b.Error(err)
			}
		}
	})
}
