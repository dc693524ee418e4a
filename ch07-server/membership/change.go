package membership

import (
	"fmt"
	"slices"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
)

// Recover replaces what the cluster knows by what its v2 tree says, after the tree
// was recovered from a snapshot. onSet, if not nil, hears of the cluster version, also
// if this server is too old for it, which is an error (ErrClusterVersionTooHigh).
func (c *RaftCluster) Recover(onSet func(version.Version)) error {
	tree := c.places().tree
	members, removed, err := tree.members()
	if err != nil {
		return err
	}
	v, err := tree.version()
	if err != nil {
		return err
	}
	c.mu.Lock()
	old := c.version
	c.members, c.removed, c.version = members, removed, v
	c.mu.Unlock()
	for _, m := range c.Members() {
		c.lg.Info("recovered member", "member", m.ID, "name", m.Name, "peerURLs", m.PeerURLs, "learner", m.IsLearner)
	}
	if v == nil {
		return nil
	}
	reportVersion(old, v)
	c.lg.Info("recovered cluster version", "version", v)
	return announce(*v, onSet)
}

// AddMember takes a new member in.
func (c *RaftCluster) AddMember(m *Member) {
	to := c.places()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed[m.ID] {
		panic(fmt.Sprintf("membership: invariant 1: member %s was removed and is added again", m.ID))
	}
	m = m.Clone()
	to.tree.addMember(m)
	to.buckets.saveMember(m)
	c.members[m.ID] = m
	c.lg.Info("added member", "cluster", c.cid, "member", m.ID, "peerURLs", m.PeerURLs, "learner", m.IsLearner)
}

// RemoveMember takes a member out for ever.
func (c *RaftCluster) RemoveMember(id ids.ID) {
	to := c.places()
	c.mu.Lock()
	defer c.mu.Unlock()
	to.tree.removeMember(id)
	to.buckets.removeMember(id)
	delete(c.members, id)
	c.removed[id] = true
	c.lg.Info("removed member", "cluster", c.cid, "member", id)
}

// PromoteMember makes a learner a voter.
func (c *RaftCluster) PromoteMember(id ids.ID) {
	c.changeRaftAttributes(id, "promoted learner", func(a *RaftAttributes) { a.IsLearner = false })
}

// UpdateRaftAttributes replaces what the peers know of a member, the learner flag
// included.
func (c *RaftCluster) UpdateRaftAttributes(id ids.ID, attributes RaftAttributes) {
	c.changeRaftAttributes(id, "updated member", func(a *RaftAttributes) {
		a.PeerURLs, a.IsLearner = slices.Clone(attributes.PeerURLs), attributes.IsLearner
	})
}

func (c *RaftCluster) changeRaftAttributes(id ids.ID, what string, change func(*RaftAttributes)) {
	to := c.places()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[id]
	if m == nil {
		panic(fmt.Sprintf("membership: a validated change is for member %s, which is not in the cluster", id))
	}
	change(&m.RaftAttributes)
	to.tree.updateRaftAttributes(m)
	to.buckets.saveMember(m)
	c.lg.Info(what, "cluster", c.cid, "member", id, "peerURLs", m.PeerURLs, "learner", m.IsLearner)
}

// UpdateAttributes stores what a member has published about itself. A member that
// was removed meanwhile is passed over.
func (c *RaftCluster) UpdateAttributes(id ids.ID, published Attributes) error {
	to := c.places()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.members[id]
	switch {
	case c.removed[id]:
		c.lg.Warn("passed over the attributes of a removed member", "cluster", c.cid, "member", id)
		return nil
	case m == nil:
		return fmt.Errorf("membership: attributes of member %s: %w", id, ErrIDNotFound)
	}
	m.Attributes = Attributes{Name: published.Name, ClientURLs: slices.Clone(published.ClientURLs)}
	to.tree.setAttributes(m)
	to.buckets.saveMember(m)
	c.lg.Info("published member", "cluster", c.cid, "member", id, "name", m.Name, "clientURLs", m.ClientURLs)
	return nil
}

// SetVersion stores the cluster version that the leader decided. onSet, if not nil,
// hears of it, also if this server is too old for it, which is an error
// (ErrClusterVersionTooHigh).
func (c *RaftCluster) SetVersion(v version.Version, onSet func(version.Version)) error {
	to := c.places()
	c.mu.Lock()
	old := c.version
	c.version = &v
	to.tree.setVersion(v)
	to.buckets.saveVersion(v)
	c.mu.Unlock()
	reportVersion(old, &v)
	if old == nil {
		c.lg.Info("set the cluster version", "version", v)
	} else {
		c.lg.Info("updated the cluster version", "from", old, "to", v)
	}
	return announce(v, onSet)
}

// announce passes a version on, and tells whether this server can serve it.
func announce(v version.Version, onSet func(version.Version)) error {
	if onSet != nil {
		onSet(v)
	}
	own := version.MustParse(version.Compatible)
	if own.Major < v.Major || (own.Major == v.Major && own.Minor < v.Minor) {
		return fmt.Errorf("%w: the cluster is at %s, this server speaks %s; start a server of version %s or newer",
			ErrClusterVersionTooHigh, v, own, v.MajorMinor())
	}
	return nil
}
