package membership

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/v2store"
)

// RaftCluster is the membership of one cluster, as this member has applied it
// (book §7.2). All methods may be called from any goroutine; those that change
// something are for the apply loop alone, once there is one.
//
// Invariants, whenever mu is free
//  1. No ID is both in members and in removed.
//  2. No peer URL belongs to two members.
//  3. With a store and a backend set, memory, the v2 tree and the buckets name the
//     same members with the same RaftAttributes, the same removed IDs and the same
//     version. Attributes are in the tree from their publication on; before it,
//     memory and buckets may know the name that came with the first configuration.
type RaftCluster struct {
	lg    *slog.Logger
	token string

	mu      sync.RWMutex
	localID ids.ID
	cid     ids.ID
	store   v2store.Store
	be      backend.Backend  // nil: nothing is kept in buckets
	version *version.Version // nil until the leader has decided one
	members map[ids.ID]*Member
	removed map[ids.ID]bool // never shrinks: an ID is never used again
}

// NewCluster returns a cluster without members. A nil lg means slog.Default().
func NewCluster(lg *slog.Logger, token string) *RaftCluster {
	if lg == nil {
		lg = slog.Default()
	}
	return &RaftCluster{
		lg:      lg,
		token:   token,
		members: make(map[ids.ID]*Member),
		removed: make(map[ids.ID]bool),
	}
}

// NewClusterFromURLsMap returns the cluster of --initial-cluster: member name → its
// peer URLs. Members that are given the same map and token compute the same IDs.
func NewClusterFromURLsMap(lg *slog.Logger, token string, peerURLs map[string][]string) (*RaftCluster, error) {
	c := NewCluster(lg, token)
	for _, name := range slices.Sorted(maps.Keys(peerURLs)) {
		m := NewMember(name, peerURLs[name], token, nil)
		if other := c.members[m.ID]; other != nil {
			return nil, fmt.Errorf("membership: members %q and %q have the same peer URLs %v: give each member its own",
				other.Name, name, m.PeerURLs)
		}
		if m.ID == 0 {
			return nil, fmt.Errorf("membership: member %q has the reserved ID 0: change its peer URLs or the cluster token", name)
		}
		c.members[m.ID] = m
	}
	c.cid = computeClusterID(slices.Collect(maps.Keys(c.members)))
	return c, nil
}

// ID returns the cluster's ID.
func (c *RaftCluster) ID() ids.ID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.cid
}

// LocalID returns the ID of the member that this process is.
func (c *RaftCluster) LocalID() ids.ID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.localID
}

// SetID tells the cluster who it is and which of its members runs here.
func (c *RaftCluster) SetID(localID, cid ids.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.localID, c.cid = localID, cid
}

// SetStore gives the cluster its v2 tree.
func (c *RaftCluster) SetStore(st v2store.Store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store = st
}

// SetBackend gives the cluster its backend and makes the buckets there.
func (c *RaftCluster) SetBackend(be backend.Backend) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.be = be
	buckets{be}.create()
}

// Members returns copies of all members, by ascending ID.
func (c *RaftCluster) Members() []*Member {
	return c.collect(func(*Member) bool { return true })
}

// VotingMembers returns copies of the members that are not learners.
func (c *RaftCluster) VotingMembers() []*Member {
	return c.collect(func(m *Member) bool { return !m.IsLearner })
}

func (c *RaftCluster) collect(keep func(*Member) bool) []*Member {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []*Member
	for _, m := range c.members {
		if keep(m) {
			out = append(out, m.Clone())
		}
	}
	slices.SortFunc(out, func(a, b *Member) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Member returns a copy of the member with this ID, or nil.
func (c *RaftCluster) Member(id ids.ID) *Member {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.members[id].Clone()
}

// MemberByName returns a copy of the member with this name, nil if there is none;
// of several, the one with the lowest ID. Names are not unique: nothing enforces it.
func (c *RaftCluster) MemberByName(name string) *Member {
	for _, m := range c.Members() {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// IsLocalMemberLearner tells whether the member that runs here is a learner.
func (c *RaftCluster) IsLocalMemberLearner() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	m := c.members[c.localID]
	return m != nil && m.IsLearner
}

// IsIDRemoved tells whether the ID once was a member and never can be again.
func (c *RaftCluster) IsIDRemoved(id ids.ID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.removed[id]
}

// PeerURLs returns the peer URLs of all members, sorted.
func (c *RaftCluster) PeerURLs() []string {
	return c.urls(func(m *Member) []string { return m.PeerURLs })
}

// ClientURLs returns the client URLs that members have published, sorted.
func (c *RaftCluster) ClientURLs() []string {
	return c.urls(func(m *Member) []string { return m.ClientURLs })
}

func (c *RaftCluster) urls(of func(*Member) []string) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	urls := []string{}
	for _, m := range c.members {
		urls = append(urls, of(m)...)
	}
	slices.Sort(urls)
	return urls
}

// Version returns the cluster version, nil while it is not decided.
func (c *RaftCluster) Version() *version.Version {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.version == nil {
		return nil
	}
	v := *c.version
	return &v
}

// written is where a change is written to, besides memory.
type written struct {
	tree    v2Tree
	buckets buckets
}

// places returns where changes are written to. Without a tree nothing can be
// judged or changed.
func (c *RaftCluster) places() written {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.store == nil {
		panic("membership: SetStore must be called BEFORE the first change or recovery")
	}
	return written{v2Tree{c.store}, buckets{c.be}}
}
