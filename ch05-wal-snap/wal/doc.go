// Package wal is the write-ahead log: where a member's promises lie before it makes them.
//
// A member that answers "I have this entry" or "you have my vote" must still know it after
// a power cut (Raft figure 2, persistent state). So everything a raft Ready holds is first
// appended here and synced; only then are messages sent and clients answered. Nobody reads
// the log in normal running. It is read once, at start, from a snapshot to its end.
//
// # The life of a log
//
//	Create   crc | metadata | snapshot{0,0}            in wal.tmp, renamed to wal when complete
//	Save     … entry entry entry state | entry state   appended; one fdatasync a call
//	cut      the segment is full: crc | metadata | state begin the next one
//	Open     take the segments that reach back to a snapshot, lock them
//	ReadAll  read, check, find the end; only then is the log open for Save
//	Repair   cut off a record that a crash left half written, and nothing else
//
// # On disk
//
// A segment is named seq-index.wal, two numbers of 16 hex digits: its place in the sequence
// and the index of the first entry it may hold. It is preallocated, so it ends in zeros, and
// a zero length is the end of what was written. A record stands in a frame:
//
//	 8 bytes           length bytes                                   pad bytes
//	+---------------+------------------------------------------------+--------+
//	| length | pad  | 08 type | 10 crc | 1a n, n bytes of data       | 00 ... |
//	+---------------+------------------------------------------------+--------+
//	  little endian   walpb.Record (protobuf)                          to 8n bytes
//
// A record of 31 bytes takes one byte of padding, and its length field is
// 1f 00 00 00 00 00 00 81: the low 56 bits are the length, the top byte is 0x80|pad when
// there is padding. Frames are multiples of eight bytes, so a length field never straddles
// two sectors of the disk: it is there or it is not.
//
// The crc (CRC-32C) runs on over the data of all records, through all segments. A record
// therefore vouches for everything before it: none can be left out, doubled or exchanged
// unnoticed. Each segment begins with a crc record that hands the running value over.
//
// # A torn tail is not a lost one
//
// A crash may leave the last unsynced write half done. Nothing in it was acknowledged, so
// it may be cut off. Damage of any other shape means that something which was synced, and
// perhaps acknowledged, is gone; then the log refuses to open and names file and byte,
// because a member that forgets its promises silently is worse than one that stays down.
// File tear.go tells the two apart.
//
// # Where to start reading
//
// record.go and tear.go are the pure core: bytes in, bytes or a verdict out. encoder.go and
// decoder.go put a running checksum and files around them. create.go, open.go, read.go,
// save.go and cut.go are the steps of the book's §5.1.1 to §5.1.5, in order.
package wal
