package clientv3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

type (
	AlarmMember        pb.AlarmMember
	AlarmResponse      pb.AlarmResponse
	StatusResponse     pb.StatusResponse
	DefragmentResponse pb.DefragmentResponse
	HashKVResponse     pb.HashKVResponse
	MoveLeaderResponse pb.MoveLeaderResponse
)

// Maintenance looks after single members. Calls with an endpoint go to exactly that one,
// whatever the client's endpoints are; the others to any.
type Maintenance interface {
	AlarmList(ctx context.Context) (*AlarmResponse, error)
	// AlarmDisarm ends an alarm; a zero AlarmMember ends all. The answer lists the ended.
	AlarmDisarm(ctx context.Context, m *AlarmMember) (*AlarmResponse, error)
	// Defragment gives unused pages of a member's database back to the disk; the member
	// serves nothing meanwhile.
	Defragment(ctx context.Context, endpoint string) (*DefragmentResponse, error)
	Status(ctx context.Context, endpoint string) (*StatusResponse, error)
	// HashKV hashes the history up to a revision; 0 is the newest.
	HashKV(ctx context.Context, endpoint string, rev int64) (*HashKVResponse, error)
	// Snapshot reads a member's database as a file, followed by its SHA-256. The caller
	// closes it. A read error other than io.EOF means that the file is not whole.
	Snapshot(ctx context.Context) (io.ReadCloser, error)
	// MoveLeader must reach the leader: give the client its endpoint only.
	MoveLeader(ctx context.Context, transfereeID uint64) (*MoveLeaderResponse, error)
}

type maintenance struct {
	client *Client
	remote stub.MaintenanceClient
}

// NewMaintenance makes the Maintenance of a client's connection.
func NewMaintenance(c *Client) Maintenance {
	return &maintenance{c, stub.NewMaintenanceClient(c.conn)}
}

func (m *maintenance) AlarmList(ctx context.Context) (*AlarmResponse, error) {
	r, err := m.remote.Alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_GET}, repeatable{})
	return (*AlarmResponse)(r), toErr(ctx, err)
}

func (m *maintenance) AlarmDisarm(ctx context.Context, alarm *AlarmMember) (*AlarmResponse, error) {
	if alarm.MemberID != 0 || alarm.Alarm != pb.AlarmType_NONE {
		return m.disarm(ctx, alarm.MemberID, alarm.Alarm)
	}
	list, err := m.AlarmList(ctx)
	if err != nil {
		return nil, err
	}
	all := &AlarmResponse{}
	for _, a := range list.Alarms {
		r, err := m.disarm(ctx, a.MemberID, a.Alarm)
		if err != nil {
			return nil, err
		}
		all.Alarms = append(all.Alarms, r.Alarms...)
	}
	return all, nil
}

func (m *maintenance) disarm(ctx context.Context, member uint64, alarm pb.AlarmType) (*AlarmResponse, error) {
	r, err := m.remote.Alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: member, Alarm: alarm})
	return (*AlarmResponse)(r), toErr(ctx, err)
}

func (m *maintenance) Defragment(ctx context.Context, endpoint string) (r *DefragmentResponse, err error) {
	err = m.client.atEndpoint(ctx, endpoint, func(remote stub.MaintenanceClient) error {
		answer, err := remote.Defragment(ctx, &pb.DefragmentRequest{})
		r = (*DefragmentResponse)(answer)
		return err
	})
	return r, err
}

func (m *maintenance) Status(ctx context.Context, endpoint string) (r *StatusResponse, err error) {
	err = m.client.atEndpoint(ctx, endpoint, func(remote stub.MaintenanceClient) error {
		answer, err := remote.Status(ctx, &pb.StatusRequest{}, repeatable{})
		r = (*StatusResponse)(answer)
		return err
	})
	return r, err
}

func (m *maintenance) HashKV(ctx context.Context, endpoint string, rev int64) (r *HashKVResponse, err error) {
	err = m.client.atEndpoint(ctx, endpoint, func(remote stub.MaintenanceClient) error {
		answer, err := remote.HashKV(ctx, &pb.HashKVRequest{Revision: rev}, repeatable{})
		r = (*HashKVResponse)(answer)
		return err
	})
	return r, err
}

func (m *maintenance) MoveLeader(ctx context.Context, transfereeID uint64) (*MoveLeaderResponse, error) {
	r, err := m.remote.MoveLeader(ctx, &pb.MoveLeaderRequest{TargetID: transfereeID})
	return (*MoveLeaderResponse)(r), toErr(ctx, err)
}

// atEndpoint calls one member over a connection of its own, which ends with the call.
func (c *Client) atEndpoint(ctx context.Context, endpoint string, call func(stub.MaintenanceClient) error) error {
	if len(endpoint) == 0 {
		return ErrNoAvailableEndpoints
	}
	one := &Client{cfg: c.cfg, endpoints: &endpointList{endpoints: []string{endpoint}}, token: c.token, ctx: c.ctx}
	one.cfg.Endpoints = one.endpoints.endpoints
	// A token is renewed where the client's calls go.
	one.conn = c.conn
	conn, err := grpc.NewClient(one.endpoints.target(), one.dialOptions()...)
	if err != nil {
		return fmt.Errorf("etcdclient: endpoint %q: %w", endpoint, err)
	}
	defer conn.Close()
	return toErr(ctx, call(stub.NewMaintenanceClient(conn)))
}

func (m *maintenance) Snapshot(ctx context.Context) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := m.remote.Snapshot(ctx, &pb.SnapshotRequest{})
	if err != nil {
		cancel()
		return nil, toErr(ctx, err)
	}
	return &snapshotReader{ctx: ctx, cancel: cancel, stream: stream}, nil
}

// snapshotReader is the stream as a reader. It needs no goroutine: a Read that finds
// nothing left receives the next message.
type snapshotReader struct {
	ctx     context.Context
	cancel  context.CancelFunc
	stream  grpc.ServerStreamingClient[pb.SnapshotResponse]
	rest    []byte
	missing uint64 // bytes that the server still announced
}

func (r *snapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		m, err := r.stream.Recv()
		if errors.Is(err, io.EOF) && r.missing > 0 {
			return 0, fmt.Errorf("etcdclient: snapshot ended %d bytes early: %w", r.missing, io.ErrUnexpectedEOF)
		}
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, toErr(r.ctx, err)
		}
		r.rest, r.missing = m.Blob, m.RemainingBytes
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *snapshotReader) Close() error {
	r.cancel()
	return nil
}
