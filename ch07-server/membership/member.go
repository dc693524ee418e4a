package membership

import (
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"insideetcd/ch01-intro/ids"
)

// RaftAttributes is what Raft and the peers need to know about a member.
type RaftAttributes struct {
	// PeerURLs are where the other members reach it, sorted.
	PeerURLs []string `json:"peerURLs"`
	// IsLearner tells that it receives the log but has no vote.
	IsLearner bool `json:"isLearner,omitempty"`
}

// Attributes is what a member publishes about itself once it runs.
type Attributes struct {
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
}

// Member is one member of the cluster. Its JSON, with the fields in this order, is
// the context of a configuration change, the value in the members bucket and an
// element of the peers' /members answer.
type Member struct {
	ID ids.ID `json:"id"`
	RaftAttributes
	Attributes
}

// NewMember describes a member and computes its ID.
//
// The ID is a hash of where the member listens for peers and of the cluster's token;
// the name is not part of it. Members of a new cluster pass the token and no time, so
// that all of them compute the same IDs. A member that is added later has no token but
// the time of the request, so that an address can be used again after its former owner
// was removed for ever.
func NewMember(name string, peerURLs []string, token string, added *time.Time) *Member {
	urls := slices.Sorted(slices.Values(peerURLs))
	return &Member{
		ID:             computeMemberID(urls, token, added),
		RaftAttributes: RaftAttributes{PeerURLs: urls},
		Attributes:     Attributes{Name: name},
	}
}

// NewLearner is NewMember for a member without a vote.
func NewLearner(name string, peerURLs []string, token string, added *time.Time) *Member {
	m := NewMember(name, peerURLs, token, added)
	m.IsLearner = true
	return m
}

// computeMemberID returns the first 8 bytes of SHA-1 over the sorted URLs, the token
// and the time in decimal Unix seconds.
func computeMemberID(sortedURLs []string, token string, added *time.Time) ids.ID {
	text := strings.Join(sortedURLs, "") + token
	if added != nil {
		text += strconv.FormatInt(added.Unix(), 10)
	}
	sum := sha1.Sum([]byte(text))
	return ids.ID(binary.BigEndian.Uint64(sum[:]))
}

// computeClusterID returns the first 8 bytes of SHA-1 over the IDs of the first
// members in ascending order. It never changes afterwards.
func computeClusterID(members []ids.ID) ids.ID {
	var text []byte
	for _, id := range slices.Sorted(slices.Values(members)) {
		text = binary.BigEndian.AppendUint64(text, uint64(id))
	}
	sum := sha1.Sum(text)
	return ids.ID(binary.BigEndian.Uint64(sum[:]))
}

// IsStarted tells whether the member has ever published its attributes.
func (m *Member) IsStarted() bool { return m.Name != "" }

// Clone returns a copy that shares nothing with m; nil for nil.
func (m *Member) Clone() *Member {
	if m == nil {
		return nil
	}
	c := *m
	c.PeerURLs = slices.Clone(m.PeerURLs)
	c.ClientURLs = slices.Clone(m.ClientURLs)
	return &c
}
