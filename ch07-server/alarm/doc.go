// Package alarm keeps what is wrong with the cluster until an operator says that it
// is right again (book §7.5).
//
// Vocabulary. An alarm is a pair (member, type): which member is affected, and by
// what. NOSPACE says that a member's database has reached its quota: writes that need
// space are refused, everywhere, while reads, deletes and compactions go on (REGRESSIONS
// Q2). CORRUPT says that a member's data differ from the others': all changes of keys
// and leases are refused, so that the damage does not spread.
//
// The life of an alarm. The member that notices proposes an AlarmRequest; Raft commits
// it; each member's apply loop calls AlarmStore.Apply, so all members carry the same
// alarms at the same raft index. An alarm never ends by itself: an operator makes room,
// then proposes DEACTIVATE. A restart changes nothing about it: alarms lie in the
// database, in the bucket "alarm", in etcd 3.4's format.
//
// What an active alarm refuses is decided where entries are applied, from Active alone.
// That it is asked anew for each entry is where this differs from etcd 3.4, which
// remembers the alarm activated last: there, to activate NOSPACE while CORRUPT is on
// lets writes pass, and to deactivate either lets all pass, until the next restart.
package alarm
