package model

import pb "insideetcd/ch01-intro/api/etcdserverpb"

// Compact forgets the past before a revision. From then on
//
//   - a read before the revision is refused; one at the revision, or later, says what it
//     has always said;
//   - a watch that needs a change before the revision ends; one from the revision on gets
//     everything that happened there, deletes too;
//   - an event does not tell what was there before it if that was before the revision.
//
// The revision must have been, and be above that of the compaction before: there is no way
// back. The list of changes stays here, since every answer is computed from it; a real
// store drops all versions that no answer needs any more.
func (s *Store) Compact(r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	switch {
	case r.Revision <= s.compacted:
		return nil, ErrCompacted
	case r.Revision > s.Rev():
		return nil, ErrFutureRev
	}
	s.compacted = r.Revision
	return &pb.CompactionResponse{Header: s.header()}, nil
}
