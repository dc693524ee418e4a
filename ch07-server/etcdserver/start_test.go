package etcdserver

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch07-server/membership"
)

// An old copy of the database beside a newer log: the entries between are no
// longer in the log, so nothing could bring them back.
func TestADatabaseOlderThanItsSnapshotIsRefused(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 10
	m := newByHand(t, cfg)
	m.commit(m.join())
	m.commit(puts(t, 4)...)
	m.KV().Commit()
	old, err := os.ReadFile(cfg.BackendPath())
	require.NoError(t, err)
	m.commit(puts(t, 6)...)
	require.Len(t, snapshots(t, cfg), 1)
	m.Stop()
	require.NoError(t, os.WriteFile(cfg.BackendPath(), old, fileutil.PrivateFileMode))

	_, err = NewServer(cfg)
	require.ErrorContains(t, err, cfg.DataDir)
	require.ErrorContains(t, err, "index 5,", "what the database holds")
	require.ErrorContains(t, err, "index 11,", "what the snapshot stands for")
}

// A snapshot names all voters, so it tells that there are others.
func TestASnapshotOfSeveralMembersIsRefused(t *testing.T) {
	for name, with := range map[string]func(self uint64) raftpb.ConfState{
		"two voters":    func(self uint64) raftpb.ConfState { return raftpb.ConfState{Voters: []uint64{self, 2}} },
		"another voter": func(self uint64) raftpb.ConfState { return raftpb.ConfState{Voters: []uint64{2}} },
		"a learner": func(self uint64) raftpb.ConfState {
			return raftpb.ConfState{Voters: []uint64{self}, Learners: []uint64{2}}
		},
		"a joint configuration": func(self uint64) raftpb.ConfState {
			return raftpb.ConfState{Voters: []uint64{self}, VotersOutgoing: []uint64{self, 2}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quietConfig(t)
			cfg.SnapshotCount = 10
			m := newByHand(t, cfg)
			m.commit(m.join())
			m.ep.confState = with(uint64(m.ID()))
			m.commit(puts(t, 10)...)
			require.Len(t, snapshots(t, cfg), 1)
			m.Stop()
			_, err := NewServer(cfg)
			require.ErrorContains(t, err, "a cluster of several members")
			require.ErrorContains(t, err, cfg.DataDir)
		})
	}
}

// What stands in the log and cannot be executed is found before anything of it
// is: a server that stopped half way would be worse than one that never began.
func TestALogThatCannotBeExecutedIsRefused(t *testing.T) {
	other := &membership.Member{ID: 2, RaftAttributes: membership.RaftAttributes{PeerURLs: []string{"http://127.0.0.1:9"}}}
	for name, tc := range map[string]struct {
		entry raftpb.Entry
		want  string
	}{
		"another member":        {confChange(t, membership.AddConfChange(other)), "several members"},
		"a joint configuration": {raftpb.Entry{Type: raftpb.EntryConfChangeV2}, "joint configuration"},
		"users":                 {entryV3(t, &pb.InternalRaftRequest{AuthEnable: &pb.AuthEnableRequest{}}), "users"},
		"a v2 client":           {entryV2(t, pb.Request{Method: "PUT", Path: "/1/foo", Val: "v"}), "PUT /1/foo"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quietConfig(t)
			m := newByHand(t, cfg)
			m.commit(m.join())
			m.commit(puts(t, 5)...)
			m.save(tc.entry)
			m.save(puts(t, 2)...)
			m.Stop()
			for range 2 { // a refusal changes nothing, so it is repeated
				_, err := NewServer(cfg)
				require.ErrorContains(t, err, tc.want)
				require.ErrorContains(t, err, cfg.DataDir)
			}
		})
	}
	t.Run("this member's removal", func(t *testing.T) {
		cfg := quietConfig(t)
		m := newByHand(t, cfg)
		m.commit(m.join())
		m.save(confChange(t, membership.RemoveConfChange(m.ID())))
		m.Stop()
		_, err := NewServer(cfg)
		require.ErrorContains(t, err, "several members")
	})
	t.Run("users, but the database holds the entry already", func(t *testing.T) {
		cfg := quietConfig(t)
		m := newByHand(t, cfg)
		m.commit(m.join())
		m.save(entryV3(t, &pb.InternalRaftRequest{AuthUserAdd: &pb.AuthUserAddRequest{Name: "u"}}))
		m.KV().SetConsistentIndex(m.last)
		m.save(puts(t, 1)...)
		m.Stop()
		require.Equal(t, "v", get(t, started(t, cfg), "k"))
	})
}

func TestWhatACrashLeftHalfWrittenIsRemoved(t *testing.T) {
	cfg := quietConfig(t)
	newByHand(t, cfg).Stop()
	leftovers := []string{"db.tmp.123", "tmp456"}
	others := []string{"db", "0000000000000005.snap.db", "notes"}
	for _, name := range append(leftovers, others[1:]...) {
		require.NoError(t, os.WriteFile(filepath.Join(cfg.SnapDir(), name), []byte("x"), fileutil.PrivateFileMode))
	}
	newByHand(t, cfg).Stop()
	for _, name := range leftovers {
		require.NoFileExists(t, filepath.Join(cfg.SnapDir(), name))
	}
	for _, name := range others {
		require.FileExists(t, filepath.Join(cfg.SnapDir(), name))
	}
}

// A member starts where its snapshot ends and executes the rest of its log,
// also when the database is further than the snapshot.
func TestARestartExecutesWhatIsBehindTheSnapshot(t *testing.T) {
	cfg := quietConfig(t)
	cfg.SnapshotCount = 10
	m := newByHand(t, cfg)
	m.commit(m.join(), m.publish())
	m.commit(puts(t, 9)...) // the snapshot stands for 11 entries
	m.commit(entryPut(t, 0, "held", "v"))
	m.KV().Commit()
	m.save(entryPut(t, 0, "only in the log", "v"))
	rev := m.KV().Rev()
	image := crashImage(t, cfg)

	s := started(t, image)
	require.EqualValues(t, 11, s.progress.snapi)
	require.Equal(t, "v", get(t, s, "held"))
	require.Equal(t, "v", get(t, s, "only in the log"))
	require.Equal(t, rev+1, s.KV().Rev(), fmt.Sprint("one entry was executed, those up to ", m.last-1, " were not executed again"))
}
