package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// exchangeOptions make raft snapshots frequent, so that a data directory holds
// some of everything: log segments, snapshot files, backend. The identity is
// fixed because the directory keeps the URLs that it was made with.
var exchangeOptions = Options{Flags: []string{"--snapshot-count", "10"}, FixedIdentity: true}

// TestDataDirectoryGoesBackAndForth hands one data directory from program to
// program: each finds exactly what the other left, goes on with it, and hands
// it back, after a clean stop and after SIGKILL.
func TestDataDirectoryGoesBackAndForth(t *testing.T) {
	debian, own := reference(t), ours(t)
	endings := map[string]func(*testing.T, *Server){"stopped": stop, "killed": func(_ *testing.T, s *Server) { s.Kill() }}
	for ending, end := range endings {
		for _, order := range [][]string{{own, debian}, {debian, own}} {
			first := map[string]string{own: "ours", debian: "debian"}[order[0]]
			t.Run(first+" first, "+ending, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "data")
				var left string
				for turn := range 4 {
					s := open(t, order[turn%2], dir, exchangeOptions)
					if turn > 0 {
						require.Equalf(t, left, portrait(t, s), "turn %d: %s found something else than was left", turn, s.Binary)
					}
					work(t, s, uint64(turn))
					left = portrait(t, s)
					end(t, s)
					s.Close()
					snapshots, err := filepath.Glob(filepath.Join(dir, "member", "snap", "*.snap"))
					require.NoError(t, err)
					require.NotEmpty(t, snapshots, "ten entries make a snapshot")
				}
			})
		}
	}
}

// TestDataDirectoryWithManySegments repeats the exchange with a log of several
// segment files and a compaction under way when the first program dies.
func TestDataDirectoryWithManySegments(t *testing.T) {
	debian, own := reference(t), ours(t)
	for _, order := range [][]string{{own, debian}, {debian, own}} {
		first := map[string]string{own: "ours", debian: "debian"}[order[0]]
		t.Run(first+" first", func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s := open(t, order[0], dir, exchangeOptions)
			value := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
			for i := range 140 {
				put(t, s, fmt.Sprintf("big/%d", i%7), fmt.Sprintf("%d %s", i, value))
			}
			revision := put(t, s, "last", "one")
			call(t, s, func(ctx context.Context) (*pb.CompactionResponse, error) {
				return stub.NewKVClient(s.Conn).Compact(ctx, &pb.CompactionRequest{Revision: revision - 1})
			})
			left := portrait(t, s)
			s.Kill()
			segments, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
			require.NoError(t, err)
			require.GreaterOrEqualf(t, len(segments), 3, "the log should fill more files: %v", segments)

			other := open(t, order[1], dir, exchangeOptions)
			require.Equal(t, left, portrait(t, other))
			put(t, other, "new", "put")
			work(t, other, 7)
			left = portrait(t, other)
			stop(t, other)

			back := open(t, order[0], dir, exchangeOptions)
			require.Equal(t, left, portrait(t, back))
			require.Greater(t, put(t, back, "new", "put"), revision)
		})
	}
}

// TestDataDirectoryWithoutTombstones: 3.4 removes even the newest record when
// it is a tombstone at the compacted revision. The revision then stands only in
// the marks of the compaction (REGRESSIONS S6).
func TestDataDirectoryWithoutTombstones(t *testing.T) {
	debian, own := reference(t), ours(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, debian, dir, exchangeOptions)
	for i := range 5 {
		put(t, s, fmt.Sprint("k", i), "gone soon")
	}
	deleted := call(t, s, func(ctx context.Context) (*pb.DeleteRangeResponse, error) {
		return stub.NewKVClient(s.Conn).DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	})
	revision := deleted.Header.Revision
	call(t, s, func(ctx context.Context) (*pb.CompactionResponse, error) {
		return stub.NewKVClient(s.Conn).Compact(ctx, &pb.CompactionRequest{Revision: revision, Physical: true})
	})
	stop(t, s)

	s = open(t, own, dir, exchangeOptions)
	kvs, found := readAll(t, s)
	require.Empty(t, kvs)
	require.Equal(t, revision, found, "the revision went back")
	require.Equal(t, revision+1, put(t, s, "next", "1"))
	s.Kill()
	s = open(t, debian, dir, exchangeOptions)
	require.Equal(t, revision+2, put(t, s, "next", "2"))
}

// TestLeasesTravelWithTheDirectory: a lease that Debian's etcd granted keeps its
// keys through our hands.
func TestLeasesTravelWithTheDirectory(t *testing.T) {
	t.Parallel()
	debian, own, dir := reference(t), ours(t), filepath.Join(t.TempDir(), "data")
	s := open(t, debian, dir, exchangeOptions)
	id := strings.Fields(etcdctl(t, s, "lease grant 6000"))[1]
	etcdctl(t, s, "put --lease="+id+" held v")
	etcdctl(t, s, "put free v")
	hash := etcdctl(t, s, "endpoint hashkv")
	stop(t, s)

	s = open(t, own, dir, exchangeOptions)
	require.Equal(t, withoutEndpoint(hash), withoutEndpoint(etcdctl(t, s, "endpoint hashkv")))
	etcdctl(t, s, "put --lease="+id+" also-held v")
	stop(t, s)

	s = open(t, debian, dir, exchangeOptions)
	attached := etcdctl(t, s, "lease timetolive --keys "+id)
	require.Contains(t, attached, "also-held")
	require.Regexp(t, `[\[ ]held`, attached)
	etcdctl(t, s, "lease revoke "+id)
	require.Equal(t, "free\nv\n", etcdctl(t, s, "get --from-key a"))
}

