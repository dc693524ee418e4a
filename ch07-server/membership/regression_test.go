package membership

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch06-storage/backend"
)

// TestRegression_M1_TreeAndBucketsAgreeAfterEachChange compares memory, the v2 tree
// and the buckets after every kind of change, accepted or refused. In etcd a promotion
// did not reach the v3 store, and removed members came back from it after an upgrade.
func TestRegression_M1_TreeAndBucketsAgreeAfterEachChange(t *testing.T) {
	c := newTestCluster(t)
	first := c.bootstrap("1", "2")
	c.requirePlacesAgree("bootstrap")
	changes := []struct {
		name    string
		cc      func() raftpb.ConfChange
		refused bool
	}{
		{"add learner", func() raftpb.ConfChange { return AddConfChange(member(7, true, "u7")) }, false},
		{"add learner again", func() raftpb.ConfChange { return AddConfChange(member(7, true, "u7")) }, true},
		{"update learner", func() raftpb.ConfChange { return c.UpdateConfChange(7, []string{"u8"}) }, false},
		{"promote learner", func() raftpb.ConfChange { return PromoteConfChange(7) }, false},
		{"promote voter", func() raftpb.ConfChange { return PromoteConfChange(7) }, true},
		{"add voter", func() raftpb.ConfChange { return AddConfChange(member(9, false, "u9")) }, false},
		{"update voter", func() raftpb.ConfChange { return c.UpdateConfChange(first.ID, []string{"u1"}) }, false},
		{"remove voter", func() raftpb.ConfChange { return RemoveConfChange(7) }, false},
		{"remove voter again", func() raftpb.ConfChange { return RemoveConfChange(7) }, true},
		{"add removed", func() raftpb.ConfChange { return AddConfChange(member(7, false, "u7")) }, true},
	}
	for _, change := range changes {
		err := c.commit(change.cc())
		require.Equal(t, change.refused, err != nil, "%s: %v", change.name, err)
		c.requirePlacesAgree(change.name)
	}
	c.publish(9, "m9", "90")
	c.requirePlacesAgree("publish")
	require.NoError(t, c.SetVersion(version.MustParse("3.3.0"), nil))
	c.requirePlacesAgree("version")
}

// requirePlacesAgree checks invariant 3.
func (c *testCluster) requirePlacesAgree(after string) {
	place := fmt.Sprintf("after %q", after)
	members, removed, err := v2Tree{c.tree}.members()
	require.NoError(c.t, err, place)
	v, err := v2Tree{c.tree}.version()
	require.NoError(c.t, err, place)

	inBuckets, removedInBuckets := map[ids.ID]*Member{}, map[ids.ID]bool{}
	for key, value := range c.bucket(backend.BucketMembers) {
		var m Member
		require.NoError(c.t, json.Unmarshal([]byte(value), &m), place)
		require.Equal(c.t, m.ID.String(), key, place)
		inBuckets[m.ID] = &m
	}
	for key, value := range c.bucket(backend.BucketMembersRemoved) {
		id, err := ids.Parse(key)
		require.NoError(c.t, err, place)
		require.Equal(c.t, "removed", value, place)
		removedInBuckets[id] = true
	}

	inMemory := map[ids.ID]*Member{}
	for _, m := range c.Members() {
		inMemory[m.ID] = m
	}
	require.Equal(c.t, members, inMemory, "memory and tree %s", place)
	require.Equal(c.t, members, inBuckets, "buckets and tree %s", place)
	require.Equal(c.t, removed, c.removed, "removed: memory and tree %s", place)
	require.Equal(c.t, removed, removedInBuckets, "removed: buckets and tree %s", place)
	require.Equal(c.t, v, c.Version(), "version: memory and tree %s", place)
	require.Equal(c.t, map[string]string{"clusterVersion": v.String()}, c.bucket(backend.BucketCluster), place)
}

func (c *testCluster) bucket(bucket backend.Bucket) map[string]string {
	pairs := map[string]string{}
	tx := c.be.ReadTx()
	tx.Lock()
	defer tx.Unlock()
	require.NoError(c.t, tx.UnsafeForEach(bucket, func(k, v []byte) error {
		pairs[string(k)] = string(v)
		return nil
	}))
	return pairs
}

// TestRegression_M2_AnUpdateKeepsTheLearnerFlag proposes, validates and applies new
// peer URLs for a learner and a voter. In etcd the proposal carried the URLs alone,
// and the learner turned into a voter in the member list.
func TestRegression_M2_AnUpdateKeepsTheLearnerFlag(t *testing.T) {
	c := newTestCluster(t)
	first := c.bootstrap("1", "2")
	require.NoError(t, c.commit(AddConfChange(member(7, true, "u7"))))

	require.NoError(t, c.commit(c.UpdateConfChange(7, []string{"u8"})))
	require.NoError(t, c.commit(c.UpdateConfChange(first.ID, []string{"u1"})))

	require.True(t, c.Member(7).IsLearner)
	require.Equal(t, []string{"u8"}, c.Member(7).PeerURLs)
	require.False(t, c.Member(first.ID).IsLearner)
	require.Equal(t, []ids.ID{first.ID}, idsOf(c.VotingMembers()))
	require.NoError(t, c.commit(PromoteConfChange(7)), "a learner can still be promoted")
	c.requirePlacesAgree("promotion")
}

// TestRegression_M3_ALearnerThatNeverStartedIsNotPromoted looks ahead before each
// kind of change. In etcd 3.4.23 the learner itself was counted as started.
func TestRegression_M3_ALearnerThatNeverStartedIsNotPromoted(t *testing.T) {
	c := newTestCluster(t)
	c.bootstrap("1", "2")
	require.NoError(t, c.commit(AddConfChange(member(7, true, "u7"))))

	require.ErrorIs(t, c.CheckPromoteMember(7), ErrLearnerNotStarted)
	c.publish(7, "m7", "70")
	require.NoError(t, c.CheckPromoteMember(7))

	require.ErrorIs(t, c.CheckPromoteMember(8), ErrIDNotFound)
	require.NoError(t, c.commit(PromoteConfChange(7)))
	require.ErrorIs(t, c.CheckPromoteMember(7), ErrMemberNotLearner)
	require.NoError(t, c.commit(RemoveConfChange(7)))
	require.ErrorIs(t, c.CheckPromoteMember(7), ErrIDRemoved)
}
