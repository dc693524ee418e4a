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
// Whoever wants to know what happens does not ask again and again, but watches. A watcher
// names an interval of keys and a revision to begin at, and is sent every event from there
// on: once, in order, a transaction never divided. An event is encoded with the record of
// its change and never again; all watchers share the bytes.
//
// The life of an event:
//
//	End of the put                   OnCommit hands the changes to the hub
//	watcherGroup                     who watches this key, or an interval around it?
//	outbox of each stream            one response a watcher; the bell rings once
//	stream.Take()                    the receiver takes all that is there
//
// If the receiver does not come, its outbox fills up, and its watchers become victims: they
// keep nothing but the revision they need next. When it has come, they are unsynced: the
// sync loop reads for them, in slices, from the history on disk, as it does for a watcher
// that begins in the past. When they have everything they are synced again. So a slow
// receiver costs bounded memory, and nobody else anything.
//
// Where to read: revision.go, keyindex.go (with the worked example), index.go, record.go;
// then kv.go (the interfaces), store.go, read.go, write.go, compact.go, hash.go; of watches watch.go (the interfaces), event.go, watcher.go (the three states),
// watcher_group.go, outbox.go, watch_hub.go (the core), watch_stream.go, watchable_store.go,
// watch_sync.go (the sync loop).
package mvcc
