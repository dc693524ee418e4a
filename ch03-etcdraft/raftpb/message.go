package raftpb

import "insideetcd/ch01-intro/api/wire"

// Message is all that members ever say to each other. One flat struct serves every
// type; which fields count depends on Type (Raft figure 2 names them by RPC).
type Message struct {
	Type       MessageType `json:"type"`
	To         uint64      `json:"to"`
	From       uint64      `json:"from"`
	Term       uint64      `json:"term"`    // 0 = local, or a forwarded proposal or read
	LogTerm    uint64      `json:"logTerm"` // term of the entry at Index
	Index      uint64      `json:"index"`   // of the entry before Entries, the candidate's last, or the acknowledged one
	Entries    []Entry     `json:"entries"`
	Commit     uint64      `json:"commit"`
	Snapshot   Snapshot    `json:"snapshot"` // only MsgSnap fills it; zero = none
	Reject     bool        `json:"reject"`
	RejectHint uint64      `json:"rejectHint"` // where the refusing follower's log might match
	Context    []byte      `json:"context,omitempty"`

	// What never leaves the process has no encoding: the work of storage threads.
	Vote      uint64    `json:"-"` // of the HardState in MsgStorageAppend
	Responses []Message `json:"-"` // to be delivered once the work is done
}

// MessageType tells what a Message means and which of its fields count.
type MessageType int32

const (
	MsgHup            MessageType = 0  // local: start an election
	MsgBeat           MessageType = 1  // local: send heartbeats
	MsgProp           MessageType = 2  // a proposal, local or forwarded to the leader
	MsgApp            MessageType = 3  // AppendEntries
	MsgAppResp        MessageType = 4  // its answer
	MsgVote           MessageType = 5  // RequestVote
	MsgVoteResp       MessageType = 6  // its answer
	MsgSnap           MessageType = 7  // InstallSnapshot
	MsgHeartbeat      MessageType = 8  // AppendEntries without entries, its own type here
	MsgHeartbeatResp  MessageType = 9  // its answer
	MsgUnreachable    MessageType = 10 // local: a message was not delivered
	MsgSnapStatus     MessageType = 11 // local: how sending a snapshot ended
	MsgCheckQuorum    MessageType = 12 // local: does a leader still hear a quorum?
	MsgTransferLeader MessageType = 13 // please hand leadership to From
	MsgTimeoutNow     MessageType = 14 // campaign at once
	MsgReadIndex      MessageType = 15 // which index must a linearizable read see?
	MsgReadIndexResp  MessageType = 16 // its answer
	MsgPreVote        MessageType = 17 // would I get your vote?
	MsgPreVoteResp    MessageType = 18 // its answer

	// Types of etcd 3.6. They never leave a process there; a 3.4 peer knows none of them.
	MsgStorageAppend     MessageType = 19
	MsgStorageAppendResp MessageType = 20
	MsgStorageApply      MessageType = 21
	MsgStorageApplyResp  MessageType = 22
	MsgForgetLeader      MessageType = 23
)

var messageTypeNames = []string{
	"MsgHup", "MsgBeat", "MsgProp", "MsgApp", "MsgAppResp", "MsgVote", "MsgVoteResp", "MsgSnap",
	"MsgHeartbeat", "MsgHeartbeatResp", "MsgUnreachable", "MsgSnapStatus", "MsgCheckQuorum",
	"MsgTransferLeader", "MsgTimeoutNow", "MsgReadIndex", "MsgReadIndexResp", "MsgPreVote",
	"MsgPreVoteResp", "MsgStorageAppend", "MsgStorageAppendResp", "MsgStorageApply",
	"MsgStorageApplyResp", "MsgForgetLeader",
}

// String is the constant's name, or the number when it has none.
func (t MessageType) String() string { return enumName(int32(t), messageTypeNames) }

// Size is the length of the encoding in bytes.
func (m Message) Size() int {
	n := wire.SizeVarint(1, enumBits(m.Type)) +
		wire.SizeVarint(2, m.To) +
		wire.SizeVarint(3, m.From) +
		wire.SizeVarint(4, m.Term) +
		wire.SizeVarint(5, m.LogTerm) +
		wire.SizeVarint(6, m.Index)
	for i := range m.Entries {
		n += wire.SizeNested(7, m.Entries[i].Size())
	}
	return n + wire.SizeVarint(8, m.Commit) +
		wire.SizeNested(9, m.Snapshot.Size()) +
		wire.SizeBool(10) +
		wire.SizeVarint(11, m.RejectHint) +
		wire.SizeBytes(12, m.Context)
}

// AppendTo appends the encoding to b. The snapshot is always there, also when it is none.
func (m Message) AppendTo(b []byte) []byte {
	b = wire.AppendVarint(b, 1, enumBits(m.Type))
	b = wire.AppendVarint(b, 2, m.To)
	b = wire.AppendVarint(b, 3, m.From)
	b = wire.AppendVarint(b, 4, m.Term)
	b = wire.AppendVarint(b, 5, m.LogTerm)
	b = wire.AppendVarint(b, 6, m.Index)
	for i := range m.Entries {
		b = wire.AppendNested(b, 7, m.Entries[i].Size())
		b = m.Entries[i].AppendTo(b)
	}
	b = wire.AppendVarint(b, 8, m.Commit)
	b = wire.AppendNested(b, 9, m.Snapshot.Size())
	b = m.Snapshot.AppendTo(b)
	b = wire.AppendBool(b, 10, m.Reject)
	b = wire.AppendVarint(b, 11, m.RejectHint)
	return wire.AppendBytes(b, 12, m.Context)
}

func (m *Message) decode(d wire.Decoder) error {
	for d.Next() {
		switch d.Field() {
		case 1:
			m.Type = MessageType(d.Varint())
		case 2:
			m.To = d.Varint()
		case 3:
			m.From = d.Varint()
		case 4:
			m.Term = d.Varint()
		case 5:
			m.LogTerm = d.Varint()
		case 6:
			m.Index = d.Varint()
		case 7:
			m.Entries = append(m.Entries, Entry{})
			d.Join(m.Entries[len(m.Entries)-1].decode(d.Nested("raftpb.Entry")))
		case 8:
			m.Commit = d.Varint()
		case 9:
			d.Join(m.Snapshot.decode(d.Nested("raftpb.Snapshot")))
		case 10:
			m.Reject = d.Bool()
		case 11:
			m.RejectHint = d.Varint()
		case 12:
			m.Context = d.Bytes()
		}
	}
	return d.Err()
}