// withoutEndpoint drops the address before the first comma.
func withoutEndpoint(line string) string {
	_, rest, _ := strings.Cut(line, ",")
	return rest
}

// TestDataDirectoriesBeyondThisServer: what this server cannot serve yet it
// does not open either, says what it found, and leaves it to Debian's etcd.
func TestDataDirectoriesBeyondThisServer(t *testing.T) {
	debian, own := reference(t), ours(t)
	rows := []struct {
		name  string
		flags []string
		calls []string // command lines of etcdctl
		want  string
	}{
		{"authentication", nil, []string{"user add root:x", "user grant-role root root", "auth enable"}, "auth"},
		{"v2 keys", []string{"--enable-v2"}, []string{"ETCDCTL_API=2 --no-sync set /a b"}, "v2"},
		{"two members", nil, []string{"member add second --peer-urls=http://127.0.0.1:1"}, "member"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			s := open(t, debian, dir, Options{FixedIdentity: true, Flags: row.flags})
			for _, line := range row.calls {
				etcdctl(t, s, line)
			}
			stop(t, s)
			before := fingerprint(t, filepath.Join(dir, "member", "wal"))
			refuses(t, own, serverArgs(dir), dir, row.want)
			require.Equal(t, before, fingerprint(t, filepath.Join(dir, "member", "wal")))
		})
	}
}

// etcdctl runs one command line, "NAME=VALUE" words before it are settings.
func etcdctl(t *testing.T, s *Server, line string) string {
	t.Helper()
	settings, words := []string{"ETCDCTL_API=3"}, strings.Fields(line)
	for strings.Contains(words[0], "=") {
		settings, words = append(settings, words[0]), words[1:]
	}
	cmd := exec.Command("etcdctl", append([]string{"--endpoints", "http://" + s.ClientAddr}, words...)...)
	cmd.Env = append(cleanEnv(), settings...)
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "etcdctl %s: %s", line, out)
	return string(out)
}

// open starts binary on dir.
func open(t *testing.T, binary, dir string, o Options) *Server {
	t.Helper()
	o.Dir = dir
	return start(t, binary, o)
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	_, err := s.Stop()
	require.NoError(t, err)
}

// call makes one gRPC call that must succeed.
func call[R any](t *testing.T, s *Server, do func(context.Context) (R, error)) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	answer, err := do(ctx)
	require.NoErrorf(t, err, "call to %s", s.Binary)
	return answer
}

func put(t *testing.T, s *Server, key, value string) (revision int64) {
	t.Helper()
	answer := call(t, s, func(ctx context.Context) (*pb.PutResponse, error) {
		return stub.NewKVClient(s.Conn).Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	})
	return answer.Header.Revision
}

// work changes the store in every way this server knows: puts, deletes, ranges
// of deletes, transactions with several changes, a compaction that leaves
// tombstones at its revision. The same seed does the same.
func work(t *testing.T, s *Server, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	kv := stub.NewKVClient(s.Conn)
	key := func() []byte { return fmt.Appendf(nil, "k%02d", random.IntN(30)) }
	var revision int64
	for i := range 60 {
		switch random.IntN(6) {
		case 0:
			revision = call(t, s, func(ctx context.Context) (*pb.DeleteRangeResponse, error) {
				return kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: key()})
			}).Header.Revision
		case 1:
			first := key()
			revision = call(t, s, func(ctx context.Context) (*pb.TxnResponse, error) {
				return kv.Txn(ctx, &pb.TxnRequest{Success: []*pb.RequestOp{
					{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: first, RangeEnd: append(first[:2:2], 'x')}}},
					{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: fmt.Appendf(nil, "txn%d", i), Value: []byte("1")}}},
					{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte("txn"), Value: fmt.Appendf(nil, "%d", i)}}},
				}})
			}).Header.Revision
		default:
			revision = put(t, s, string(key()), fmt.Sprintf("%d/%d", seed, i))
		}
		if i == 40 {
			call(t, s, func(ctx context.Context) (*pb.CompactionResponse, error) {
				return kv.Compact(ctx, &pb.CompactionRequest{Revision: revision, Physical: true})
			})
		}
	}
}

// portrait is everything a client can learn about the store and the members,
// which must survive the change of programs: all keys, the hash at the current
// and at some past revisions, IDs, and what etcdctl prints as hash.
func portrait(t *testing.T, s *Server) string {
	t.Helper()
	var b strings.Builder
	kvs, revision := readAll(t, s)
	fmt.Fprintf(&b, "member %x cluster %x revision %d\n", s.MemberID, s.ClusterID, revision)
	for _, kv := range kvs {
		b.WriteString(printable(strings.Join(fieldsOf(kv.ProtoReflect()), " ")) + "\n")
	}
	for back := range int64(5) {
		answer, err := callGRPC(t.Context(), s.Conn, fmt.Sprintf("Maintenance/HashKV revision:%d", revision-back))
		require.NoError(t, err)
		fmt.Fprintf(&b, "hash at %d: %s\n", revision-back, s.Mask(true).Apply(answer))
	}
	members := call(t, s, func(ctx context.Context) (*pb.MemberListResponse, error) {
		return stub.NewClusterClient(s.Conn).MemberList(ctx, &pb.MemberListRequest{})
	})
	for _, m := range members.Members {
		b.WriteString(strings.Join(fieldsOf(m.ProtoReflect()), " ") + "\n")
	}
	fmt.Fprintf(&b, "etcdctl endpoint hashkv: %s", s.Mask(true).Apply(etcdctl(t, s, "endpoint hashkv")))
	return b.String()
}
