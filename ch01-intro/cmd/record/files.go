package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"insideetcd/ch01-intro/api/etcdserverpb"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fields maps a field number to its last value, without the tag.
type fields map[protowire.Number][]byte

func split(b []byte) (fields, error) {
	m := make(fields)
	for len(b) > 0 {
		num, typ, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(num, typ, b[tag:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		m[num] = b[tag : tag+size]
		b = b[tag+size:]
	}
	return m, nil
}

func (f fields) bytes(num protowire.Number) []byte {
	v, _ := protowire.ConsumeBytes(f[num])
	return v
}

func (f fields) uint(num protowire.Number) uint64 {
	v, _ := protowire.ConsumeVarint(f[num])
	return v
}

// entries prints the normal entries of a log. A frame is a little-endian length (the top
// byte tells the padding), a walpb.Record and the padding; record type 2 is an entry.
func entries(out io.Writer, dir string) error {
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil {
		return err
	}
	sort.Strings(segments)
	for _, segment := range segments {
		b, err := os.ReadFile(segment)
		if err != nil {
			return err
		}
		for len(b) > 8 && binary.LittleEndian.Uint64(b) != 0 {
			field := binary.LittleEndian.Uint64(b)
			length, padding := field&(1<<56-1), field>>56&7
			if uint64(len(b)) < 8+length+padding {
				return fmt.Errorf("%s: a record is cut off", segment)
			}
			if err := record(out, b[8:8+length]); err != nil {
				return fmt.Errorf("%s: %w", segment, err)
			}
			b = b[8+length+padding:]
		}
	}
	return nil
}

func record(out io.Writer, b []byte) error {
	rec, err := split(b)
	if err != nil || rec.uint(1) != 2 {
		return err
	}
	entry, err := split(rec.bytes(3))
	if err != nil {
		return err
	}
	const normal = 0
	if data := entry.bytes(4); entry.uint(1) == normal && len(data) > 0 {
		fmt.Fprintf(out, "entry %d %s %x\n", entry.uint(3), kind(data), data)
	}
	return nil
}

// kind names the request that an entry carries: the field of InternalRaftRequest, or
// "Request" for the bare one of the v2 API.
func kind(data []byte) string {
	req := new(etcdserverpb.InternalRaftRequest)
	if req.UnmarshalVT(data) != nil {
		return "Request"
	}
	name := "nothing"
	req.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if f.Name() != "header" && f.Name() != "ID" {
			name = string(f.Name())
		}
		return true
	})
	return name
}

// stored prints what the backend keeps as protobuf messages.
func stored(out io.Writer, path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("open the backend: %w", err)
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		return errors.Join(
			bucket(tx, "key", func(_, v []byte) { fmt.Fprintf(out, "stored key mvccpb.KeyValue %x\n", v) }),
			bucket(tx, "lease", func(_, v []byte) { fmt.Fprintf(out, "stored lease leasepb.Lease %x\n", v) }),
			bucket(tx, "alarm", func(k, _ []byte) { fmt.Fprintf(out, "stored alarm etcdserverpb.AlarmMember %x\n", k) }),
			bucket(tx, "authUsers", func(_, v []byte) { fmt.Fprintf(out, "stored authUsers authpb.User %x\n", v) }),
			bucket(tx, "authRoles", func(_, v []byte) { fmt.Fprintf(out, "stored authRoles authpb.Role %x\n", v) }),
		)
	})
}

func bucket(tx *bolt.Tx, name string, show func(k, v []byte)) error {
	b := tx.Bucket([]byte(name))
	if b == nil {
		return fmt.Errorf("the backend has no bucket %q", name)
	}
	return b.ForEach(func(k, v []byte) error { show(k, v); return nil })
}
