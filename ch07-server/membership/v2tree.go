package membership

import (
	"encoding/json"
	"fmt"
	"path"

	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch06-storage/v2store"
)

// The namespaces of the v2 tree: the server's own facts, and the keys of users.
const (
	StoreClusterPrefix = "/0"
	StoreKeysPrefix    = "/1"
)

// The places of the cluster's facts in the v2 tree.
const (
	storeMembersPrefix        = StoreClusterPrefix + "/members"
	storeRemovedMembersPrefix = StoreClusterPrefix + "/removed_members"
	storeVersionKey           = StoreClusterPrefix + "/version"

	raftAttributesSuffix = "raftAttributes"
	attributesSuffix     = "attributes"
)

// MemberStoreKey returns the directory of a member.
func MemberStoreKey(id ids.ID) string { return path.Join(storeMembersPrefix, id.String()) }

// MemberAttributesStorePath returns the file with a member's Attributes. A member
// publishes itself with a v2 PUT to this path.
func MemberAttributesStorePath(id ids.ID) string {
	return path.Join(MemberStoreKey(id), attributesSuffix)
}

// RemovedMemberStoreKey returns the file that says that an ID was removed for ever.
func RemovedMemberStoreKey(id ids.ID) string {
	return path.Join(storeRemovedMembersPrefix, id.String())
}

// StoreClusterVersionKey returns the file with the cluster version. The leader
// decides on one with a v2 PUT to this path.
func StoreClusterVersionKey() string { return storeVersionKey }

func raftAttributesStorePath(id ids.ID) string {
	return path.Join(MemberStoreKey(id), raftAttributesSuffix)
}

// v2Tree reads and writes the cluster's facts in the tree. Each write is the same
// single operation, hence the same event, as in etcd 3.4: the history and the index
// are replicated state. An operation that fails after the change was validated breaks
// an invariant, and panics.
type v2Tree struct{ store v2store.Store }

func (t v2Tree) addMember(m *Member) {
	must(t.store.Create(raftAttributesStorePath(m.ID), false, encode(m.RaftAttributes), false, v2store.TTLOptionSet{}))
}

func (t v2Tree) updateRaftAttributes(m *Member) {
	must(t.store.Update(raftAttributesStorePath(m.ID), encode(m.RaftAttributes), v2store.TTLOptionSet{}))
}

func (t v2Tree) setAttributes(m *Member) {
	must(t.store.Set(MemberAttributesStorePath(m.ID), false, encode(m.Attributes), v2store.TTLOptionSet{}))
}

func (t v2Tree) removeMember(id ids.ID) {
	must(t.store.Delete(MemberStoreKey(id), true, true))
	must(t.store.Create(RemovedMemberStoreKey(id), false, "", false, v2store.TTLOptionSet{}))
}

func (t v2Tree) setVersion(v version.Version) {
	must(t.store.Set(storeVersionKey, false, v.String(), v2store.TTLOptionSet{}))
}

// members reads the members and the removed IDs. The store counts reads, and its
// counts are replicated too: so there is one recursive read of each directory, and
// none of the second where the first is missing.
func (t v2Tree) members() (map[ids.ID]*Member, map[ids.ID]bool, error) {
	members, removed := make(map[ids.ID]*Member), make(map[ids.ID]bool)
	dir, err := t.store.Get(storeMembersPrefix, true)
	if v2store.IsKeyNotFound(err) {
		return members, removed, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("membership: read %s: %w", storeMembersPrefix, err)
	}
	for _, n := range dir.Node.Nodes {
		m, err := memberFromNode(n)
		if err != nil {
			return nil, nil, err
		}
		members[m.ID] = m
	}
	dir, err = t.store.Get(storeRemovedMembersPrefix, true)
	if v2store.IsKeyNotFound(err) {
		return members, removed, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("membership: read %s: %w", storeRemovedMembersPrefix, err)
	}
	for _, n := range dir.Node.Nodes {
		id, err := ids.Parse(path.Base(n.Key))
		if err != nil {
			return nil, nil, fmt.Errorf("membership: %s in the v2 tree: %w", n.Key, err)
		}
		removed[id] = true
	}
	return members, removed, nil
}

// version reads the cluster version, nil if there is none yet.
func (t v2Tree) version() (*version.Version, error) {
	e, err := t.store.Get(storeVersionKey, false)
	if v2store.IsKeyNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("membership: read %s: %w", storeVersionKey, err)
	}
	if e.Node.Value == nil {
		return nil, fmt.Errorf("membership: %s in the v2 tree is a directory", storeVersionKey)
	}
	v, err := version.Parse(*e.Node.Value)
	if err != nil {
		return nil, fmt.Errorf("membership: %s in the v2 tree: %w", storeVersionKey, err)
	}
	return &v, nil
}

// memberFromNode reads the directory of one member. A member that has not started
// yet has no attributes; one without raftAttributes cannot be.
func memberFromNode(dir *v2store.NodeExtern) (*Member, error) {
	id, err := ids.Parse(path.Base(dir.Key))
	if err != nil {
		return nil, fmt.Errorf("membership: %s in the v2 tree: %w", dir.Key, err)
	}
	m, known := &Member{ID: id}, false
	for _, n := range dir.Nodes {
		if n.Value == nil {
			continue
		}
		var into any
		switch path.Base(n.Key) {
		case raftAttributesSuffix:
			into, known = &m.RaftAttributes, true
		case attributesSuffix:
			into = &m.Attributes
		default:
			continue
		}
		if err := json.Unmarshal([]byte(*n.Value), into); err != nil {
			return nil, fmt.Errorf("membership: decode %s in the v2 tree: %w", n.Key, err)
		}
	}
	if !known {
		return nil, fmt.Errorf("membership: %s in the v2 tree has no %s", dir.Key, raftAttributesSuffix)
	}
	return m, nil
}

// encode returns the JSON of one of this package's own types.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("membership: %T does not encode: %v", v, err))
	}
	return string(b)
}

func must(e *v2store.Event, err error) {
	if err != nil {
		panic(fmt.Sprintf("membership: a validated change failed in the v2 tree: %v", err))
	}
}
