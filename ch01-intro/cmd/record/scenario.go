package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"insideetcd/ch01-intro/api/authpb"
	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/v3electionpb"
	"insideetcd/ch01-intro/api/v3lockpb"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

type message interface {
	proto.Message
	MarshalVTStrict() ([]byte, error)
	UnmarshalVT([]byte) error
}

// caller sends requests and prints the answers as they came. After the first failure it
// sends nothing more; err tells what failed.
type caller struct {
	out  io.Writer
	addr string
	conn *grpc.ClientConn
	err  error
}

// rawCodec lets answers through undecoded.
type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte{}, data...)
	return nil
}

func (c *caller) scenario(ctx context.Context) error {
	conn, err := grpc.NewClient("passthrough:///"+c.addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.WaitForReady(true)))
	if err != nil {
		return err
	}
	defer conn.Close()
	c.conn = conn
	watch := c.watch(ctx)
	c.kv(ctx)
	c.lease(ctx)
	c.txn(ctx)
	watch()
	c.recipes(ctx)
	c.auth(ctx)
	c.v2(ctx)
	c.maintenance(ctx)
	return c.err
}

// call sends req and decodes the answer into resp, after printing it.
func (c *caller) call(ctx context.Context, method string, req, resp message) {
	if c.err != nil {
		return
	}
	in, err := req.MarshalVTStrict()
	if err == nil {
		var answer []byte
		err = c.conn.Invoke(ctx, method, in, &answer)
		if err == nil {
			c.answer(method, resp, answer)
			err = resp.UnmarshalVT(answer)
		}
	}
	if err != nil {
		c.err = fmt.Errorf("%s: %w", method, err)
	}
}

func (c *caller) answer(method string, resp message, answer []byte) {
	fmt.Fprintf(c.out, "answer %s %s %x\n", method, resp.ProtoReflect().Descriptor().FullName(), answer)
}

const kvService = "/etcdserverpb.KV/"

func (c *caller) put(ctx context.Context, req *pb.PutRequest) {
	c.call(ctx, kvService+"Put", req, new(pb.PutResponse))
}

func (c *caller) kv(ctx context.Context) {
	c.put(ctx, &pb.PutRequest{Key: []byte("foo"), Value: []byte("bar")})
	c.put(ctx, &pb.PutRequest{Key: []byte("foo"), Value: []byte("baz"), PrevKv: true})
	c.put(ctx, &pb.PutRequest{Key: []byte("empty")})
	for _, k := range []string{"k/1", "k/2", "k/3"} {
		c.put(ctx, &pb.PutRequest{Key: []byte(k), Value: []byte("of " + k)})
	}
	c.call(ctx, kvService+"DeleteRange", &pb.DeleteRangeRequest{Key: []byte("k/1")}, new(pb.DeleteRangeResponse))
	c.call(ctx, kvService+"DeleteRange", &pb.DeleteRangeRequest{Key: []byte("k/2"), RangeEnd: []byte("k0"), PrevKv: true}, new(pb.DeleteRangeResponse))
	c.call(ctx, kvService+"Range", &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 1}, new(pb.RangeResponse))
	c.call(ctx, kvService+"Range", &pb.RangeRequest{Key: []byte("k/"), RangeEnd: []byte("k0"), Revision: 7}, new(pb.RangeResponse))
	c.call(ctx, kvService+"Compact", &pb.CompactionRequest{Revision: 4}, new(pb.CompactionResponse))
	c.call(ctx, kvService+"Compact", &pb.CompactionRequest{Revision: 6, Physical: true}, new(pb.CompactionResponse))
}

