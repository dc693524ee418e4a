package model_test

import (
	"fmt"
	"strings"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
)

// story tells what happens to a store, a line a request: the revision after it, the
// request, the answer.
type story struct{ *model.Store }

func begin() story { return story{model.New()} }

func (s story) do(what string, request any) any {
	response, err := s.Do(request)
	if err != nil {
		fmt.Printf("at %d  %-34s refused: %s\n", s.Rev(), what, err)
		return nil
	}
	fmt.Printf("at %d  %-34s %s\n", s.Rev(), what, told(response))
	return response
}

func (s story) put(key, value string) {
	s.do("put "+key+" = "+value, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
}

func (s story) putWith(what string, r *pb.PutRequest) { s.do("put "+what, r) }

func (s story) del(key, end string) {
	s.do("delete "+keys(key, end), &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)})
}

func (s story) get(what string, r *pb.RangeRequest) { s.do("get "+what, r) }

func (s story) compact(rev int64) {
	s.do(fmt.Sprintf("compact %d", rev), &pb.CompactionRequest{Revision: rev})
}

func (s story) grant(id, ttl int64) {
	s.do(fmt.Sprintf("grant lease %d for %d s", id, ttl), &pb.LeaseGrantRequest{ID: id, TTL: ttl})
}

func (s story) watch(what string, r *pb.WatchCreateRequest) model.Watcher {
	w, err := s.Watch(r)
	if err != nil {
		fmt.Printf("at %d  %-34s refused: %s\n", s.Rev(), "watch "+what, err)
	}
	return w
}

// see tells what a watch has got since it was looked at.
func (s story) see(what string, w model.Watcher) model.Watcher {
	events, w, err := s.Events(w)
	if err != nil {
		fmt.Printf("       %s: ended, %s, compact revision %d\n", what, err, s.Compacted())
		return w
	}
	told := []string{}
	for _, e := range events {
		text := fmt.Sprintf("%d delete %s", e.Kv.ModRevision, e.Kv.Key)
		if e.Type == mvccpb.Event_PUT {
			text = fmt.Sprintf("%d put %s = %s", e.Kv.ModRevision, e.Kv.Key, e.Kv.Value)
		}
		if e.PrevKv != nil {
			text += fmt.Sprintf(" (was %s)", e.PrevKv.Value)
		}
		told = append(told, text)
	}
	fmt.Printf("       %s: [%s]\n", what, strings.Join(told, ", "))
	return w
}

func keys(key, end string) string {
	switch end {
	case "":
		return key
	case "\x00":
		return key + ".."
	}
	return key + ".." + end
}

func told(response any) string {
	switch r := response.(type) {
	case *pb.RangeResponse:
		parts := []string{}
		for _, kv := range r.Kvs {
			parts = append(parts, fmt.Sprintf("%s=%s", kv.Key, kv.Value))
		}
		text := fmt.Sprintf("[%s] of %d", strings.Join(parts, " "), r.Count)
		if r.More {
			text += ", more"
		}
		return text
	case *pb.PutResponse:
		if r.PrevKv != nil {
			return fmt.Sprintf("was %s", r.PrevKv.Value)
		}
		return "ok"
	case *pb.DeleteRangeResponse:
		text := fmt.Sprintf("%d deleted", r.Deleted)
		for _, kv := range r.PrevKvs {
			text += fmt.Sprintf(", was %s=%s", kv.Key, kv.Value)
		}
		return text
	case *pb.TxnResponse:
		parts := []string{}
		for _, op := range r.Responses {
			parts = append(parts, told(inner(op)))
		}
		branch := "else"
		if r.Succeeded {
			branch = "then"
		}
		return branch + " {" + strings.Join(parts, "; ") + "}"
	case *pb.LeaseGrantResponse:
		return fmt.Sprintf("lease %d for %d s", r.ID, r.TTL)
	case *pb.LeaseKeepAliveResponse:
		return fmt.Sprintf("%d s", r.TTL)
	case *pb.LeaseTimeToLiveResponse:
		return fmt.Sprintf("%d of %d s left, keys %s", r.TTL, r.GrantedTTL, r.Keys)
	case *pb.LeaseLeasesResponse:
		return fmt.Sprint(r.Leases)
	}
	return "ok"
}

func inner(op *pb.ResponseOp) any {
	switch r := op.Response.(type) {
	case *pb.ResponseOp_ResponseRange:
		return r.ResponseRange
	case *pb.ResponseOp_ResponsePut:
		return r.ResponsePut
	case *pb.ResponseOp_ResponseDeleteRange:
		return r.ResponseDeleteRange
	}
	return op.GetResponseTxn()
}

// Operations of transactions.

func opPut(key, value string) *pb.RequestOp {
	return opPutWith(&pb.PutRequest{Key: []byte(key), Value: []byte(value)})
}

func opPutWith(r *pb.PutRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: r}}
}

func opGet(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func opDel(key, end string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
		RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key), RangeEnd: []byte(end)}}}
}

func opTxn(r *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: r}}
}

func ops(list ...*pb.RequestOp) []*pb.RequestOp { return list }

func one(key string) *pb.RangeRequest { return &pb.RangeRequest{Key: []byte(key)} }

func all() *pb.RangeRequest { return &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}} }

func exists(key string) []*pb.Compare {
	return []*pb.Compare{{Key: []byte(key), Target: pb.Compare_VERSION, Result: pb.Compare_GREATER}}
}
