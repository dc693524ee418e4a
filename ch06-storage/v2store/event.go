package v2store

import "time"

// The actions that events report.
const (
	Get    = "get"
	Create = "create"
	Set    = "set"
	Update = "update"
	Delete = "delete"
)

// Event is what one operation did (book §6.1.2). Its JSON, with the fields in this
// order, is the body of a v2 answer and the form in which the history is saved.
type Event struct {
	Action string      `json:"action"`
	Node   *NodeExtern `json:"node,omitempty"`
	// PrevNode is the node as it was before the operation, nil if there was none.
	// A directory appears in it without its children.
	PrevNode *NodeExtern `json:"prevNode,omitempty"`
	// EtcdIndex is the store's index after the operation.
	EtcdIndex uint64 `json:"-"`
	// Refresh marks a write that only renewed the time to live: it stands in the
	// history, but nobody who watches is told.
	Refresh bool `json:"refresh,omitempty"`
}

// NodeExtern is a node as the outside sees it: a copy, safe to keep.
type NodeExtern struct {
	Key string `json:"key,omitempty"`
	// Value is nil for directories and for deleted nodes; an empty file has "".
	Value      *string       `json:"value,omitempty"`
	Dir        bool          `json:"dir,omitempty"`
	Expiration *time.Time    `json:"expiration,omitempty"`
	TTL        int64         `json:"ttl,omitempty"` // seconds, rounded up
	Nodes      []*NodeExtern `json:"nodes,omitempty"`
	// ModifiedIndex and CreatedIndex are left out when 0: the root and the
	// namespaces have always been there.
	ModifiedIndex uint64 `json:"modifiedIndex,omitempty"`
	CreatedIndex  uint64 `json:"createdIndex,omitempty"`
}

func newEvent(action, key string, modifiedIndex, createdIndex uint64) *Event {
	return &Event{
		Action: action,
		Node:   &NodeExtern{Key: key, ModifiedIndex: modifiedIndex, CreatedIndex: createdIndex},
	}
}

// IsCreated tells whether the operation made a node where none was; the v2 API
// answers such a request with 201 instead of 200.
func (e *Event) IsCreated() bool {
	return e.Action == Create || (e.Action == Set && e.PrevNode == nil)
}

// Index returns the store index at which the event happened.
func (e *Event) Index() uint64 { return e.Node.ModifiedIndex }