func (c *caller) lease(ctx context.Context) {
	const service = "/etcdserverpb.Lease/"
	granted := new(pb.LeaseGrantResponse)
	c.call(ctx, service+"LeaseGrant", &pb.LeaseGrantRequest{TTL: 600}, granted)
	c.call(ctx, service+"LeaseGrant", &pb.LeaseGrantRequest{TTL: 300, ID: 7587}, new(pb.LeaseGrantResponse))
	c.put(ctx, &pb.PutRequest{Key: []byte("leased"), Value: []byte("v"), Lease: granted.ID})
	c.put(ctx, &pb.PutRequest{Key: []byte("leased"), Value: []byte("w"), IgnoreLease: true})
	c.put(ctx, &pb.PutRequest{Key: []byte("kept"), Value: []byte("x"), Lease: 7587})
	c.call(ctx, service+"LeaseTimeToLive", &pb.LeaseTimeToLiveRequest{ID: granted.ID, Keys: true}, new(pb.LeaseTimeToLiveResponse))
	c.call(ctx, service+"LeaseTimeToLive", &pb.LeaseTimeToLiveRequest{ID: 1}, new(pb.LeaseTimeToLiveResponse))
	c.call(ctx, service+"LeaseLeases", &pb.LeaseLeasesRequest{}, new(pb.LeaseLeasesResponse))
	c.call(ctx, service+"LeaseRevoke", &pb.LeaseRevokeRequest{ID: granted.ID}, new(pb.LeaseRevokeResponse))
}

func (c *caller) txn(ctx context.Context) {
	put := &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte("t"), Value: []byte("1"), PrevKv: true}}}
	get := &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{
		Key: []byte("a"), RangeEnd: []byte("z"), Limit: 5, Serializable: true, KeysOnly: true,
		SortOrder: pb.RangeRequest_DESCEND, SortTarget: pb.RangeRequest_VALUE, MinModRevision: 1, MaxCreateRevision: 99}}}
	del := &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("x"), RangeEnd: []byte("y"), PrevKv: true}}}
	foo := []byte("foo")
	compares := []*pb.Compare{
		{Key: foo, Target: pb.Compare_VALUE, TargetUnion: &pb.Compare_Value{Value: []byte("baz")}},
		{Key: foo, Target: pb.Compare_VERSION, Result: pb.Compare_GREATER, TargetUnion: &pb.Compare_Version{Version: 1}},
		{Key: foo, Target: pb.Compare_CREATE, Result: pb.Compare_NOT_EQUAL, TargetUnion: &pb.Compare_CreateRevision{}},
		{Key: []byte("none"), Target: pb.Compare_MOD, TargetUnion: &pb.Compare_ModRevision{}},
		{Key: foo, RangeEnd: []byte("fop"), Target: pb.Compare_LEASE, Result: pb.Compare_LESS, TargetUnion: &pb.Compare_Lease{Lease: 9}},
	}
	inner := &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{Compare: compares[1:2], Success: []*pb.RequestOp{put}, Failure: []*pb.RequestOp{get}}}}
	c.call(ctx, kvService+"Txn", &pb.TxnRequest{Compare: compares, Success: []*pb.RequestOp{inner, del, get}, Failure: []*pb.RequestOp{put}}, new(pb.TxnResponse))
	c.call(ctx, kvService+"Txn", &pb.TxnRequest{Compare: compares[3:4], Success: []*pb.RequestOp{put, del}}, new(pb.TxnResponse))
	c.call(ctx, kvService+"Txn", &pb.TxnRequest{Success: []*pb.RequestOp{get}}, new(pb.TxnResponse))
}

// watch opens a stream BEFORE the writes; the returned function prints what it received.
func (c *caller) watch(ctx context.Context) (finish func()) {
	const method = "/etcdserverpb.Watch/Watch"
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		c.err = err
		return func() {}
	}
	send := func(req *pb.WatchRequest) {
		in, err := req.MarshalVTStrict()
		if err == nil {
			err = stream.SendMsg(in)
		}
		if err != nil && c.err == nil {
			c.err = fmt.Errorf("%s: %w", method, err)
		}
	}
	receive := func() *pb.WatchResponse {
		resp := new(pb.WatchResponse)
		var answer []byte
		err := stream.RecvMsg(&answer)
		if err == nil {
			c.answer(method, resp, answer)
			err = resp.UnmarshalVT(answer)
		}
		if err != nil && c.err == nil {
			c.err = fmt.Errorf("%s: %w", method, err)
		}
		return resp
	}
	send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte("k/"), RangeEnd: []byte("k0"), PrevKv: true, WatchId: 5, Fragment: true}}})
	receive()
	return func() {
		for events := 0; events < 6 && c.err == nil; { // three puts, three deletes
			events += len(receive().Events)
		}
		send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte("foo"), StartRevision: 2, Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE}}}})
		receive() // created
		receive() // canceled: revision 2 is compacted
		send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
		receive()
		send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: 5}}})
		receive()
	}
}

