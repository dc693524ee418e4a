package gateway

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"insideetcd/ch08-client/v3rpc/stub"
)

// paths names the gRPC method behind each path below /v3. A method more is a line more.
var paths = map[string]string{
	"/kv/range":       stub.KV_Range_FullMethodName,
	"/kv/put":         stub.KV_Put_FullMethodName,
	"/kv/deleterange": stub.KV_DeleteRange_FullMethodName,
	"/kv/txn":         stub.KV_Txn_FullMethodName,
	"/kv/compaction":  stub.KV_Compact_FullMethodName,

	"/watch": stub.Watch_Watch_FullMethodName,

	"/lease/grant":         stub.Lease_LeaseGrant_FullMethodName,
	"/lease/revoke":        stub.Lease_LeaseRevoke_FullMethodName,
	"/lease/keepalive":     stub.Lease_LeaseKeepAlive_FullMethodName,
	"/lease/timetolive":    stub.Lease_LeaseTimeToLive_FullMethodName,
	"/lease/leases":        stub.Lease_LeaseLeases_FullMethodName,
	"/kv/lease/revoke":     stub.Lease_LeaseRevoke_FullMethodName, // the older names of these
	"/kv/lease/timetolive": stub.Lease_LeaseTimeToLive_FullMethodName,
	"/kv/lease/leases":     stub.Lease_LeaseLeases_FullMethodName,

	"/cluster/member/add":     stub.Cluster_MemberAdd_FullMethodName,
	"/cluster/member/remove":  stub.Cluster_MemberRemove_FullMethodName,
	"/cluster/member/update":  stub.Cluster_MemberUpdate_FullMethodName,
	"/cluster/member/list":    stub.Cluster_MemberList_FullMethodName,
	"/cluster/member/promote": stub.Cluster_MemberPromote_FullMethodName,

	"/maintenance/alarm":               stub.Maintenance_Alarm_FullMethodName,
	"/maintenance/status":              stub.Maintenance_Status_FullMethodName,
	"/maintenance/defragment":          stub.Maintenance_Defragment_FullMethodName,
	"/maintenance/hash":                stub.Maintenance_Hash_FullMethodName,
	"/maintenance/snapshot":            stub.Maintenance_Snapshot_FullMethodName,
	"/maintenance/transfer-leadership": stub.Maintenance_MoveLeader_FullMethodName,

	"/auth/enable":        stub.Auth_AuthEnable_FullMethodName,
	"/auth/disable":       stub.Auth_AuthDisable_FullMethodName,
	"/auth/authenticate":  stub.Auth_Authenticate_FullMethodName,
	"/auth/user/add":      stub.Auth_UserAdd_FullMethodName,
	"/auth/user/get":      stub.Auth_UserGet_FullMethodName,
	"/auth/user/list":     stub.Auth_UserList_FullMethodName,
	"/auth/user/delete":   stub.Auth_UserDelete_FullMethodName,
	"/auth/user/changepw": stub.Auth_UserChangePassword_FullMethodName,
	"/auth/user/grant":    stub.Auth_UserGrantRole_FullMethodName,
	"/auth/user/revoke":   stub.Auth_UserRevokeRole_FullMethodName,
	"/auth/role/add":      stub.Auth_RoleAdd_FullMethodName,
	"/auth/role/get":      stub.Auth_RoleGet_FullMethodName,
	"/auth/role/list":     stub.Auth_RoleList_FullMethodName,
	"/auth/role/delete":   stub.Auth_RoleDelete_FullMethodName,
	"/auth/role/grant":    stub.Auth_RoleGrantPermission_FullMethodName,
	"/auth/role/revoke":   stub.Auth_RoleRevokePermission_FullMethodName,
	"/lock/lock":          stub.Lock_Lock_FullMethodName,
	"/lock/unlock":        stub.Lock_Unlock_FullMethodName,
	"/election/campaign":  stub.Election_Campaign_FullMethodName,
	"/election/proclaim":  stub.Election_Proclaim_FullMethodName,
	"/election/leader":    stub.Election_Leader_FullMethodName,
	"/election/observe":   stub.Election_Observe_FullMethodName,
	"/election/resign":    stub.Election_Resign_FullMethodName,
}

// route is one path: the method to call, and how to make its messages.
type route struct {
	method                       string // "/etcdserverpb.KV/Range"
	request, response            protoreflect.MessageType
	clientStreams, serverStreams bool
}

// newRoutes looks the methods up among the generated descriptors.
func newRoutes() map[string]route {
	routes := make(map[string]route, len(paths))
	for path, method := range paths {
		routes[path] = newRoute(method)
	}
	return routes
}

func newRoute(method string) route {
	name := []byte(method[1:])
	for i, c := range name {
		if c == '/' {
			name[i] = '.'
		}
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		panic(fmt.Sprintf("gateway: method %s: %v", method, err))
	}
	d := found.(protoreflect.MethodDescriptor)
	return route{
		method:        method,
		request:       messageType(d.Input()),
		response:      messageType(d.Output()),
		clientStreams: d.IsStreamingClient(),
		serverStreams: d.IsStreamingServer(),
	}
}

func messageType(d protoreflect.MessageDescriptor) protoreflect.MessageType {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(fmt.Sprintf("gateway: message %s: %v", d.FullName(), err))
	}
	return t
}
