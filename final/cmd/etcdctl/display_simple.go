package main

import (
	"strings"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/clientv3"
)

// simpleDisplay prints lines for people and for simple scripts.
type simpleDisplay struct {
	hex       bool
	valueOnly bool // get --print-value-only
}

func (d *simpleDisplay) bytes(b []byte) string {
	if d.hex {
		return hexBytes(b)
	}
	return string(b)
}

func (d *simpleDisplay) kv(kv *mvccpb.KeyValue) {
	if !d.valueOnly {
		say("%s\n", d.bytes(kv.Key))
	}
	say("%s\n", d.bytes(kv.Value))
}

func (d *simpleDisplay) Get(r *clientv3.GetResponse) error {
	for _, kv := range r.Kvs {
		d.kv(kv)
	}
	return nil
}

func (d *simpleDisplay) Put(r *clientv3.PutResponse) error {
	say("OK\n")
	if r.PrevKv != nil {
		d.kv(r.PrevKv)
	}
	return nil
}

func (d *simpleDisplay) Del(r *clientv3.DeleteResponse) error {
	say("%d\n", r.Deleted)
	for _, kv := range r.PrevKvs {
		d.kv(kv)
	}
	return nil
}

func (d *simpleDisplay) Txn(r *clientv3.TxnResponse) error {
	if r.Succeeded {
		say("SUCCESS\n")
	} else {
		say("FAILURE\n")
	}
	for _, op := range r.Responses {
		say("\n")
		if err := showOp(d, op); err != nil {
			return err
		}
	}
	return nil
}

// showOp shows the answer to one operation of a transaction.
func showOp(d display, op *pb.ResponseOp) error {
	switch r := op.Response.(type) {
	case *pb.ResponseOp_ResponseRange:
		return d.Get((*clientv3.GetResponse)(r.ResponseRange))
	case *pb.ResponseOp_ResponsePut:
		return d.Put((*clientv3.PutResponse)(r.ResponsePut))
	case *pb.ResponseOp_ResponseDeleteRange:
		return d.Del((*clientv3.DeleteResponse)(r.ResponseDeleteRange))
	case *pb.ResponseOp_ResponseTxn:
		return d.Txn((*clientv3.TxnResponse)(r.ResponseTxn))
	}
	return failf(exitError, "the server answered an operation with %T", op.Response)
}

func (d *simpleDisplay) Watch(r *clientv3.WatchResponse) error {
	for _, e := range r.Events {
		say("%s\n", e.Type)
		if e.PrevKv != nil {
			d.kv(e.PrevKv)
		}
		d.kv(e.Kv)
	}
	return nil
}

func (d *simpleDisplay) Grant(r *clientv3.LeaseGrantResponse) error {
	say("lease %016x granted with TTL(%ds)\n", int64(r.ID), r.TTL)
	return nil
}

func (d *simpleDisplay) Revoke(id clientv3.LeaseID, _ *clientv3.LeaseRevokeResponse) error {
	say("lease %016x revoked\n", int64(id))
	return nil
}

func (d *simpleDisplay) KeepAlive(r *clientv3.LeaseKeepAliveResponse) error {
	say("lease %016x keepalived with TTL(%d)\n", int64(r.ID), r.TTL)
	return nil
}

func (d *simpleDisplay) TimeToLive(r *clientv3.LeaseTimeToLiveResponse, keys bool) error {
	if r.GrantedTTL == 0 && r.TTL == -1 {
		say("lease %016x already expired\n", int64(r.ID))
		return nil
	}
	say("lease %016x granted with TTL(%ds), remaining(%ds)", int64(r.ID), r.GrantedTTL, r.TTL)
	if keys {
		names := make([]string, 0, len(r.Keys))
		for _, k := range r.Keys {
			names = append(names, string(k))
		}
		say(", attached keys(%v)", names)
	}
	say("\n")
	return nil
}

func (d *simpleDisplay) Leases(r *clientv3.LeaseLeasesResponse) error {
	say("found %d leases\n", len(r.Leases))
	for _, l := range r.Leases {
		say("%016x\n", int64(l.ID))
	}
	return nil
}

func (d *simpleDisplay) rows(rows [][]string) error {
	for _, row := range rows {
		say("%s\n", strings.Join(row, ", "))
	}
	return nil
}

func (d *simpleDisplay) MemberList(r *clientv3.MemberListResponse) error {
	return d.rows(memberTable(r).rows)
}

// EndpointHealth goes to standard error, as etcdctl 3.4 has it.
func (d *simpleDisplay) EndpointHealth(list []endpointHealth) error {
	for _, h := range list {
		if h.Error == "" {
			warn("%s is healthy: successfully committed proposal: took = %v\n", h.Endpoint, h.Took)
		} else {
			warn("%s is unhealthy: failed to commit proposal: %v\n", h.Endpoint, h.Error)
		}
	}
	return nil
}

func (d *simpleDisplay) EndpointStatus(list []endpointStatus) error {
	return d.rows(statusTable(list).rows)
}

func (d *simpleDisplay) EndpointHashKV(list []endpointHash) error {
	return d.rows(hashTable(list).rows)
}

func (d *simpleDisplay) SnapshotStatus(s snapshotStatus) error {
	return d.rows(snapshotTable(s).rows)
}

// Alarm prints each alarm as 3.4 does, blank at the end included.
func (d *simpleDisplay) Alarm(r *clientv3.AlarmResponse) error {
	for _, a := range r.Alarms {
		say("%s\n", alarmText(a))
	}
	return nil
}

// alarmText is the text form of the message, field by field, zero fields left out.
func alarmText(a *pb.AlarmMember) string {
	var b strings.Builder
	if a.MemberID != 0 {
		b.WriteString("memberID:" + decimal(a.MemberID) + " ")
	}
	if a.Alarm != pb.AlarmType_NONE {
		b.WriteString("alarm:" + a.Alarm.String() + " ")
	}
	return b.String()
}
