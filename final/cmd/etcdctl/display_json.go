package main

import (
	"encoding/json"
	"os"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/clientv3"
)

// jsonDisplay prints an answer as one line: proto names, zero fields left out, bytes in
// base64, 64-bit numbers as numbers.
type jsonDisplay struct{}

func (*jsonDisplay) print(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fail(exitError, err)
	}
	say("%s\n", b)
	return nil
}

func (d *jsonDisplay) Del(r *clientv3.DeleteResponse) error               { return d.print(r) }
func (d *jsonDisplay) Get(r *clientv3.GetResponse) error                  { return d.print(r) }
func (d *jsonDisplay) Put(r *clientv3.PutResponse) error                  { return d.print(r) }
func (d *jsonDisplay) Txn(r *clientv3.TxnResponse) error                  { return d.print(r) }
func (d *jsonDisplay) Watch(r *clientv3.WatchResponse) error              { return d.print(r) }
func (d *jsonDisplay) Grant(r *clientv3.LeaseGrantResponse) error         { return d.print(r) }
func (d *jsonDisplay) KeepAlive(r *clientv3.LeaseKeepAliveResponse) error { return d.print(r) }
func (d *jsonDisplay) Leases(r *clientv3.LeaseLeasesResponse) error       { return d.print(r) }
func (d *jsonDisplay) MemberList(r *clientv3.MemberListResponse) error    { return d.print(r) }
func (d *jsonDisplay) EndpointHealth(list []endpointHealth) error         { return d.print(list) }
func (d *jsonDisplay) EndpointStatus(list []endpointStatus) error         { return d.print(list) }
func (d *jsonDisplay) EndpointHashKV(list []endpointHash) error           { return d.print(list) }
func (d *jsonDisplay) Alarm(r *clientv3.AlarmResponse) error              { return d.print(r) }
func (d *jsonDisplay) SnapshotStatus(s snapshotStatus) error              { return d.print(s) }

func (d *jsonDisplay) Revoke(_ clientv3.LeaseID, r *clientv3.LeaseRevokeResponse) error {
	return d.print(r)
}

func (d *jsonDisplay) TimeToLive(r *clientv3.LeaseTimeToLiveResponse, _ bool) error {
	return d.print(r)
}

// protobufDisplay writes the message as it came, without a line end. Of answers about
// leases etcdctl 3.4 writes the header alone, and so does this.
type protobufDisplay struct{ unsupported }

type message interface{ MarshalVTStrict() ([]byte, error) }

func (*protobufDisplay) write(m message) error {
	b, err := m.MarshalVTStrict()
	if err != nil {
		return fail(exitError, err)
	}
	if _, err := os.Stdout.Write(b); err != nil {
		return fail(exitIO, err)
	}
	return nil
}

func (d *protobufDisplay) Del(r *clientv3.DeleteResponse) error {
	return d.write((*pb.DeleteRangeResponse)(r))
}
func (d *protobufDisplay) Get(r *clientv3.GetResponse) error { return d.write((*pb.RangeResponse)(r)) }
func (d *protobufDisplay) Put(r *clientv3.PutResponse) error { return d.write((*pb.PutResponse)(r)) }
func (d *protobufDisplay) Txn(r *clientv3.TxnResponse) error { return d.write((*pb.TxnResponse)(r)) }
func (d *protobufDisplay) Alarm(r *clientv3.AlarmResponse) error {
	return d.write((*pb.AlarmResponse)(r))
}

func (d *protobufDisplay) MemberList(r *clientv3.MemberListResponse) error {
	return d.write((*pb.MemberListResponse)(r))
}

func (d *protobufDisplay) Watch(r *clientv3.WatchResponse) error {
	m := &pb.WatchResponse{Header: r.Header, CompactRevision: r.CompactRevision, Canceled: r.Canceled, Created: r.Created}
	for _, e := range r.Events {
		m.Events = append(m.Events, (*mvccpb.Event)(e))
	}
	return d.write(m)
}

func (d *protobufDisplay) Grant(r *clientv3.LeaseGrantResponse) error {
	return d.write(r.ResponseHeader)
}

func (d *protobufDisplay) Revoke(_ clientv3.LeaseID, r *clientv3.LeaseRevokeResponse) error {
	return d.write((*pb.LeaseRevokeResponse)(r))
}

func (d *protobufDisplay) KeepAlive(r *clientv3.LeaseKeepAliveResponse) error {
	return d.write(r.ResponseHeader)
}

func (d *protobufDisplay) TimeToLive(r *clientv3.LeaseTimeToLiveResponse, _ bool) error {
	return d.write(r.ResponseHeader)
}

func (d *protobufDisplay) Leases(r *clientv3.LeaseLeasesResponse) error {
	return d.write(r.ResponseHeader)
}
