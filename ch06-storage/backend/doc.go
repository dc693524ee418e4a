// Package backend is the place where version 3 keeps everything on disk: one bbolt
// file, written by one batch transaction and read by as many readers as like.
//
// The story of a write. bbolt syncs the disk at every commit, a hundred times slower
// than a put. So puts are collected: BatchTx is a bbolt write transaction that stays
// open, and is committed when it holds 10,000 changes or 100 ms after the first of
// them. A crash loses what is not committed; nobody minds, because the same changes
// stand in the write-ahead log (ch05) and are applied again. For that to be right,
// the file must say which log entries it holds: the consistent index. It is set under
// the same lock as the data it covers and written in the same bbolt transaction, so
// index and data are never committed apart.
//
// The story of a read. A bbolt read transaction sees the last commit, not the open
// batch. So each change goes to two places: into the bbolt transaction and into a
// write buffer in memory. A reader pins, under a mutex held for nanoseconds, the pair
// (bbolt read transaction, buffer as of the last Unlock), and reads the buffer first.
// It copies nothing: the buffer's parts are persistent. Revisions, whose keys only
// rise, stand in an append-only slice of which the reader keeps pointer and length;
// all other changes in a copy-on-write B-tree. The writer goes on beside it, and so
// does a commit: readers stay on the old pair until the new one is published.
//
// Where to read: bucket.go (what is in the file, and how it is opened), batchtx.go
// (writing), buffer.go and readtx.go (reading), defrag.go, hash.go, snapshot.go.
package backend
