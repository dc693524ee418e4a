package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch05-wal-snap/fileutil"
	"insideetcd/ch05-wal-snap/snap"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch05-wal-snap/walpb"
	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/v2store"
	"insideetcd/ch07-server/membership"
	"insideetcd/final/embed"
)

// restoreFlags describe the member that the snapshot becomes.
type restoreFlags struct {
	dataDir, walDir       string
	name, cluster, token  string
	peerURLs              string
	skipHash              bool
	memberWAL, memberSnap string                  // where things go, once resolved
	planned               *membership.RaftCluster // the cluster of --initial-cluster
	self                  *membership.Member
}

func (f *restoreFlags) declare(fs *pflag.FlagSet) {
	fs.StringVar(&f.dataDir, "data-dir", "", "data directory to make (default NAME.etcd)")
	fs.StringVar(&f.walDir, "wal-dir", "", "directory of the log, if not in the data directory")
	fs.StringVar(&f.name, "name", "default", "name of this member")
	fs.StringVar(&f.cluster, "initial-cluster", "default=http://localhost:2380", "members of the new cluster, as NAME=URL,…")
	fs.StringVar(&f.token, "initial-cluster-token", "etcd-cluster", "what tells clusters with equal URLs apart")
	fs.StringVar(&f.peerURLs, "initial-advertise-peer-urls", "http://localhost:2380", "peer URLs of this member")
	fs.BoolVar(&f.skipHash, "skip-hash-check", false, "accept a file without a hash, such as a copied database")
}

func restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore <filename> [options]",
		Short: "Restores an etcd member snapshot to an etcd directory",
		Long: `Makes the data directory of one member of a new cluster. Restore the same file for
each member, with the same --initial-cluster and --initial-cluster-token.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot restore requires exactly one argument")
			}
			if err := f.resolve(); err != nil {
				return err
			}
			return f.restore(args[0])
		},
	}
	f.declare(cmd.Flags())
	return cmd
}

// resolve finds out who the member is and where it lives. Nothing is written yet.
func (f *restoreFlags) resolve() error {
	members, err := parseMembers(f.cluster)
	if err != nil {
		return err
	}
	own, err := embed.ParseURLs(f.peerURLs)
	if err != nil {
		return err
	}
	urls, ok := members[f.name]
	if !ok {
		return fmt.Errorf("couldn't find local name %q in the initial cluster configuration", f.name)
	}
	var advertised []string
	for i := range own {
		advertised = append(advertised, own[i].String())
	}
	if !slices.Equal(urls, advertised) {
		return fmt.Errorf("--initial-cluster has %s but missing from --initial-advertise-peer-urls=%s (resolved urls: %q != %q)",
			strings.Join(prefixed(f.name+"=", urls), ","), f.peerURLs, strings.Join(advertised, ","), strings.Join(urls, ","))
	}
	if f.planned, err = membership.NewClusterFromURLsMap(slog.New(slog.DiscardHandler), f.token, members); err != nil {
		return err
	}
	f.self = f.planned.MemberByName(f.name)
	if f.dataDir == "" {
		f.dataDir = f.name + ".etcd"
	}
	f.memberSnap = filepath.Join(f.dataDir, "member", "snap")
	f.memberWAL = filepath.Join(f.dataDir, "member", "wal")
	if f.walDir != "" {
		f.memberWAL = f.walDir
	}
	for _, d := range []struct{ name, path string }{{"data-dir", f.dataDir}, {"wal-dir", f.walDir}} {
		if _, err := os.Stat(d.path); d.path != "" && err == nil {
			return fmt.Errorf("%s %q exists", d.name, d.path)
		}
	}
	return nil
}

func prefixed(prefix string, list []string) (out []string) {
	for _, s := range list {
		out = append(out, prefix+s)
	}
	return out
}

// parseMembers reads NAME=URL,NAME=URL,…; a name may stand more than once.
func parseMembers(s string) (map[string][]string, error) {
	members := map[string][]string{}
	for part := range strings.SplitSeq(s, ",") {
		name, raw, _ := strings.Cut(strings.TrimSpace(part), "=")
		urls, err := embed.ParseURLs(raw)
		if raw == "" {
			err = errors.New("URL scheme must be http, https, unix, or unixs: ")
		}
		if err != nil {
			return nil, err
		}
		members[name] = append(members[name], urls[0].String())
	}
	for _, urls := range members {
		slices.Sort(urls)
	}
	return members, nil
}

// restore writes database, snapshot file and log, in this order: a directory without a
// log is not one that etcd would start from.
func (f *restoreFlags) restore(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := checkHash(file, f.skipHash) // BEFORE anything is written
	if err != nil {
		return err
	}
	if err := f.restoreDatabase(io.NewSectionReader(file, 0, size)); err != nil {
		return fmt.Errorf("restore the database: %w", err)
	}
	state, err := f.addMembers()
	if err != nil {
		return fmt.Errorf("restore the members: %w", err)
	}
	if err := f.restoreLog(state); err != nil {
		return fmt.Errorf("restore the log: %w", err)
	}
	return nil
}

func (f *restoreFlags) databasePath() string { return filepath.Join(f.memberSnap, "db") }

// restoreDatabase copies the database and lets it begin where the new log does: its
// entries, one for each member, count as applied.
func (f *restoreFlags) restoreDatabase(from io.Reader) error {
	if err := fileutil.TouchDirAll(f.memberSnap); err != nil {
		return err
	}
	db, err := os.OpenFile(f.databasePath(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(db, from)
	if err == nil {
		err = db.Sync()
	}
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return f.forgetOldCluster()
}

// forgetOldCluster goes below the backend, for which the consistent index never falls.
// 3.4 leaves the old members in their buckets, where a later version that reads them
// finds members that never answer; here they go.
func (f *restoreFlags) forgetOldCluster() error {
	db, err := bolt.Open(f.databasePath(), 0o600, &bolt.Options{NoFreelistSync: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range []backend.Bucket{backend.BucketMembers, backend.BucketMembersRemoved} {
			if err := tx.DeleteBucket(b.Name()); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
				return err
			}
			if _, err := tx.CreateBucket(b.Name()); err != nil {
				return err
			}
		}
		meta, err := tx.CreateBucketIfNotExists(backend.BucketMeta.Name())
		if err != nil {
			return err
		}
		index := binary.BigEndian.AppendUint64(nil, uint64(len(f.planned.Members())))
		return meta.Put(backend.MetaConsistentIndex, index)
	})
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	return err
}

// addMembers puts the new members in the buckets of the database and in a v2 tree, and
// returns that tree as JSON.
func (f *restoreFlags) addMembers() ([]byte, error) {
	quiet := slog.New(slog.DiscardHandler)
	be, err := backend.Open(backend.Config{Path: f.databasePath(), Logger: quiet})
	if err != nil {
		return nil, err
	}
	defer be.Close()
	tree := v2store.New(membership.StoreClusterPrefix, membership.StoreKeysPrefix)
	cluster := membership.NewCluster(quiet, f.token)
	cluster.SetStore(tree)
	cluster.SetBackend(be)
	for _, m := range f.planned.Members() {
		cluster.AddMember(m)
	}
	be.ForceCommit()
	return tree.Save()
}

// restoreLog writes the log of a cluster whose first entries added its members, and a
// snapshot after the last of them.
func (f *restoreFlags) restoreLog(state []byte) error {
	quiet := slog.New(slog.DiscardHandler)
	metadata, err := pb.Metadata{NodeID: uint64(f.self.ID), ClusterID: uint64(f.planned.ID())}.Marshal()
	if err != nil {
		return err
	}
	if err := fileutil.TouchDirAll(filepath.Dir(f.memberWAL)); err != nil {
		return err
	}
	log, err := wal.Create(quiet, f.memberWAL, metadata)
	if err != nil {
		return err
	}
	defer log.Close()
	entries, voters, err := f.firstEntries()
	if err != nil {
		return err
	}
	last := uint64(len(entries))
	hardState := raftpb.HardState{Term: 1, Vote: voters[0], Commit: last}
	if err := log.Save(hardState, entries); err != nil {
		return err
	}
	shot := raftpb.Snapshot{Data: state, Metadata: raftpb.SnapshotMetadata{
		Index: last, Term: 1, ConfState: raftpb.ConfState{Voters: voters}}}
	if err := snap.New(quiet, f.memberSnap).SaveSnap(shot); err != nil { // BEFORE the log names it
		return err
	}
	return log.SaveSnapshot(walpb.Snapshot{Index: last, Term: 1})
}

func (f *restoreFlags) firstEntries() (entries []raftpb.Entry, voters []uint64, err error) {
	for i, m := range f.planned.Members() {
		context, err := json.Marshal(m)
		if err != nil {
			return nil, nil, err
		}
		change := raftpb.ConfChange{Type: raftpb.ConfChangeAddNode, NodeID: uint64(m.ID), Context: context}
		data, err := change.Marshal()
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, raftpb.Entry{Type: raftpb.EntryConfChange, Term: 1, Index: uint64(i + 1), Data: data})
		voters = append(voters, uint64(m.ID))
	}
	return entries, voters, nil
}
