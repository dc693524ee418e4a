package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"insideetcd/ch08-client/clientv3"
)

// savedSnapshot is a snapshot of a member with some history.
func savedSnapshot(t *testing.T, binary string) string {
	t.Helper()
	dir := t.TempDir()
	client := freeAddress(t)
	defer startEtcd(t, dir, client, freeAddress(t))()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{client}})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	lease, err := c.Grant(ctx, 1000)
	require.NoError(t, err)
	for i := range 30 {
		_, err := c.Put(ctx, fmt.Sprintf("k%d", i%10), strings.Repeat("v", 500), clientv3.WithLease(lease.ID))
		require.NoError(t, err)
	}
	_, err = c.Delete(ctx, "k3")
	require.NoError(t, err)
	_, err = c.Compact(ctx, 12)
	require.NoError(t, err)
	path := filepath.Join(dir, "s.db")
	cmd := exec.Command(binary, "--endpoints", client, "snapshot", "save", path)
	cmd.Env = []string{"ETCDCTL_API=3"}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// TestSnapshotsEqualDebians: status prints the same; restored directories hold the same
// log and snapshot file byte by byte, and the same buckets.
func TestSnapshotsEqualDebians(t *testing.T) {
	needDebian(t)
	ours := buildOurs(t)
	saved := savedSnapshot(t, ours)
	for _, w := range []string{"simple", "json", "fields", "table", "protobuf", "bogus"} {
		require.Equal(t, command(t, debianCtl, "", "snapshot", "status", saved, "-w", w),
			command(t, ours, "", "snapshot", "status", saved, "-w", w))
	}
	dir := filepath.Dir(saved)
	damaged := damage(t, saved)
	for _, c := range []struct{ name, args string }{
		{"defaults", saved},
		{"of three", saved + " --data-dir d3 --name b --initial-cluster a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3" +
			" --initial-advertise-peer-urls http://127.0.0.1:2 --initial-cluster-token x"},
		{"two URLs, own log", saved + " --data-dir d4 --wal-dir w4 --initial-cluster default=http://127.0.0.1:2,default=http://127.0.0.1:1" +
			" --initial-advertise-peer-urls http://127.0.0.1:2,http://127.0.0.1:1"},
		{"no hash to check", filepath.Join(dir, "data/member/snap/db") + " --data-dir d5 --skip-hash-check"},
		{"no hash", filepath.Join(dir, "data/member/snap/db") + " --data-dir d6"},
		{"damaged", damaged + " --data-dir d7"},
		{"again", saved},
		{"no file", "none.db --data-dir d8"},
		{"no argument", ""},
		{"unknown name", saved + " --data-dir d9 --name x"},
		{"bad cluster", saved + " --data-dir d9 --initial-cluster bad"},
		{"other URLs", saved + " --data-dir d9 --initial-advertise-peer-urls http://127.0.0.1:1"},
		{"bad URLs", saved + " --data-dir d9 --initial-advertise-peer-urls bad"},
	} {
		theirsAt, oursAt := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
		require.NoError(t, os.MkdirAll(theirsAt, 0o700))
		require.NoError(t, os.MkdirAll(oursAt, 0o700))
		args := append([]string{"snapshot", "restore"}, strings.Fields(c.args)...)
		want, got := command(t, debianCtl, theirsAt, args...), command(t, ours, oursAt, args...)
		require.Equal(t, want, got, c.name)
		if strings.HasSuffix(got, "exit status 0") {
			requireSameDirs(t, theirsAt, oursAt)
		}
	}
}

func damage(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[9000] ^= 1
	out := path + ".damaged"
	require.NoError(t, os.WriteFile(out, b, 0o600))
	return out
}

func requireSameDirs(t *testing.T, theirs, ours string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(theirs, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		rel, err := filepath.Rel(theirs, path)
		require.NoError(t, err)
		other := filepath.Join(ours, rel)
		switch {
		case d.IsDir():
		case filepath.Base(path) == "db":
			requireSameBuckets(t, buckets(t, path), buckets(t, other))
		case strings.HasSuffix(path, ".wal"), strings.HasSuffix(path, ".snap"):
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := os.ReadFile(other)
			require.NoError(t, err, "theirs has %s", rel)
			require.True(t, bytes.Equal(want, got), "%s differs", rel)
		}
		return nil
	}))
}

// requireSameBuckets: all but the members, of which 3.4 keeps the old ones.
func requireSameBuckets(t *testing.T, theirs, ours map[string]string) {
	t.Helper()
	fresh := 0
	for k, v := range ours {
		if strings.HasPrefix(k, "members/") {
			fresh++
			require.Contains(t, v, "peerURLs")
		} else if theirs[k] != v {
			t.Fatalf("%s: theirs %.60q, ours %.60q", k, theirs[k], v)
		}
	}
	require.Positive(t, fresh)
	for k := range theirs {
		if _, ok := ours[k]; !ok && !strings.HasPrefix(k, "members/") {
			t.Fatalf("%s is missing", k)
		}
	}
}

func buckets(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
	require.NoError(t, err)
	defer db.Close()
	out := map[string]string{}
	require.NoError(t, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			out[string(name)] = "bucket"
			return b.ForEach(func(k, v []byte) error {
				out[fmt.Sprintf("%s/%q", name, k)] = fmt.Sprintf("%q", v)
				return nil
			})
		})
	}))
	return out
}

// TestRestoredDirectoryServes starts Debian's etcd on a directory that we restored.
func TestRestoredDirectoryServes(t *testing.T) {
	needDebian(t)
	ours := buildOurs(t)
	saved := savedSnapshot(t, ours)
	dir, client, peer := t.TempDir(), freeAddress(t), freeAddress(t)
	out := command(t, ours, dir, "snapshot", "restore", saved, "--data-dir", "data", "--name", "m1",
		"--initial-cluster", "m1=http://"+peer, "--initial-advertise-peer-urls", "http://"+peer)
	require.Equal(t, "exit status 0", out)
	defer startEtcd(t, dir, client, peer)()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{client}})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := c.Get(ctx, "k", clientv3.WithPrefix())
	require.NoError(t, err)
	require.EqualValues(t, 9, r.Count)
	members, err := c.MemberList(ctx)
	require.NoError(t, err)
	require.Len(t, members.Members, 1)
	_, err = c.Put(ctx, "after", "restore")
	require.NoError(t, err)
}

// TestSnapshotStatusSurvivesDamage cuts a snapshot at every sector and flips bytes on
// every page: status answers or says what is wrong, but never falls over.
func TestSnapshotStatusSurvivesDamage(t *testing.T) {
	needDebian(t)
	whole, err := os.ReadFile(savedSnapshot(t, buildOurs(t)))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "s.db")
	want, refused := snapshotStatus{}, 0
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	want, err = readSnapshotStatus(path)
	require.NoError(t, err)
	for size := 0; size < len(whole)-32; size += 512 {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		_, err := readSnapshotStatus(path)
		require.Error(t, err, "cut at %d", size)
	}
	for at := 0; at < len(whole); at += 97 {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		require.NoError(t, os.WriteFile(path, b, 0o600))
		if got, err := readSnapshotStatus(path); err != nil {
			refused++
		} else if got.TotalSize > want.TotalSize*4 {
			t.Fatalf("byte %d flipped: %+v", at, got)
		}
	}
	require.Positive(t, refused)
}
