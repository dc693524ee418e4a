//go:build linux

package wal

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/walpb"
)

// etcdOn starts Debian's etcd on a data directory; it is killed when the test ends. output
// may be read once exited is closed.
func etcdOn(t *testing.T, data string) (output *bytes.Buffer, kill func(), exited <-chan struct{}) {
	path, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("Debian's etcd is not installed: apt-get install etcd-server")
	}
	ctx, cancel := context.WithCancel(context.Background())
	client, peer := freeURL(t), freeURL(t)
	cmd := exec.CommandContext(ctx, path, "--data-dir", data,
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	output = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	kill = func() { cancel(); <-done }
	t.Cleanup(kill)
	return output, kill, done
}

func freeURL(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

// A data directory has one user, whichever of the two programs it is.
func TestEtcdAndThisPackageExcludeEachOther(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	dir := filepath.Join(data, "member", "wal")
	_, kill, _ := etcdOn(t, data)
	require.Eventually(t, func() bool { return Exist(dir) }, 20*time.Second, 20*time.Millisecond)
	// Between its creation and its first use etcd's log has no lock for a moment.
	var err error
	require.Eventually(t, func() bool {
		_, err = fileutil.TryLockFile(lastSegment(t, dir), os.O_RDWR, 0)
		return err != nil
	}, 20*time.Second, 20*time.Millisecond)
	require.ErrorIs(t, err, fileutil.ErrLocked)
	_, err = Open(quiet, dir, walpb.Snapshot{})
	require.ErrorIs(t, err, fileutil.ErrLocked, "etcd has the log")
	require.ErrorContains(t, err, lastSegment(t, dir))
	// Its first HardState is synced once it is a candidate.
	require.Eventually(t, func() bool { c, err := peek(dir); return err == nil && c.state.Term >= 2 }, 20*time.Second, 20*time.Millisecond)
	kill()

	w, err := Open(quiet, dir, walpb.Snapshot{})
	require.NoError(t, err)
	defer w.Close()
	c, err := readAll(w)
	require.NoError(t, err)
	require.NotEmpty(t, c.ents)

	output, _, exited := etcdOn(t, data)
	select {
	case <-exited:
		require.Contains(t, output.String(), "file already locked", "we have the log")
	case <-time.After(20 * time.Second):
		t.Fatal("etcd runs on a log that is ours")
	}
}

// The log that etcd wrote is read and extended here, and etcd starts on the result.
func TestEtcdStartsOnALogThatWeExtended(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	dir := filepath.Join(data, "member", "wal")
	_, kill, _ := etcdOn(t, data)
	require.Eventually(t, func() bool {
		c, err := peek(dir)
		return err == nil && len(c.ents) > 0 && c.state.Commit == c.ents[len(c.ents)-1].Index && strings.Contains(string(c.ents[len(c.ents)-1].Data), "/0/version")
	}, 20*time.Second, 20*time.Millisecond)
	kill()

	w, err := Open(quiet, dir, walpb.Snapshot{})
	require.NoError(t, err)
	c, err := readAll(w)
	require.NoError(t, err)
	last := c.ents[len(c.ents)-1]
	// Forty puts of 1.7 MB fill a segment and begin the next.
	for i := range uint64(40) {
		put := raftpb.Entry{Index: last.Index + 1 + i, Term: last.Term, Data: putX(bytes.Repeat([]byte{'v'}, 1_700_000))}
		c.state.Commit = put.Index
		require.NoError(t, w.Save(c.state, []raftpb.Entry{put}))
	}
	require.NoError(t, w.Close())
	names, err := listSegments(quiet, dir)
	require.NoError(t, err)
	require.Len(t, names, 2)

	output, kill, exited := etcdOn(t, data)
	ready := func() bool {
		select {
		case <-exited:
			return true
		default:
		}
		c, err := peek(dir)
		return err == nil && c.state.Term > last.Term
	}
	require.Eventually(t, ready, 20*time.Second, 50*time.Millisecond)
	kill()
	require.NotContains(t, output.String(), "panic")
	after, err := reopen(dir)
	require.NoError(t, err, output.String())
	require.Greater(t, after.state.Term, last.Term, "etcd was elected in a new term on our log\n%s", output)
	require.Greater(t, len(after.ents), len(c.ents)+40)
}

// putX is InternalRaftRequest{Header: {ID: 1}, Put: {key "x"}} in protobuf.
func putX(value []byte) []byte {
	put := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "x")
	put = protowire.AppendBytes(protowire.AppendTag(put, 2, protowire.BytesType), value)
	b := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), put)
	return protowire.AppendBytes(protowire.AppendTag(b, 100, protowire.BytesType), []byte{0x08, 1})
}
