package etcdserver

import (
	"errors"
	"fmt"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raft"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch07-server/apply"
)

// etcdProgress is how far apply has come (book §7.3.3).
//
// Invariants
//  1. snapi ≤ appliedi.
//  2. Entries are applied in the order of their indexes, none left out.
type etcdProgress struct {
	confState raftpb.ConfState // after the last applied conf change
	snapi     uint64           // index of the last raft snapshot
	appliedi  uint64
}

// applyLoop is the only goroutine that changes the stores.
func (s *EtcdServer) applyLoop(ep etcdProgress) {
	defer close(s.applyDone)
	for {
		select {
		case <-s.applyq.ready:
		case <-s.stopping:
			return
		}
		if err := s.applyAll(&ep, s.applyq.take()); errors.Is(err, ErrStopped) {
			return
		} else if err != nil {
			s.fail(err)
			return
		}
		proposalsApplied.Set(float64(ep.appliedi))
		s.applyWait.reach(ep.appliedi)
		s.maybeSnapshot(&ep)
	}
}

func (s *EtcdServer) applyAll(ep *etcdProgress, entries []raftpb.Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Index <= ep.appliedi {
			continue
		}
		if s.isStopping() { // a batch may be a whole log that is replayed
			return ErrStopped
		}
		if e.Index != ep.appliedi+1 {
			panic(fmt.Sprintf("etcdserver: entry %d follows applied entry %d", e.Index, ep.appliedi))
		}
		start := time.Now()
		s.applying.Store(e.Index)
		id, result, err := s.applyEntry(ep, e)
		if took := time.Since(start); took > s.Cfg.WarningApplyDuration {
			slowApplies.Inc()
			s.lg.Warn("apply request took too long", "took", took, "expected-duration", s.Cfg.WarningApplyDuration, "index", e.Index)
		}
		if err != nil {
			return fmt.Errorf("etcdserver: cannot apply raft entry %d of term %d: %w", e.Index, e.Term, err)
		}
		ep.appliedi = e.Index
		s.appliedIndex.Store(e.Index)
		s.w.trigger(id, result)
	}
	return nil
}

// applyEntry executes one entry and returns its request's ID. An error means
// that this member must not go on; what a client did wrong is in the result.
// The consistent index has passed the entry when it returns.
func (s *EtcdServer) applyEntry(ep *etcdProgress, e *raftpb.Entry) (id uint64, res apply.Result, err error) {
	switch e.Type {
	case raftpb.EntryNormal:
		id, res, err = s.applyNormal(e)
	case raftpb.EntryConfChange:
		id, res, err = s.applyConfChange(ep, e)
	default:
		err = fmt.Errorf("%w: entry type %s", apply.ErrUnsupported, e.Type)
	}
	if err == nil && s.kv.ConsistentIndex() < e.Index {
		s.kv.SetConsistentIndex(e.Index)
	}
	return id, res, err
}

func (s *EtcdServer) applyNormal(e *raftpb.Entry) (uint64, apply.Result, error) {
	if len(e.Data) == 0 { // a new leader's first entry
		return 0, apply.Result{}, nil
	}
	r, v2, err := pb.DecodeRaftEntry(e.Data)
	if err != nil {
		return 0, apply.Result{}, err
	}
	if v2 != nil {
		return v2.ID, apply.Result{}, s.applyV2.Apply(v2)
	}
	id := r.ID
	if id == 0 {
		id = r.GetHeader().GetID()
	}
	if e.Index <= s.kv.ConsistentIndex() {
		return id, apply.Result{}, nil // the database holds it already
	}
	if !apply.Supported(r) {
		return id, apply.Result{}, apply.ErrUnsupported
	}
	return id, s.applyV3.Apply(e.Index, r), nil
}

// applyConfChange executes a membership change. One that is refused is still
// settled with the raft library, as a change of node 0.
func (s *EtcdServer) applyConfChange(ep *etcdProgress, e *raftpb.Entry) (uint64, apply.Result, error) {
	var cc raftpb.ConfChange
	if err := cc.Unmarshal(e.Data); err != nil {
		return 0, apply.Result{}, err
	}
	if refused := s.cluster.ValidateConfigurationChange(cc); refused != nil {
		cc.NodeID = raft.None
		s.r.ApplyConfChange(cc)
		return cc.ID, apply.Result{Err: refused}, nil
	}
	confState := s.r.ApplyConfChange(cc)
	if len(confState.Voters) == 0 {
		// The node has stopped and answers nothing any more. What it does not
		// know must not end up in a snapshot.
		return cc.ID, apply.Result{}, ErrStopped
	}
	ep.confState = *confState
	if err := s.cluster.Apply(cc); err != nil {
		return cc.ID, apply.Result{}, err
	}
	return cc.ID, apply.Result{Resp: s.cluster.Members()}, nil
}
