package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	bolt "go.etcd.io/bbolt"

	"insideetcd/ch08-client/clientv3"
)

func (c *ctl) snapshotCommand() *cobra.Command {
	save := &cobra.Command{
		Use:   "save <filename>",
		Short: "Stores an etcd node backend snapshot to a given file",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot save expects one argument")
			}
			return c.snapshotSave(args[0])
		},
	}
	status := &cobra.Command{
		Use:   "status <filename>",
		Short: "Gets backend snapshot status of a given file",
		Long:  "With -w simple: hash, revision, total keys, total size.",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return badArgs("snapshot status requires exactly one argument")
			}
			if err := c.chooseDisplay(); err != nil {
				return err
			}
			s, err := readSnapshotStatus(args[0])
			if err != nil {
				return err
			}
			return c.display.SnapshotStatus(s)
		},
	}
	return group("snapshot", "Manages etcd node snapshots", save, status, restoreCommand())
}

// snapshotSave writes to FILE.part first: FILE is there only when it is whole.
func (c *ctl) snapshotSave(path string) error {
	client, err := c.open()
	if err != nil {
		return err
	}
	defer client.Close()
	if n := len(client.Endpoints()); n != 1 {
		return fmt.Errorf("snapshot must be requested to one selected node, not multiple %v", client.Endpoints())
	}
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return failf(exitInterrupted, "could not open %s (%w)", part, err)
	}
	err = fetchSnapshot(client, file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part)
		return failf(exitInterrupted, "could not save the snapshot at %s (%w)", path, err)
	}
	say("Snapshot saved at %s\n", path)
	return nil
}

// fetchSnapshot has no time limit: a database may be large. It checks the hash that
// follows the database before anyone relies on the file.
func fetchSnapshot(client *clientv3.Client, file *os.File) error {
	r, err := client.Snapshot(context.Background())
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(file, r); err != nil {
		return err
	}
	if _, err := checkHash(file, false); err != nil {
		return err
	}
	return file.Sync()
}

// checkHash returns the size of the database in a snapshot file, without the SHA-256 that
// follows it. A database is made of pages, so 32 bytes too many are that hash.
func checkHash(file *os.File, skip bool) (size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size = info.Size()
	if size < sha256.Size { // in 3.4's words, which looks for the hash first
		return 0, &fs.PathError{Op: "seek", Path: file.Name(), Err: syscall.EINVAL}
	}
	hasHash := size%512 == sha256.Size
	if hasHash {
		size -= sha256.Size
	}
	if skip {
		return size, nil
	}
	if !hasHash {
		return 0, errors.New("snapshot missing hash but --skip-hash-check=false")
	}
	want := make([]byte, sha256.Size)
	if _, err := file.ReadAt(want, size); err != nil {
		return 0, err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(file, 0, size)); err != nil {
		return 0, err
	}
	if got := hash.Sum(nil); !bytes.Equal(want, got) {
		return 0, fmt.Errorf("expected sha256 %v, got %v", want, got)
	}
	return size, nil
}

// readSnapshotStatus reads a file that may be cut off or damaged anywhere.
func readSnapshotStatus(path string) (s snapshotStatus, err error) {
	if _, err := os.Stat(path); err != nil {
		return s, err
	}
	// A page that is not there faults, a damaged one may panic in the database's code:
	// both mean that the file is no database.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s is damaged: %v", path, r)
		}
	}()
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true})
	if err != nil {
		return s, err
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		if info, err := os.Stat(path); err != nil || info.Size() < tx.Size() {
			return fmt.Errorf("%s is cut off: it should have %d bytes", path, tx.Size())
		}
		s, err = statusOf(tx)
		return err
	})
	return s, err
}

func statusOf(tx *bolt.Tx) (snapshotStatus, error) {
	s := snapshotStatus{TotalSize: tx.Size()}
	hash := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	buckets := tx.Cursor()
	for name, _ := buckets.First(); name != nil; name, _ = buckets.Next() {
		b := tx.Bucket(name)
		if b == nil {
			return s, fmt.Errorf("cannot get hash of bucket %s", name)
		}
		hash.Write(name)
		err := b.ForEach(func(k, v []byte) error {
			hash.Write(k)
			hash.Write(v)
			s.TotalKey++
			if string(name) == "key" && len(k) >= 8 {
				s.Revision = int64(binary.BigEndian.Uint64(k)) // keys are in order of revision
			}
			return nil
		})
		if err != nil {
			return s, fmt.Errorf("cannot write %s (%w)", name, err)
		}
	}
	s.Hash = hash.Sum32()
	return s, nil
}
