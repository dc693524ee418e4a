package apply

import (
	"errors"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/alarm"
)

// ErrNoSpace and ErrCorrupt answer entries that an alarm forbids.
var (
	ErrNoSpace = errors.New("etcdserver: no space")
	ErrCorrupt = errors.New("etcdserver: corrupt cluster")
)

// SizeLimit knows how large the database may grow; quota.Quota is one.
type SizeLimit interface {
	// NeedsRoom tells whether a full database must not execute r.
	NeedsRoom(r *pb.InternalRaftRequest) bool
	// AvailableAtApply tells whether there is room for r now.
	AvailableAtApply(r *pb.InternalRaftRequest) bool
}

// guardedApplierV3 turns away what an alarm forbids, and notices when the
// database has outgrown its limit (the book's applierV3Capped, quotaApplierV3
// and the applier of a corrupt cluster, §7.4.2). All it looks at is replicated
// state, except the size of the file: and that decides only whether an alarm is
// raised, by an entry of its own, never what an entry does.
type guardedApplierV3 struct {
	ApplierV3
	alarms *alarm.AlarmStore
	limit  SizeLimit
	// raise proposes the NOSPACE alarm; it must not wait for it.
	raise func()
}

// Guard returns an applier that asks alarms and the size limit before it passes an
// entry on to next.
func Guard(next ApplierV3, alarms *alarm.AlarmStore, limit SizeLimit, raise func()) ApplierV3 {
	return &guardedApplierV3{ApplierV3: next, alarms: alarms, limit: limit, raise: raise}
}

func (g *guardedApplierV3) Apply(index uint64, r *pb.InternalRaftRequest) Result {
	switch {
	case g.alarms.Active(pb.AlarmType_CORRUPT) && changesKeys(r):
		return Result{Err: ErrCorrupt}
	case g.alarms.Active(pb.AlarmType_NOSPACE) && g.limit.NeedsRoom(r):
		return Result{Err: ErrNoSpace}
	}
	fits := g.limit.AvailableAtApply(r)
	res := g.ApplierV3.Apply(index, r)
	if !fits && !g.alarms.Active(pb.AlarmType_NOSPACE) {
		g.raise()
		if res.Err == nil { // executed, as on every member; the client hears why to stop
			res = Result{Err: ErrNoSpace}
		}
	}
	return res
}

// changesKeys tells whether a corrupt cluster must not execute r.
func changesKeys(r *pb.InternalRaftRequest) bool {
	return r.Put != nil || r.DeleteRange != nil || r.Txn != nil || r.Compaction != nil ||
		r.LeaseGrant != nil || r.LeaseRevoke != nil
}