func (c *caller) recipes(ctx context.Context) {
	lock, campaign := new(v3lockpb.LockResponse), new(v3electionpb.CampaignResponse)
	c.call(ctx, "/v3lockpb.Lock/Lock", &v3lockpb.LockRequest{Name: []byte("mutex"), Lease: 7587}, lock)
	c.call(ctx, "/v3lockpb.Lock/Unlock", &v3lockpb.UnlockRequest{Key: lock.Key}, new(v3lockpb.UnlockResponse))
	c.call(ctx, "/v3electionpb.Election/Campaign", &v3electionpb.CampaignRequest{Name: []byte("chair"), Lease: 7587, Value: []byte("me")}, campaign)
	c.call(ctx, "/v3electionpb.Election/Leader", &v3electionpb.LeaderRequest{Name: []byte("chair")}, new(v3electionpb.LeaderResponse))
	c.call(ctx, "/v3electionpb.Election/Resign", &v3electionpb.ResignRequest{Leader: campaign.Leader}, new(v3electionpb.ResignResponse))
}

func (c *caller) auth(ctx context.Context) {
	const service = "/etcdserverpb.Auth/"
	c.call(ctx, service+"UserAdd", &pb.AuthUserAddRequest{Name: "root", Password: "pw"}, new(pb.AuthUserAddResponse))
	c.call(ctx, service+"UserAdd", &pb.AuthUserAddRequest{Name: "bob", Options: &authpb.UserAddOptions{NoPassword: true}}, new(pb.AuthUserAddResponse))
	for _, role := range []string{"reader", "writer"} {
		c.call(ctx, service+"RoleAdd", &pb.AuthRoleAddRequest{Name: role}, new(pb.AuthRoleAddResponse))
		c.call(ctx, service+"UserGrantRole", &pb.AuthUserGrantRoleRequest{User: "bob", Role: role}, new(pb.AuthUserGrantRoleResponse))
	}
	for _, p := range []*authpb.Permission{
		{Key: []byte("k/"), RangeEnd: []byte("k0"), PermType: authpb.Permission_READWRITE},
		{Key: []byte("foo")}, {Key: []byte("gone"), PermType: authpb.Permission_WRITE},
	} {
		c.call(ctx, service+"RoleGrantPermission", &pb.AuthRoleGrantPermissionRequest{Name: "reader", Perm: p}, new(pb.AuthRoleGrantPermissionResponse))
	}
	c.call(ctx, service+"RoleRevokePermission", &pb.AuthRoleRevokePermissionRequest{Role: "reader", Key: []byte("gone")}, new(pb.AuthRoleRevokePermissionResponse))
	c.call(ctx, service+"UserRevokeRole", &pb.AuthUserRevokeRoleRequest{Name: "bob", Role: "writer"}, new(pb.AuthUserRevokeRoleResponse))
	c.call(ctx, service+"RoleDelete", &pb.AuthRoleDeleteRequest{Role: "writer"}, new(pb.AuthRoleDeleteResponse))
	c.call(ctx, service+"RoleGet", &pb.AuthRoleGetRequest{Role: "reader"}, new(pb.AuthRoleGetResponse))
	c.call(ctx, service+"UserGet", &pb.AuthUserGetRequest{Name: "bob"}, new(pb.AuthUserGetResponse))
	c.call(ctx, service+"UserList", &pb.AuthUserListRequest{}, new(pb.AuthUserListResponse))
	c.call(ctx, service+"RoleList", &pb.AuthRoleListRequest{}, new(pb.AuthRoleListResponse))
	c.call(ctx, service+"UserChangePassword", &pb.AuthUserChangePasswordRequest{Name: "root", Password: "pw2"}, new(pb.AuthUserChangePasswordResponse))
	c.call(ctx, service+"UserGrantRole", &pb.AuthUserGrantRoleRequest{User: "root", Role: "root"}, new(pb.AuthUserGrantRoleResponse))
	c.call(ctx, service+"AuthEnable", &pb.AuthEnableRequest{}, new(pb.AuthEnableResponse))
	login := new(pb.AuthenticateResponse)
	c.call(ctx, service+"Authenticate", &pb.AuthenticateRequest{Name: "root", Password: "pw2"}, login)
	asRoot := metadata.AppendToOutgoingContext(ctx, "token", login.Token)
	c.put(asRoot, &pb.PutRequest{Key: []byte("secured"), Value: []byte("1")})
	c.call(asRoot, service+"AuthDisable", &pb.AuthDisableRequest{}, new(pb.AuthDisableResponse))
	c.call(ctx, service+"UserAdd", &pb.AuthUserAddRequest{Name: "eve", Password: "pw"}, new(pb.AuthUserAddResponse))
	c.call(ctx, service+"UserDelete", &pb.AuthUserDeleteRequest{Name: "eve"}, new(pb.AuthUserDeleteResponse))
}

