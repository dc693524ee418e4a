// Package raftpb holds the messages of the raft library: what one member sends to
// another, and what lies in the log and in snapshots.
//
// The life of one change runs through these types. A proposal becomes an Entry; a
// Message of type MsgApp carries it to the followers; it lies in each write-ahead log
// beside the HardState that says who may count on it; in the end a Snapshot replaces a
// long prefix of entries, and its ConfState remembers who the members were. A
// ConfChange or ConfChangeV2 is an entry's Data when the change is the membership
// itself.
//
// They are plain value structs in the shape that etcd 3.4 gave them: a log is a
// []Entry, one piece of memory, and the hot path of raft allocates nothing for it. The
// codec is written by hand (see package wire) because the byte layout is part of the
// lesson, and because three habits of 3.4's encoding must be kept exactly:
//
//   - Scalars and single nested messages are proto2 fields that are always written,
//     zero or not. So an empty ConfState is 28 00, and a Message always carries a
//     snapshot field, if only an empty one: 4a 0a 12 08 0a 02 28 00 10 00 18 00. Such
//     an empty snapshot reads back as the zero Snapshot, which means "none".
//   - Bytes are written when they are not nil: nil Data leaves no trace, empty Data is
//     a tag and a zero length. Reading keeps the difference.
//   - Repeated integers are written one tag each; reading also takes the packed form.
//
// Reading is lenient about what is missing (zero) and what is unknown (skipped and
// dropped: later versions add fields, and nothing here needs them back), but strict
// about the fields it knows: a wrong wire type, a cut message or an overlong number is
// an error that names message, field and byte offset. Only that strictness lets a
// reader tell two kinds of message apart that share a log.
package raftpb
