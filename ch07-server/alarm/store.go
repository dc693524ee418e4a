package alarm

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch06-storage/backend"
)

var (
	// ErrUnknownAction refuses a request that is neither GET, ACTIVATE nor DEACTIVATE.
	ErrUnknownAction = errors.New("etcdserver: unknown alarm action")
	// ErrNamesNothing refuses to activate the alarm NONE of member 0: in the file it
	// would be an empty key, which bbolt does not take.
	ErrNamesNothing = errors.New("etcdserver: alarm names neither a member nor a type")
)

// BackendGetter hands out the database of the moment: a member that receives a snapshot
// gets another one, and calls Restore then.
type BackendGetter interface{ Backend() backend.Backend }

// AlarmStore is the set of active alarms, in memory and on disk (the book's name).
// Reading is safe for concurrent use; only the apply loop may change it.
//
// Invariants
//  1. The bucket "alarm" holds one key for each active alarm, and nothing else.
//  2. A change of the bucket and the consistent index of its entry are written under
//     one lock, so they are committed together: the alarms on disk are those after
//     exactly the entries that the index covers (REGRESSIONS S1, M5).
//  3. To apply a request a second time changes nothing.
type AlarmStore struct {
	lg *slog.Logger
	bg BackendGetter

	mu    sync.RWMutex
	types map[pb.AlarmType]map[ids.ID]struct{} // no empty inner maps
}

// NewAlarmStore returns the alarms that bg's database holds. A nil lg is
// slog.Default().
func NewAlarmStore(lg *slog.Logger, bg BackendGetter) (*AlarmStore, error) {
	if lg == nil {
		lg = slog.Default()
	}
	a := &AlarmStore{lg: lg, bg: bg}
	if err := a.Restore(); err != nil {
		return nil, err
	}
	return a, nil
}

// Restore reads the alarms anew: after the database was replaced by a snapshot's. An
// error leaves the alarms in memory as they were.
func (a *AlarmStore) Restore() error {
	stored, err := readBucket(a.bg.Backend())
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.sorted(pb.AlarmType_NONE) {
		observe(m, false)
	}
	a.types = make(map[pb.AlarmType]map[ids.ID]struct{})
	for _, m := range stored {
		a.remember(m)
		a.lg.Warn("alarm is active", "alarm", m.Alarm, "member", ids.ID(m.MemberID))
	}
	return nil
}

// Check refuses, BEFORE it is proposed, a request that means nothing. etcd 3.4 ends with
// a panic at each of them, and at ErrNamesNothing again after every restart.
func Check(r *pb.AlarmRequest) error {
	switch r.Action {
	case pb.AlarmRequest_GET, pb.AlarmRequest_DEACTIVATE:
		return nil
	case pb.AlarmRequest_ACTIVATE:
		if r.MemberID == 0 && r.Alarm == pb.AlarmType_NONE {
			return ErrNamesNothing
		}
		return nil
	}
	return fmt.Errorf("%w %d", ErrUnknownAction, r.Action)
}

// Apply executes a committed request; index is its raft index. The answer lists the
// alarms that were asked for, or the one alarm that is active now, or is not any more;
// nothing if there was none to deactivate. The header is the caller's. The consistent
// index moves to index if the set changed; else moving it is the caller's too.
//
// A request that Check would have refused, from a log that another server wrote, changes
// nothing.
func (a *AlarmStore) Apply(index uint64, r *pb.AlarmRequest) *pb.AlarmResponse {
	resp := &pb.AlarmResponse{}
	switch r.Action {
	case pb.AlarmRequest_GET:
		resp.Alarms = a.Get(r.Alarm)
	case pb.AlarmRequest_ACTIVATE:
		resp.Alarms = list(a.Activate(index, ids.ID(r.MemberID), r.Alarm))
	case pb.AlarmRequest_DEACTIVATE:
		resp.Alarms = list(a.Deactivate(index, ids.ID(r.MemberID), r.Alarm))
	}
	return resp
}

func list(m *pb.AlarmMember) []*pb.AlarmMember {
	if m == nil {
		return nil
	}
	return []*pb.AlarmMember{m}
}

// Activate makes (id, at) active and returns it, also if it was already. index is the
// raft index of the entry that says so, 0 if there is none. The one alarm that cannot be
// stored, type NONE of member 0, is ignored: the answer is nil.
func (a *AlarmStore) Activate(index uint64, id ids.ID, at pb.AlarmType) *pb.AlarmMember {
	m := &pb.AlarmMember{MemberID: uint64(id), Alarm: at}
	if id == 0 && at == pb.AlarmType_NONE {
		a.lg.Warn("ignored an alarm that names nothing", "raft_index", index)
		return nil
	}
	if a.has(id, at) {
		return m
	}
	write(a.bg.Backend(), index, func(tx backend.BatchTx) {
		tx.UnsafePut(backend.BucketAlarm, bucketKey(m), nil)
	})
	a.mu.Lock()
	a.remember(m)
	a.mu.Unlock()
	a.lg.Warn("alarm raised", "alarm", at, "member", id)
	return m
}

// Deactivate ends (id, at) and returns it, nil if it was not active. index is the raft
// index of the entry that says so, 0 if there is none.
func (a *AlarmStore) Deactivate(index uint64, id ids.ID, at pb.AlarmType) *pb.AlarmMember {
	if !a.has(id, at) {
		return nil
	}
	m := &pb.AlarmMember{MemberID: uint64(id), Alarm: at}
	write(a.bg.Backend(), index, func(tx backend.BatchTx) {
		tx.UnsafeDelete(backend.BucketAlarm, bucketKey(m))
	})
	a.mu.Lock()
	a.forget(m)
	a.mu.Unlock()
	a.lg.Warn("alarm disarmed", "alarm", at, "member", id)
	return m
}

// Get lists the active alarms of a type, of all types for NONE, by ascending type and
// member. The list and its elements are the caller's.
func (a *AlarmStore) Get(at pb.AlarmType) []*pb.AlarmMember {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.sorted(at)
}

// Active tells whether any member has an alarm of this very type.
func (a *AlarmStore) Active(at pb.AlarmType) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.types[at]) > 0
}

// has tells whether (id, at) is active.
func (a *AlarmStore) has(id ids.ID, at pb.AlarmType) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	_, ok := a.types[at][id]
	return ok
}

// sorted needs mu. Clients print the list, and /health names its first element, so the
// maps' order must not show.
func (a *AlarmStore) sorted(at pb.AlarmType) []*pb.AlarmMember {
	var alarms []*pb.AlarmMember
	for t, members := range a.types {
		if at != pb.AlarmType_NONE && t != at {
			continue
		}
		for id := range members {
			alarms = append(alarms, &pb.AlarmMember{MemberID: uint64(id), Alarm: t})
		}
	}
	slices.SortFunc(alarms, func(x, y *pb.AlarmMember) int {
		return cmp.Or(cmp.Compare(x.Alarm, y.Alarm), cmp.Compare(x.MemberID, y.MemberID))
	})
	return alarms
}

// remember needs mu.
func (a *AlarmStore) remember(m *pb.AlarmMember) {
	members := a.types[m.Alarm]
	if members == nil {
		members = make(map[ids.ID]struct{})
		a.types[m.Alarm] = members
	}
	members[ids.ID(m.MemberID)] = struct{}{}
	observe(m, true)
}

// forget needs mu.
func (a *AlarmStore) forget(m *pb.AlarmMember) {
	delete(a.types[m.Alarm], ids.ID(m.MemberID))
	if len(a.types[m.Alarm]) == 0 {
		delete(a.types, m.Alarm)
	}
	observe(m, false)
}
