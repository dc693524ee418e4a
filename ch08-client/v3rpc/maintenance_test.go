package v3rpc

import (
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/mvcc"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// A snapshot is the database, in pieces that count down, and then its checksum; the file
// that a client makes of it opens.
func TestSnapshot(t *testing.T) {
	b := newBench(t, nil)
	b.put(strings.Repeat("v", 200_000), "a", "b")
	stream, err := stub.NewMaintenanceClient(b.dial()).Snapshot(t.Context(), &pb.SnapshotRequest{})
	require.NoError(t, err)
	var file []byte
	var last *pb.SnapshotResponse
	remaining := uint64(0)
	for {
		r, err := stream.Recv()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.Nil(t, r.Header)
		if last != nil {
			require.Equal(t, remaining, uint64(len(last.Blob))+last.RemainingBytes)
			if last.RemainingBytes > 0 {
				require.Len(t, last.Blob, snapshotChunkBytes)
			}
			file = append(file, last.Blob...)
			remaining = last.RemainingBytes
		} else {
			remaining = r.RemainingBytes + uint64(len(r.Blob))
		}
		last = r
	}
	sum := sha256.Sum256(file)
	require.Equal(t, sum[:], last.Blob)
	require.Zero(t, last.RemainingBytes)

	path := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	copied, err := backend.Open(backend.Config{Path: path, Logger: quiet})
	require.NoError(t, err)
	defer func() { require.NoError(t, copied.Close()) }()
	store, err := mvcc.Open(quiet, copied, mvcc.Config{})
	require.NoError(t, err)
	require.EqualValues(t, 2, store.Rev())
	require.NoError(t, store.Close())
}

func TestMoveLeader(t *testing.T) {
	b := newBench(t, nil)
	maintenance := stub.NewMaintenanceClient(b.dial())
	for _, c := range []struct {
		name   string
		target uint64
		leader uint64
		want   error
	}{
		{"to the leader", 1, 1, nil},
		{"to nobody", 0, 1, rpctypes.ErrGRPCBadLeaderTransferee},
		{"to a stranger", 12, 1, rpctypes.ErrGRPCBadLeaderTransferee},
		{"to a learner", 7, 1, rpctypes.ErrGRPCBadLeaderTransferee},
		{"asked of a follower", 1, 9, rpctypes.ErrGRPCNotLeader},
	} {
		b.lead.Store(c.leader)
		_, err := maintenance.MoveLeader(t.Context(), &pb.MoveLeaderRequest{TargetID: c.target})
		if c.want == nil {
			require.NoError(t, err, c.name)
			continue
		}
		require.EqualError(t, err, c.want.Error(), c.name)
	}
}

func TestDefragment(t *testing.T) {
	b := newBench(t, nil)
	b.put("1", "a")
	answer, err := stub.NewMaintenanceClient(b.dial()).Defragment(t.Context(), &pb.DefragmentRequest{})
	require.NoError(t, err)
	require.Nil(t, answer.Header)
	require.EqualValues(t, 2, b.store.Rev())
}
