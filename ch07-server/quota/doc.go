// Package quota bounds the database (flag --quota-backend-bytes; book §7.4.2, the q of
// quotaApplierV3 and applierV3Capped).
//
// bbolt never gives pages back, and a file that fills the disk cannot be repaired from
// within. So long before, writes are refused, and the NOSPACE alarm (package alarm) makes
// that known to all members. Then an operator compacts, defragments and disarms.
//
// A request is judged at two places, by two rules.
//
// BEFORE the proposal, by Quota.Available: Cost is at least the bytes that the puts and
// the lease of the request will write, so what passes fits. This is stricter than etcd
// 3.4, whose cost leaves out puts in nested transactions (REGRESSIONS Q1), and the old
// value that a put with ignore_value writes once more. It may be stricter here, because
// what is refused here enters no log.
//
// At APPLY, by Quota.AvailableAtApply, with 3.4's own rule, ApplyCost. It decides nothing
// about the entry: the sizes of two members' files differ, but what an entry does must
// not. The entry is executed; then, if the answer was no, the alarm is proposed, and the
// client is told ErrNoSpace although its write is there, as 3.4 does. Only the alarm,
// which came through the log itself, refuses an entry: every one with ApplyCost > 0.
// That leaves a transaction alone whose only puts are nested, and it has to: members of
// 3.4 in the same cluster execute it too.
//
// What costs nothing is always available, also above the limit: reads, compactions,
// revokes, and deletions, although a deletion writes a tombstone for each key. Without
// them nobody could make room (REGRESSIONS Q2).
package quota
