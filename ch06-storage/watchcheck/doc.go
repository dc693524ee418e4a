// Package watchcheck judges what watchers were sent. A test records the streams of its
// watches, whoever served them (the store, the server over gRPC, a client that resumes
// behind its user's back), and the history of all changes; Check compares the two and
// names every broken promise.
//
// The seven guarantees:
//
//	ordered       revisions never go back on a watch
//	unique        no event comes twice
//	reliable      no event is left out
//	atomic        the events of a transaction come together
//	resumable     a watch may begin at any revision that is not compacted, and begins there
//	bookmarkable  progress at r means: all events up to r were sent, none comes later
//	faithful      an event says what happened: key, value, revisions, prev_kv; and it is one
//	              that was asked for
//
// A test says:
//
//	history := watchcheck.NewHistory()
//	history.Add(events...)                  for each transaction, in order
//	history.Compacted(rev)                  if there was a compaction
//	violations := watchcheck.Check(history, watch, responses)
//
// The package knows nothing of those who serve watches: it takes messages, and intervals as
// they travel on the wire, so that it cannot be wrong in the same way.
package watchcheck
