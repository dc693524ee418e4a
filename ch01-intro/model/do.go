package model

import (
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// Do executes any request but a watch, and returns its answer, or the *Error that refuses
// it. It is for those who have requests of all kinds: comparisons, checkers, replays. A
// message that is no request to a Store is a mistake of the caller, and panics.
func (s *Store) Do(request any) (response any, err error) {
	switch r := request.(type) {
	case *pb.RangeRequest:
		return answer(s.Range(r))
	case *pb.PutRequest:
		return answer(s.Put(r))
	case *pb.DeleteRangeRequest:
		return answer(s.DeleteRange(r))
	case *pb.TxnRequest:
		return answer(s.Txn(r))
	case *pb.CompactionRequest:
		return answer(s.Compact(r))
	case *pb.LeaseGrantRequest:
		return answer(s.LeaseGrant(r))
	case *pb.LeaseRevokeRequest:
		return answer(s.LeaseRevoke(r))
	case *pb.LeaseKeepAliveRequest:
		return s.LeaseKeepAlive(r), nil
	case *pb.LeaseTimeToLiveRequest:
		return s.LeaseTimeToLive(r), nil
	case *pb.LeaseLeasesRequest:
		return s.LeaseLeases(r), nil
	}
	panic(fmt.Sprintf("model: %T is no request to a store", request))
}

// answer keeps the nil answer of an error from becoming an interface that is not nil.
func answer[T any](resp *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return resp, nil
}
