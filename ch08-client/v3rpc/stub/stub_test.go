package stub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// methods is the API as it shows on the wire: what peers of every version call these things.
var methods = map[string]string{
	"etcdserverpb.KV":          "Range RangeStream> Put DeleteRange Txn Compact",
	"etcdserverpb.Watch":       "<Watch>",
	"etcdserverpb.Lease":       "LeaseGrant LeaseRevoke <LeaseKeepAlive> LeaseTimeToLive LeaseLeases",
	"etcdserverpb.Cluster":     "MemberAdd MemberRemove MemberUpdate MemberList MemberPromote",
	"etcdserverpb.Maintenance": "Alarm Status Defragment Hash HashKV Snapshot> MoveLeader Downgrade",
	"etcdserverpb.Auth": "AuthEnable AuthDisable AuthStatus Authenticate UserAdd UserGet UserList UserDelete " +
		"UserChangePassword UserGrantRole UserRevokeRole RoleAdd RoleGet RoleList RoleDelete " +
		"RoleGrantPermission RoleRevokePermission",
	"v3lockpb.Lock":         "Lock Unlock",
	"v3electionpb.Election": "Campaign Proclaim Leader Observe> Resign",
}

func TestServicesHaveTheirNamesOnTheWire(t *testing.T) {
	for _, desc := range []grpc.ServiceDesc{
		KV_ServiceDesc, Watch_ServiceDesc, Lease_ServiceDesc, Cluster_ServiceDesc,
		Maintenance_ServiceDesc, Auth_ServiceDesc, Lock_ServiceDesc, Election_ServiceDesc,
	} {
		var got []string
		for _, m := range desc.Methods {
			got = append(got, m.MethodName)
		}
		for _, s := range desc.Streams {
			got = append(got, arrows(s))
		}
		require.Contains(t, methods, desc.ServiceName)
		require.ElementsMatch(t, strings.Fields(methods[desc.ServiceName]), got, desc.ServiceName)
	}
}

// arrows marks a stream: < for one of requests, > for one of answers.
func arrows(s grpc.StreamDesc) string {
	name := s.StreamName
	if s.ClientStreams {
		name = "<" + name
	}
	if s.ServerStreams {
		name += ">"
	}
	return name
}
