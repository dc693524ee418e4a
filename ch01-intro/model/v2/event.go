package v2

import (
	"fmt"
	"time"
)

// Event is what an operation did.
type Event struct {
	Action string `json:"action"`
	Node   *Node  `json:"node,omitempty"`
	// PrevNode is what was there before, a directory without what is in it.
	PrevNode *Node `json:"prevNode,omitempty"`

	isRefresh bool     // only the time to live was renewed: nobody who watches is told
	gone      []string // paths that were there until this event
}

// Node is a file or a directory as it is shown.
type Node struct {
	Key        string     `json:"key,omitempty"` // left out for the root
	Value      *string    `json:"value,omitempty"`
	Dir        bool       `json:"dir,omitempty"`
	Expiration *time.Time `json:"expiration,omitempty"`
	TTL        int64      `json:"ttl,omitempty"` // seconds, rounded up
	Nodes      []*Node    `json:"nodes,omitempty"`
	// ModifiedIndex of a deletion is its own index.
	ModifiedIndex uint64 `json:"modifiedIndex,omitempty"`
	CreatedIndex  uint64 `json:"createdIndex,omitempty"`
}

// Error is a refusal. A refused operation changes nothing and takes no index.
type Error struct {
	Code    int    `json:"errorCode"`
	Message string `json:"message"`
	Cause   string `json:"cause,omitempty"`
	Index   uint64 `json:"index"`
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s (%s)", e.Code, e.Message, e.Cause) }

// The codes of refusals.
const (
	KeyNotFound   = 100
	CompareFailed = 101
	NotAFile      = 102
	NotADirectory = 104
	AlreadyExists = 105
	RootReadOnly  = 107
	DirNotEmpty   = 108
	EventsCleared = 401
)

var messages = map[int]string{
	KeyNotFound:   "Key not found",
	CompareFailed: "Compare failed",
	NotAFile:      "Not a file",
	NotADirectory: "Not a directory",
	AlreadyExists: "Key already exists",
	RootReadOnly:  "Root is read only",
	DirNotEmpty:   "Directory not empty",
	EventsCleared: "The event in requested index is outdated and cleared",
}

func (t *Tree) refuse(code int, cause string) *Error {
	return &Error{Code: code, Message: messages[code], Cause: cause, Index: t.index}
}
