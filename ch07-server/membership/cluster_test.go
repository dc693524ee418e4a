package membership

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/v2store"
)

// The files in testdata are the data of Raft snapshots of Debian's etcd 3.4.23
// (--snapshot-count 10), taken after the changes that the tests repeat.

const local = "http://127.0.0.1:"

// testCluster is a cluster with its three places.
type testCluster struct {
	*RaftCluster
	t    *testing.T
	tree v2store.Store
	be   backend.Backend
}

func newTestCluster(t *testing.T) *testCluster {
	lg := slog.New(slog.NewTextHandler(io.Discard, nil))
	be, err := backend.Open(backend.Config{Path: filepath.Join(t.TempDir(), "db"), Logger: lg})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, be.Close()) })
	c := &testCluster{
		RaftCluster: NewCluster(lg, "tok1"),
		t:           t,
		tree:        v2store.New(StoreClusterPrefix, StoreKeysPrefix),
		be:          be,
	}
	c.SetStore(c.tree)
	c.SetBackend(be)
	return c
}

// commit does with a change what the apply loop does with a committed entry.
func (c *testCluster) commit(cc raftpb.ConfChange) error {
	if err := c.ValidateConfigurationChange(cc); err != nil {
		return err
	}
	require.NoError(c.t, c.Apply(cc))
	return nil
}

// bootstrap is the start of a one-member cluster, up to its version.
func (c *testCluster) bootstrap(port, clientPort string) *Member {
	first := NewMember("m1", []string{local + port}, "tok1", nil)
	require.NoError(c.t, c.commit(AddConfChange(first)))
	c.publish(first.ID, "m1", clientPort)
	require.NoError(c.t, c.SetVersion(version.MustParse("3.4.0"), nil))
	return first
}

func (c *testCluster) publish(id ids.ID, name, clientPort string) {
	require.NoError(c.t, c.UpdateAttributes(id, Attributes{Name: name, ClientURLs: []string{local + clientPort}}))
}

func (c *testCluster) saved() []byte {
	b, err := c.tree.Save()
	require.NoError(c.t, err)
	return b
}

// requireSameJSONBytes compares two saved trees, and shows a difference line by line.
func requireSameJSONBytes(t *testing.T, want, got []byte) {
	if bytes.Equal(want, got) {
		return
	}
	require.JSONEq(t, string(want), string(got))
	t.Fatalf("same JSON, other bytes; want %d bytes, got %d:\n%s", len(want), len(got), got)
}

// TestChangesLeaveTheTreeOfEtcd repeats a recorded run with accepted and refused
// changes. The saved tree is the same to the byte: nodes, events, indexes, and even
// the counts, which show that each change is judged by the same reads.
func TestChangesLeaveTheTreeOfEtcd(t *testing.T) {
	want, err := os.ReadFile("testdata/changes.json")
	require.NoError(t, err)
	c := newTestCluster(t)
	c.bootstrap("23881", "23880")

	added := time.Unix(1795368674, 0)
	learner := NewLearner("", []string{local + "23998"}, "", &added)
	require.Equal(t, "8ddb658e8f6a0dc8", learner.ID.String())
	require.NoError(t, c.commit(AddConfChange(learner)))
	require.ErrorIs(t, c.commit(AddConfChange(NewLearner("", []string{local + "23997"}, "", &added))), ErrTooManyLearners)
	require.ErrorIs(t, c.commit(AddConfChange(NewMember("", []string{local + "23998"}, "", &added))), ErrIDExists)

	// As etcd 3.4 proposes it: without the learner flag (M2).
	update := Member{ID: learner.ID, RaftAttributes: RaftAttributes{PeerURLs: []string{local + "23996"}}}
	require.NoError(t, c.commit(raftpb.ConfChange{
		Type: raftpb.ConfChangeUpdateNode, NodeID: uint64(learner.ID), Context: []byte(encode(update)),
	}))

	require.NoError(t, c.commit(RemoveConfChange(learner.ID)))
	require.ErrorIs(t, c.commit(RemoveConfChange(learner.ID)), ErrIDRemoved)
	require.ErrorIs(t, c.commit(PromoteConfChange(learner.ID)), ErrIDRemoved)
	require.ErrorIs(t, c.commit(c.UpdateConfChange(learner.ID, update.PeerURLs)), ErrIDRemoved)
	require.ErrorIs(t, c.commit(PromoteConfChange(0x123)), ErrIDNotFound)
	require.ErrorIs(t, c.commit(c.UpdateConfChange(0x123, update.PeerURLs)), ErrIDNotFound)
	require.ErrorIs(t, c.commit(AddConfChange(NewMember("", []string{local + "23881"}, "", &added))), ErrPeerURLexists)

	requireSameJSONBytes(t, want, c.saved())
}

