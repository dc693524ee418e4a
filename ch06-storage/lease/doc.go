// Package lease lets keys live only as long as somebody says so: a client grants a lease
// with a time to live, attaches keys to it and renews it; when it falls silent, the lease
// expires and its keys are deleted (book §6.2.3).
//
// Vocabulary. The TTL is what a client was promised: a minimum, never a deadline at which
// the keys must be gone. The lessor keeps all leases. The primary lessor is the one beside
// the raft leader; it alone has a clock and decides that a lease has expired. To offer a
// lease is to tell the server that it should be revoked. A checkpoint is the number of
// seconds that a lease has left, told to all members.
//
// Two halves. What all members must agree on goes through the raft log: Grant, Revoke,
// Checkpoint, Attach, Detach look at no clock, so equal entries make equal leases. What
// only one member decides never touches it: Renew, the expiries, the two queues. That is
// why renewing is cheap, and why a new leader does not know when a lease was renewed. It
// errs on the safe side and gives every lease its whole TTL again. A lease of a day then
// never ends if the leader changes once a day; for this the primary may make checkpoints.
//
// The life of a lease:
//
//	Grant          record to the bucket "lease"; the primary's clock starts
//	Attach         the store says which key belongs to it, at a put and when it is opened
//	Renew          the primary's clock starts anew; nothing is written
//	ExpiredLeasesC the time is up: offered, and offered again until it is gone
//	               server: still leader? IsExpired? then a LeaseRevoke entry is proposed
//	Revoke         keys and record are deleted in one transaction, on every member
//
// Where to read: core.go (the leases, a value without locks and clock), queue.go and
// expiry.go (what the primary does with time), record.go (the disk form); then the shell:
// lessor.go, renew.go, loop.go (the one goroutine).
package lease
