package etcdserver

import (
	"time"

	"insideetcd/ch03-etcdraft/raftpb"
)

// campaignAlone makes the only voter of a cluster its leader without waiting
// for an election timeout: there is nobody it could disturb. Raft refuses as
// long as committed conf changes wait to be applied, so those come first; it
// is asked again in case it has not heard yet that they are.
func (s *EtcdServer) campaignAlone() {
	if err := s.waitApplied(s.startCommit); err != nil {
		return
	}
	for s.Leader() == 0 {
		changed := s.leaderChangedNotify()
		if err := s.r.Campaign(s.ctx); err != nil {
			return
		}
		select {
		case <-changed:
		case <-time.After(s.Cfg.tick()):
		case <-s.stopping:
			return
		}
	}
}

// updateLeadership, updateCommittedIndex and enqueueApply are the server's
// side of raftNode (readyHandler).
func (s *EtcdServer) updateLeadership(lead uint64, leading bool) {
	setTo(hasLeader, lead != 0)
	setTo(isLeader, leading)
	setTo(isLearner, s.IsLearner())
	if leading {
		s.lessor.Promote(s.Cfg.ElectionTimeout())
		s.compactor.Resume()
	} else {
		s.lessor.Demote()
		s.compactor.Pause()
	}
	if lead == 0 {
		return
	}
	leaderChanges.Inc()
	s.leaderMu.Lock()
	s.electedAt = time.Now()
	close(s.leaderChanged)
	s.leaderChanged = make(chan struct{})
	s.leaderMu.Unlock()
}

func (s *EtcdServer) updateCommittedIndex(index uint64) {
	if index > s.committedIndex.Load() {
		s.committedIndex.Store(index)
		proposalsCommitted.Set(float64(index))
	}
}

func (s *EtcdServer) enqueueApply(entries []raftpb.Entry) { s.applyq.push(entries) }

// leaderChangedNotify returns a channel that is closed when another leader is
// known.
func (s *EtcdServer) leaderChangedNotify() <-chan struct{} {
	s.leaderMu.Lock()
	defer s.leaderMu.Unlock()
	return s.leaderChanged
}

// leaderLostAround tells whether a leader was replaced around the time of a
// request that began at start: then it probably died with the old leader.
func (s *EtcdServer) leaderLostAround(start time.Time) bool {
	s.leaderMu.Lock()
	elected := s.electedAt
	s.leaderMu.Unlock()
	lost := elected.Add(-2 * s.Cfg.ElectionTimeout())
	return start.After(lost) && start.Before(elected)
}
