package etcdserverpb_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/wire/wiretest"
)

const layout = `
message Request {
  optional uint64 ID = 1;
  optional string Method = 2;
  optional string Path = 3;
  optional string Val = 4;
  optional bool Dir = 5;
  optional string PrevValue = 6;
  optional uint64 PrevIndex = 7;
  optional bool PrevExist = 8;
  optional int64 Expiration = 9;
  optional bool Wait = 10;
  optional uint64 Since = 11;
  optional bool Recursive = 12;
  optional bool Sorted = 13;
  optional bool Quorum = 14;
  optional int64 Time = 15;
  optional bool Stream = 16;
  optional bool Refresh = 17;
}
message Metadata {
  optional uint64 NodeID = 1;
  optional uint64 ClusterID = 2;
}
`

const recordedPath = "testdata/etcd-3.4.23.txt"

func TestWritesWhatTheLibraryWrites(t *testing.T) {
	s := wiretest.Compile(t, layout)
	wiretest.CheckWriting(t, s, "Request", 1, etcdserverpb.Request{},
		etcdserverpb.Request{Expiration: -1, PrevExist: new(false), Refresh: new(true)})
	wiretest.CheckWriting(t, s, "Metadata", 2, etcdserverpb.Metadata{})
}

func TestRecordedRequests(t *testing.T) {
	recorded := wiretest.Recorded(t, recordedPath)
	var said []string
	for _, b := range recorded["request"] {
		r := wiretest.CheckBytes[etcdserverpb.Request](t, b)
		said = append(said, r.Method+" "+r.Path)
	}
	require.Equal(t, []string{
		"PUT /0/members/2e1259d415f2a040/attributes",
		"PUT /0/version",
		"PUT /1/two",
		"PUT /1/two",
		"QGET /1/two",
	}, said)

	require.Len(t, recorded["metadata"], 1)
	m := wiretest.CheckBytes[etcdserverpb.Metadata](t, recorded["metadata"][0])
	require.EqualValues(t, 0x2e1259d415f2a040, m.NodeID)
	require.EqualValues(t, 0x48276a8f75b6a87, m.ClusterID)
}

// In the raft log both kinds are bare bytes: what is no InternalRaftRequest must be a
// Request.
func TestStrictReadingTellsTheTwoKindsApart(t *testing.T) {
	recorded := wiretest.Recorded(t, recordedPath)
	sync := etcdserverpb.Request{Method: "SYNC", ID: 1, Time: 1}.AppendTo(nil)
	for _, b := range append(recorded["request"], sync) {
		require.Error(t, new(etcdserverpb.InternalRaftRequest).UnmarshalVT(b), "a Request: %x", b)
	}
	require.NotEmpty(t, recorded["internal"])
	for _, b := range recorded["internal"] {
		require.NoError(t, new(etcdserverpb.InternalRaftRequest).UnmarshalVT(b), "%x", b)
	}
}

func FuzzRequest(f *testing.F) {
	wiretest.FuzzReading[etcdserverpb.Request](f, wiretest.Compile(f, layout), "Request", wiretest.Recorded(f, recordedPath)["request"]...)
}

func FuzzMetadata(f *testing.F) {
	wiretest.FuzzReading[etcdserverpb.Metadata](f, wiretest.Compile(f, layout), "Metadata", wiretest.Recorded(f, recordedPath)["metadata"]...)
}
