package etcdserver

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch07-server/membership"
)

// byHand is a member whose goroutines do not run. The test writes entries to
// its log and applies them, one step after the other: there is nothing to wait
// for, and every moment between two steps is a crash that can be looked at.
type byHand struct {
	*EtcdServer
	t    testing.TB
	ep   etcdProgress
	last uint64 // index of the last entry in the log
}

// quietConfig is one whose database commits only when it is told to.
func quietConfig(t testing.TB) ServerConfig {
	cfg := config(t.TempDir())
	cfg.UnsafeNoFsync = true
	cfg.BackendBatchInterval = time.Hour
	return cfg
}

func newByHand(t testing.TB, cfg ServerConfig) *byHand {
	t.Helper()
	s, err := NewServer(cfg)
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	s.r.Node.Stop()
	s.r.Node = &idleNode{Node: s.r.Node, member: s}
	return &byHand{EtcdServer: s, t: t, ep: s.progress, last: s.progress.appliedi}
}

// idleNode stands in for the raft node of such a member: it has no goroutine
// that could look at the log meanwhile. It always counts as applied what the
// member has applied, as if each Ready had been advanced at once.
type idleNode struct {
	raft.Node // stopped
	member    *EtcdServer
	voters    []uint64
}

func (n *idleNode) ApplyConfChange(cc raftpb.ConfChangeI) *raftpb.ConfState {
	if change, _ := cc.AsV1(); change.NodeID != raft.None {
		n.voters = append(n.voters, change.NodeID)
	}
	return &raftpb.ConfState{Voters: slices.Clone(n.voters)}
}

func (n *idleNode) Status() (status raft.Status) {
	status.Applied = n.member.AppliedIndex()
	return status
}

const byHandTerm = 2

// save writes entries to the log, committed, and numbers them.
func (m *byHand) save(entries ...raftpb.Entry) []raftpb.Entry {
	m.t.Helper()
	for i := range entries {
		m.last++
		entries[i].Index, entries[i].Term = m.last, byHandTerm
	}
	require.NoError(m.t, m.r.storage.save(raftpb.HardState{Term: byHandTerm, Commit: m.last}, entries))
	require.NoError(m.t, m.r.raftStorage.Append(entries))
	return entries
}

// apply applies entries, as one batch of the apply loop.
func (m *byHand) apply(entries ...raftpb.Entry) {
	m.t.Helper()
	require.NoError(m.t, m.applyAll(&m.ep, entries))
	m.maybeSnapshot(&m.ep)
}

// commit saves and applies entries, and lets a snapshot finish.
func (m *byHand) commit(entries ...raftpb.Entry) {
	m.t.Helper()
	m.apply(m.save(entries...)...)
	m.wg.Wait()
}

// join is the first entry of every log: the member becomes the voter.
func (m *byHand) join() raftpb.Entry {
	m.t.Helper()
	planned, err := membership.NewClusterFromURLsMap(m.lg, m.Cfg.InitialClusterToken, m.Cfg.InitialPeerURLsMap)
	require.NoError(m.t, err)
	return confChange(m.t, membership.AddConfChange(planned.MemberByName(m.Cfg.Name)))
}

func confChange(t testing.TB, cc raftpb.ConfChange) raftpb.Entry {
	t.Helper()
	data, err := cc.Marshal()
	require.NoError(t, err)
	return raftpb.Entry{Type: raftpb.EntryConfChange, Data: data}
}

func entryV3(t testing.TB, r *pb.InternalRaftRequest) raftpb.Entry {
	t.Helper()
	data, err := r.MarshalVTStrict()
	require.NoError(t, err)
	return raftpb.Entry{Data: data}
}

// entryPut is a put under request ID id; 0 for one that nobody waits for.
func entryPut(t testing.TB, id uint64, key, value string) raftpb.Entry {
	return entryV3(t, &pb.InternalRaftRequest{
		Header: &pb.RequestHeader{ID: id},
		Put:    &pb.PutRequest{Key: []byte(key), Value: []byte(value)},
	})
}

func entryV2(t testing.TB, r pb.Request) raftpb.Entry {
	t.Helper()
	data, err := r.Marshal()
	require.NoError(t, err)
	return raftpb.Entry{Data: data}
}

// publish is the entry in which the member tells its name.
func (m *byHand) publish() raftpb.Entry {
	m.t.Helper()
	attributes, err := json.Marshal(m.attributes)
	require.NoError(m.t, err)
	return entryV2(m.t, pb.Request{Method: "PUT", Path: membership.MemberAttributesStorePath(m.id), Val: string(attributes)})
}

// puts are n entries that change something.
func puts(t testing.TB, n int) (entries []raftpb.Entry) {
	for range n {
		entries = append(entries, entryPut(t, 0, "k", "v"))
	}
	return entries
}

// valueOf reads this member's own state.
func valueOf(t testing.TB, s *EtcdServer, key string) string {
	t.Helper()
	resp, err := s.Range(t.Context(), &pb.RangeRequest{Key: []byte(key), Serializable: true})
	require.NoError(t, err)
	if len(resp.Kvs) == 0 {
		return "<none>"
	}
	return string(resp.Kvs[0].Value())
}

// crashImage copies what a crash at this moment leaves on disk. The zeros
// behind the log's end are left out: they take long and mean nothing.
func crashImage(t testing.TB, cfg ServerConfig) ServerConfig {
	t.Helper()
	image := cfg
	image.DataDir = t.TempDir()
	end := endOfRecords(t, cfg.WALDir())
	last := tail(t, cfg.WALDir())
	require.NoError(t, filepath.WalkDir(cfg.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".tmp") {
			return err
		}
		to := filepath.Join(image.DataDir, strings.TrimPrefix(path, cfg.DataDir))
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		from, err := os.Open(path)
		if err != nil {
			return err
		}
		defer from.Close()
		var r io.Reader = from
		if path == last {
			r = io.LimitReader(from, end)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o600)
	}))
	return image
}
