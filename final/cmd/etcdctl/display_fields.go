package main

import (
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/clientv3"
)

// fieldsDisplay prints a field a line: "Name" : value.
type fieldsDisplay struct {
	unsupported
	hex bool // has no effect: fields quotes its bytes
}

func field(name string, value any) {
	switch v := value.(type) {
	case string:
		say("%q : %q\n", name, v)
	case []byte:
		say("%q : %q\n", name, string(v))
	default:
		say("%q : %v\n", name, v)
	}
}

func headerFields(h *pb.ResponseHeader) {
	field("ClusterID", h.GetClusterId())
	field("MemberID", h.GetMemberId())
	field("Revision", h.GetRevision())
	field("RaftTerm", h.GetRaftTerm())
}

func kvFields(prefix string, kv *mvccpb.KeyValue) {
	field(prefix+"Key", kv.GetKey())
	field(prefix+"CreateRevision", kv.GetCreateRevision())
	field(prefix+"ModRevision", kv.GetModRevision())
	field(prefix+"Version", kv.GetVersion())
	field(prefix+"Value", kv.GetValue())
	field(prefix+"Lease", kv.GetLease())
}

func (d *fieldsDisplay) Get(r *clientv3.GetResponse) error {
	headerFields(r.Header)
	for _, kv := range r.Kvs {
		kvFields("", kv)
	}
	field("More", r.More)
	field("Count", r.Count)
	return nil
}

func (d *fieldsDisplay) Put(r *clientv3.PutResponse) error {
	headerFields(r.Header)
	if r.PrevKv != nil {
		kvFields("Prev", r.PrevKv)
	}
	return nil
}

func (d *fieldsDisplay) Del(r *clientv3.DeleteResponse) error {
	headerFields(r.Header)
	field("Deleted", r.Deleted)
	for _, kv := range r.PrevKvs {
		kvFields("Prev", kv)
	}
	return nil
}

func (d *fieldsDisplay) Txn(r *clientv3.TxnResponse) error {
	headerFields(r.Header)
	field("Succeeded", r.Succeeded)
	for _, op := range r.Responses {
		if err := showOp(d, op); err != nil {
			return err
		}
	}
	return nil
}

func (d *fieldsDisplay) Watch(r *clientv3.WatchResponse) error {
	headerFields(r.Header)
	for _, e := range r.Events {
		field("Type", e.Type)
		if e.PrevKv != nil {
			kvFields("Prev", e.PrevKv)
		}
		kvFields("", e.Kv)
	}
	return nil
}

func (d *fieldsDisplay) Grant(r *clientv3.LeaseGrantResponse) error {
	headerFields(r.ResponseHeader)
	field("ID", int64(r.ID))
	field("TTL", r.TTL)
	return nil
}

func (d *fieldsDisplay) Revoke(_ clientv3.LeaseID, r *clientv3.LeaseRevokeResponse) error {
	headerFields(r.Header)
	return nil
}

func (d *fieldsDisplay) KeepAlive(r *clientv3.LeaseKeepAliveResponse) error {
	headerFields(r.ResponseHeader)
	field("ID", int64(r.ID))
	field("TTL", r.TTL)
	return nil
}

func (d *fieldsDisplay) TimeToLive(r *clientv3.LeaseTimeToLiveResponse, _ bool) error {
	headerFields(r.ResponseHeader)
	field("ID", int64(r.ID))
	field("TTL", r.TTL)
	field("GrantedTTL", r.GrantedTTL)
	for _, k := range r.Keys {
		field("Key", k)
	}
	return nil
}

func (d *fieldsDisplay) Leases(r *clientv3.LeaseLeasesResponse) error {
	headerFields(r.ResponseHeader)
	for _, l := range r.Leases {
		field("ID", int64(l.ID))
	}
	return nil
}

func (d *fieldsDisplay) MemberList(r *clientv3.MemberListResponse) error {
	headerFields(r.Header)
	for _, m := range r.Members {
		field("ID", m.ID)
		field("Name", m.Name)
		for _, u := range m.PeerURLs {
			field("PeerURL", u)
		}
		for _, u := range m.ClientURLs {
			field("ClientURL", u)
		}
		field("IsLearner", m.IsLearner)
		say("\n")
	}
	return nil
}

func (d *fieldsDisplay) EndpointHealth(list []endpointHealth) error {
	for _, h := range list {
		field("Endpoint", h.Endpoint)
		field("Health", h.Health)
		say("\"Took\" : %s\n\"Error\" : %s\n\n", h.Took, h.Error) // bare, as in 3.4
	}
	return nil
}

func (d *fieldsDisplay) EndpointStatus(list []endpointStatus) error {
	for _, e := range list {
		s := e.Status
		headerFields(s.Header)
		field("Version", s.Version)
		field("DBSize", s.DbSize)
		field("Leader", s.Leader)
		field("IsLearner", s.IsLearner)
		field("RaftIndex", s.RaftIndex)
		field("RaftTerm", s.RaftTerm)
		field("RaftAppliedIndex", s.RaftAppliedIndex)
		field("Errors", s.Errors)
		field("Endpoint", e.Endpoint)
		say("\n")
	}
	return nil
}

func (d *fieldsDisplay) EndpointHashKV(list []endpointHash) error {
	for _, e := range list {
		headerFields(e.HashKV.Header)
		field("Endpoint", e.Endpoint)
		field("Hash", e.HashKV.Hash)
		say("\n")
	}
	return nil
}

func (d *fieldsDisplay) Alarm(r *clientv3.AlarmResponse) error {
	if r.Header != nil {
		headerFields(r.Header)
	}
	for _, a := range r.Alarms {
		field("MemberID", a.MemberID)
		field("AlarmType", a.Alarm.String())
		say("\n")
	}
	return nil
}

func (d *fieldsDisplay) SnapshotStatus(s snapshotStatus) error {
	field("Hash", s.Hash)
	field("Revision", s.Revision)
	field("Keys", s.TotalKey)
	field("Size", s.TotalSize)
	return nil
}
