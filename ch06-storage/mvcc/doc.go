// Package mvcc is the multi-version store: it keeps not what a key is, but everything
// that happened to it.
//
// Vocabulary. A revision is the store's logical clock: it starts at 1, and every write
// transaction that changes something moves it on by one, however many changes it makes;
// main revision 7 with changes 0, 1, 2 is 7.0, 7.1, 7.2. A record is an encoded
// mvccpb.KeyValue. A tombstone is the record of a deletion. A generation is one life of
// a key, from its first put to its tombstone.
//
// Two structures, one truth. On disk (package backend) the bucket "key" maps revision →
// record: a log of all changes in the order in which they happened. In memory the index
// maps key → revisions. A read at revision r asks the index which revision of each key
// was the newest at r, and fetches those records. The index holds nothing that is not on
// disk: Open rebuilds it by reading the bucket once.
//
// The life of a put:
//
//	txn := store.Write()             one writer; the batch lock is held until End
//	defer txn.Abort()                does nothing after End
//	txn.Put(key, value, lease)       index: one revision more; record: kept in the txn
//	txn.SetConsistentIndex(entry)    which log entry this was
//	txn.End()                        records and index go to the batch under its lock,
//	                                 readers see them, the revision moves on
//
// Until End nothing of the transaction is in the batch, so nothing of it can be
// committed; the revisions in the index lie in the future of every reader.
//
// History grows for ever unless it is compacted: Compact(r) makes every revision before
// r unreadable at once and removes from disk, in small slices, what no read at r or
// later can need.
//
// Where to read: revision.go, keyindex.go (with the worked example), index.go, record.go;
// then kv.go (the interfaces), store.go, read.go, write.go, compact.go, hash.go.
package mvcc
