package etcdserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/lease"
)

func grant(t testing.TB, s *EtcdServer, id, ttl int64) *pb.LeaseGrantResponse {
	t.Helper()
	resp, err := s.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: id, TTL: ttl})
	require.NoError(t, err)
	return resp
}

func putWithLease(t testing.TB, s *EtcdServer, key string, id int64) {
	t.Helper()
	_, err := s.Put(t.Context(), &pb.PutRequest{Key: []byte(key), Lease: id})
	require.NoError(t, err)
}

func timeToLive(t testing.TB, s *EtcdServer, id int64) *pb.LeaseTimeToLiveResponse {
	t.Helper()
	resp, err := s.LeaseTimeToLive(t.Context(), &pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
	require.NoError(t, err)
	return resp
}

func TestALeaseTakesItsKeysAlong(t *testing.T) {
	s := started(t, config(t.TempDir()))
	g := grant(t, s, 0, 100)
	require.Positive(t, g.ID, "the server chooses an ID")
	require.EqualValues(t, 1, g.Header.Revision)
	putWithLease(t, s, "b", g.ID)
	putWithLease(t, s, "a", g.ID)
	put(t, s, "free", "v")

	ttl := timeToLive(t, s, g.ID)
	require.EqualValues(t, 100, ttl.GrantedTTL)
	require.Equal(t, [][]byte{[]byte("a"), []byte("b")}, ttl.Keys)
	_, err := s.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{ID: g.ID, TTL: 5})
	require.ErrorIs(t, err, lease.ErrLeaseExists)

	revoked, err := s.LeaseRevoke(t.Context(), &pb.LeaseRevokeRequest{ID: g.ID})
	require.NoError(t, err)
	require.EqualValues(t, 5, revoked.Header.Revision, "all keys go in one revision")
	require.Equal(t, "<none>", get(t, s, "a"))
	require.Equal(t, "<none>", get(t, s, "b"))
	require.Equal(t, "v", get(t, s, "free"))
	_, err = s.Put(t.Context(), &pb.PutRequest{Key: []byte("a"), Lease: g.ID})
	require.ErrorIs(t, err, ErrLeaseNotFound)
	_, err = s.LeaseRenew(t.Context(), lease.ID(g.ID))
	require.ErrorIs(t, err, ErrLeaseNotFound)
}

// A put without the lease, or a delete and a put, take a key off its lease; a
// restart must not bring it back on.
func TestLeasesAndTheirKeysOutliveARestart(t *testing.T) {
	cfg := config(t.TempDir())
	s := started(t, cfg)
	grant(t, s, 7, 100)
	for _, key := range []string{"kept", "freed", "moved"} {
		putWithLease(t, s, key, 7)
	}
	put(t, s, "freed", "v")
	grant(t, s, 8, 100)
	putWithLease(t, s, "moved", 8)
	s.Stop()

	s = started(t, cfg)
	require.Equal(t, [][]byte{[]byte("kept")}, timeToLive(t, s, 7).Keys)
	require.Equal(t, [][]byte{[]byte("moved")}, timeToLive(t, s, 8).Keys)
	leases, err := s.LeaseLeases(t.Context(), &pb.LeaseLeasesRequest{})
	require.NoError(t, err)
	require.Len(t, leases.Leases, 2)
}

func TestAnExpiredLeaseIsRevokedAndARenewedOneIsNot(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.TickMs = 10 // so that the shortest lease lasts a second
	s := started(t, cfg)
	require.EqualValues(t, 1, grant(t, s, 7, 1).TTL)
	grant(t, s, 8, 1000)
	putWithLease(t, s, "short", 7)
	putWithLease(t, s, "long", 8)
	ttl, err := s.LeaseRenew(t.Context(), 8)
	require.NoError(t, err)
	require.EqualValues(t, 1000, ttl)
	require.Eventually(t, func() bool { return get(t, s, "short") == "<none>" }, waitLimit, 10*time.Millisecond)
	require.Equal(t, "", get(t, s, "long"))
}

// Q2 (REGRESSIONS): a full database refuses what needs room, and nothing else.
func TestRegression_Q2_NoSpaceStopsWritesOnly(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.QuotaBackendBytes = 1 << 20
	s := started(t, cfg)
	put(t, s, "k", "v")
	var err error
	for range 100 {
		if _, err = s.Put(t.Context(), &pb.PutRequest{Key: []byte("big"), Value: make([]byte, 64<<10)}); err != nil {
			break
		}
		s.Backend().ForceCommit() // so that the file grows with the data
	}
	require.ErrorIs(t, err, ErrNoSpace)
	require.Len(t, s.Alarms(), 1)

	_, err = s.Put(t.Context(), &pb.PutRequest{Key: []byte("k")})
	require.ErrorIs(t, err, ErrNoSpace)
	_, err = s.LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 10})
	require.ErrorIs(t, err, ErrNoSpace)
	require.Equal(t, "v", get(t, s, "k"))
	_, err = s.DeleteRange(t.Context(), &pb.DeleteRangeRequest{Key: []byte("k")})
	require.NoError(t, err)
	_, err = s.Compact(t.Context(), &pb.CompactionRequest{Revision: s.KV().Rev(), Physical: true})
	require.NoError(t, err)
	s.Stop()

	s = started(t, cfg) // M5: the alarm is still on
	require.Len(t, s.Alarms(), 1)
	require.NoError(t, s.Backend().Defrag())
	_, err = s.Put(t.Context(), &pb.PutRequest{Key: []byte("k")})
	require.ErrorIs(t, err, ErrNoSpace, "room alone does not end an alarm")
	_, err = s.Alarm(t.Context(), &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: uint64(s.ID()), Alarm: pb.AlarmType_NOSPACE})
	require.NoError(t, err)
	put(t, s, "k", "again")
	require.Empty(t, s.Alarms())
}
