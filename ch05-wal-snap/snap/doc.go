// Package snap keeps snapshots of a member's state in files, so that the log need not reach
// back to the first entry (Raft §7, book §5.2).
//
// A snapshot file is named term-index.snap, both as 16 hex digits, so that names sort from
// old to new. It holds
//
//	08 crc | 12 n, n bytes of raftpb.Snapshot        (snappb.Snapshot; CRC-32C over the n bytes)
//
// and the raftpb.Snapshot in it holds which entry it reaches to, who the members were then,
// and the state: in etcd 3.x the v2 store as JSON. The v3 keys are not in it; they lie in
// the file `db` beside it, which is always up to date by itself.
//
// A file counts only when it is whole and when the log names it. The first is settled by
// writing it under another name, syncing and renaming; the second by the order: SaveSnap,
// then wal.SaveSnapshot. A file that a crash left between the two is an orphan, and
// LoadNewestAvailable passes over it.
package snap
