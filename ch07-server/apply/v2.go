package apply

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch01-intro/version"
	"insideetcd/ch07-server/membership"
)

// ApplierV2 executes the requests of the v2 tree (book §7.4.1). In etcd 3.4 a
// member also publishes its name and client URLs, and the leader the cluster
// version, by a v2 PUT below /0; these are the requests executed here. Requests
// of v2 clients come with the v2 API.
type ApplierV2 interface {
	// Apply executes r. It returns ErrUnsupported for a request that this
	// build cannot execute.
	Apply(r *pb.Request) error
}

// applierV2store executes on the membership kept in the v2 tree.
type applierV2store struct {
	cluster *membership.RaftCluster
	// onVersion hears of a new cluster version.
	onVersion func(version.Version)
}

// NewApplierV2 returns the applier for cluster. onVersion, if not nil, is
// called with each cluster version that is set.
func NewApplierV2(cluster *membership.RaftCluster, onVersion func(version.Version)) ApplierV2 {
	return &applierV2store{cluster: cluster, onVersion: onVersion}
}

// SupportedV2 tells whether ApplierV2 can execute r.
func SupportedV2(r *pb.Request) bool {
	switch r.Method {
	case "QGET", "SYNC":
		return true
	case "PUT":
		_, attributes := memberOfAttributesPath(r.Path)
		return attributes || r.Path == membership.StoreClusterVersionKey()
	}
	return false
}

func (a *applierV2store) Apply(r *pb.Request) error {
	if !SupportedV2(r) {
		return fmt.Errorf("%w: v2 %s %s", ErrUnsupported, r.Method, r.Path)
	}
	if r.Method != "PUT" {
		// QGET reads. SYNC removes expired keys: a tree that has any is not opened.
		return nil
	}
	if id, ok := memberOfAttributesPath(r.Path); ok {
		return a.putAttributes(id, r.Val)
	}
	return a.putVersion(r.Val)
}

func (a *applierV2store) putAttributes(id ids.ID, value string) error {
	var attributes membership.Attributes
	if err := json.Unmarshal([]byte(value), &attributes); err != nil {
		return fmt.Errorf("apply: attributes of member %s: %w", id, err)
	}
	return a.cluster.UpdateAttributes(id, attributes)
}

func (a *applierV2store) putVersion(value string) error {
	v, err := version.Parse(value)
	if err != nil {
		return fmt.Errorf("apply: cluster version: %w", err)
	}
	return a.cluster.SetVersion(v, a.onVersion)
}

// memberOfAttributesPath returns the member whose attributes p names:
// /0/members/<id in hex>/attributes.
func memberOfAttributesPath(p string) (ids.ID, bool) {
	dir, last := path.Split(p)
	if last != "attributes" {
		return 0, false
	}
	dir, id := path.Split(strings.TrimSuffix(dir, "/"))
	if dir != "/0/members/" {
		return 0, false
	}
	parsed, err := ids.Parse(id)
	return parsed, err == nil
}