// v2 writes keys of the v2 API: bare Requests in the log. A key with a TTL makes the
// leader propose SYNC, which the loop waits for: the key is gone when one was applied.
func (c *caller) v2(ctx context.Context) {
	c.http(ctx, http.MethodPut, "v2key", url.Values{"value": {"v"}, "ttl": {"100"}})
	c.http(ctx, http.MethodPut, "v2key?prevValue=v&prevExist=true", url.Values{"ttl": {"200"}, "refresh": {"true"}})
	c.http(ctx, http.MethodPut, "dir", url.Values{"dir": {"true"}})
	c.http(ctx, http.MethodPost, "dir", url.Values{"value": {"in order"}})
	c.http(ctx, http.MethodDelete, "v2key", nil)
	c.http(ctx, http.MethodPut, "brief", url.Values{"value": {"v"}, "ttl": {"1"}})
	for c.err == nil && c.http(ctx, http.MethodGet, "brief", nil) != http.StatusNotFound {
		select {
		case <-ctx.Done():
			c.err = ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *caller) http(ctx context.Context, method, path string, form url.Values) (status int) {
	if c.err != nil {
		return 0
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.addr+"/v2/keys/"+path, strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		var resp *http.Response
		if resp, err = http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			return resp.StatusCode
		}
	}
	c.err = fmt.Errorf("v2 %s %s: %w", method, path, err)
	return 0
}

func (c *caller) maintenance(ctx context.Context) {
	const service = "/etcdserverpb.Maintenance/"
	status := new(pb.StatusResponse)
	c.call(ctx, service+"Status", &pb.StatusRequest{}, status)
	c.call(ctx, service+"Hash", &pb.HashRequest{}, new(pb.HashResponse))
	c.call(ctx, service+"HashKV", &pb.HashKVRequest{}, new(pb.HashKVResponse))
	c.call(ctx, "/etcdserverpb.Cluster/MemberList", &pb.MemberListRequest{}, new(pb.MemberListResponse))
	c.call(ctx, "/etcdserverpb.Cluster/MemberAdd", &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:1"}, IsLearner: true}, new(pb.MemberAddResponse))
	c.call(ctx, service+"Alarm", &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: status.GetHeader().GetMemberId(), Alarm: pb.AlarmType_NOSPACE}, new(pb.AlarmResponse))
	c.call(ctx, service+"Alarm", &pb.AlarmRequest{}, new(pb.AlarmResponse))
	c.call(ctx, service+"Status", &pb.StatusRequest{}, new(pb.StatusResponse))
}