// TestAPromotionLeavesTheTreeOfEtcd repeats another: a learner joins, starts and is
// promoted.
func TestAPromotionLeavesTheTreeOfEtcd(t *testing.T) {
	want, err := os.ReadFile("testdata/promotion.json")
	require.NoError(t, err)
	c := newTestCluster(t)
	c.bootstrap("23921", "23920")
	added := time.Unix(1795370111, 0)
	learner := NewLearner("", []string{local + "23931"}, "", &added)
	require.NoError(t, c.commit(AddConfChange(learner)))
	c.publish(learner.ID, "m2", "23930")
	require.NoError(t, c.commit(PromoteConfChange(learner.ID)))
	requireSameJSONBytes(t, want, c.saved())
}

// TestAMemberStartsFromTheTree recovers from recorded snapshots and answers.
func TestAMemberStartsFromTheTree(t *testing.T) {
	saved, err := os.ReadFile("testdata/promotion.json")
	require.NoError(t, err)
	c := newTestCluster(t)
	require.NoError(t, c.tree.Recovery(saved))
	var heard []version.Version
	require.NoError(t, c.Recover(func(v version.Version) { heard = append(heard, v) }))

	first, second := ids.ID(0x94fbe0ba04f9026c), ids.ID(0xf939d3477884935c)
	c.SetID(first, 0x95f5cad22957b96f)
	require.Equal(t, []version.Version{{Major: 3, Minor: 4}}, heard)
	require.Equal(t, heard[0], *c.Version())
	require.Equal(t, []ids.ID{first, second}, idsOf(c.Members()))
	require.Equal(t, []ids.ID{first, second}, idsOf(c.VotingMembers()))
	require.Equal(t, "m2", c.Member(second).Name)
	require.Nil(t, c.Member(1))
	require.Nil(t, c.MemberByName("m3"))
	require.Equal(t, []string{local + "23921", local + "23931"}, c.PeerURLs())
	require.Equal(t, []string{local + "23920", local + "23930"}, c.ClientURLs())
	require.False(t, c.IsLocalMemberLearner())
	require.False(t, c.IsIDRemoved(second))

	require.NoError(t, c.commit(RemoveConfChange(second)))
	require.True(t, c.IsIDRemoved(second))
	require.NoError(t, c.UpdateAttributes(second, Attributes{Name: "late"}), "a removed member may still publish")
	require.Nil(t, c.Member(second))
	require.ErrorIs(t, c.UpdateAttributes(1, Attributes{Name: "nobody"}), ErrIDNotFound)
}

func idsOf(members []*Member) []ids.ID {
	var out []ids.ID
	for _, m := range members {
		out = append(out, m.ID)
	}
	return out
}

// TestMembersAreCopies: what a caller does with a member changes nothing.
func TestMembersAreCopies(t *testing.T) {
	c := newTestCluster(t)
	first := c.bootstrap("1", "2")
	for _, m := range []*Member{c.Member(first.ID), c.Members()[0], c.VotingMembers()[0], c.MemberByName("m1")} {
		m.Name, m.PeerURLs[0], m.ClientURLs[0] = "other", "other", "other"
	}
	require.Equal(t, "m1", c.Member(first.ID).Name)
	require.Equal(t, []string{local + "1"}, c.PeerURLs())
	require.Equal(t, []string{local + "2"}, c.ClientURLs())
}

// TestAServerThatIsTooOldIsTold sets and recovers a version that it cannot serve.
func TestAServerThatIsTooOldIsTold(t *testing.T) {
	c := newTestCluster(t)
	c.bootstrap("1", "2")
	for _, v := range []string{"3.5.0", "4.0.0"} {
		require.ErrorIs(t, c.SetVersion(version.MustParse(v), nil), ErrClusterVersionTooHigh)
		require.ErrorIs(t, c.Recover(nil), ErrClusterVersionTooHigh)
	}
	require.NoError(t, c.SetVersion(version.MustParse("3.4.99"), nil))
}

// TestADamagedTreeIsRefused recovers from trees that no member ever wrote.
func TestADamagedTreeIsRefused(t *testing.T) {
	trees := []struct{ name, path, value, reason string }{
		{"member without hex", "/0/members/xyz/raftAttributes", `{}`, "/0/members/xyz"},
		{"member without raftAttributes", "/0/members/1f/attributes", `{"name":"a"}`, "has no raftAttributes"},
		{"attributes that are no JSON", "/0/members/1f/raftAttributes", `{`, "decode /0/members/1f/raftAttributes"},
		{"a member that is a file", "/0/members/1f", ``, "has no raftAttributes"},
		{"removed member without hex", "/0/removed_members/xyz", ``, "/0/removed_members/xyz"},
		{"version that is none", "/0/version", `new`, "/0/version"},
		{"version that is a directory", "/0/version/x", ``, "is a directory"},
	}
	for _, row := range trees {
		t.Run(row.name, func(t *testing.T) {
			c := newTestCluster(t)
			c.bootstrap("1", "2")
			_, err := c.tree.Delete("/0/version", false, false)
			require.NoError(t, err)
			_, err = c.tree.Set(row.path, false, row.value, v2store.TTLOptionSet{})
			require.NoError(t, err)
			require.ErrorContains(t, c.Recover(nil), row.reason)
			require.Len(t, c.Members(), 1, "a refused recovery changes nothing")
		})
	}
}
