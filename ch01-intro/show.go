package main

import (
	"fmt"
	"os"
	"strings"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch01-intro/model"
)

// grid shows what keys held at each revision, by asking for each revision. The changes are
// those of revision 2 and after.
func grid(store *model.Store, changes []string, keys ...string) {
	row := func(name string, cell func(rev int64) any) {
		var b strings.Builder
		for rev := int64(2); rev <= store.Rev(); rev++ {
			fmt.Fprintf(&b, "%8v", cell(rev))
		}
		tell("%-12s%s", name, &b)
	}
	row("revision", func(rev int64) any { return rev })
	row("", func(rev int64) any { return changes[rev-2] })
	for _, key := range keys {
		row(key, func(rev int64) any { return orDot(string(get(store, key, rev).GetValue())) })
		row("  create", func(rev int64) any { return orDot(get(store, key, rev).GetCreateRevision()) })
		row("  mod", func(rev int64) any { return orDot(get(store, key, rev).GetModRevision()) })
		row("  version", func(rev int64) any { return orDot(get(store, key, rev).GetVersion()) })
	}
}

// orDot shows that there is nothing.
func orDot[T comparable](v T) any {
	var zero T
	if v == zero {
		return "·"
	}
	return v
}

func lastChanges(store *model.Store, n int) string {
	lines := strings.Split(strings.TrimSpace(store.Timeline()), "\n")
	return strings.Join(lines[len(lines)-n:], "\n   ")
}

// get returns what a key holds at a revision, 0 is now; nil if it does not live there.
func get(store *model.Store, key string, rev int64) *mvccpb.KeyValue {
	resp, err := store.Range(&pb.RangeRequest{Key: []byte(key), Revision: rev})
	must(err)
	if len(resp.Kvs) == 0 {
		return nil
	}
	return resp.Kvs[0]
}

func value(store *model.Store, key string) string { return string(get(store, key, 0).GetValue()) }

func put(key, value string) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), Value: []byte(value)}
}

func putLeased(key string, lease int64) *pb.PutRequest {
	return &pb.PutRequest{Key: []byte(key), Value: []byte("up"), Lease: lease}
}

func del(key string) *pb.DeleteRangeRequest { return &pb.DeleteRangeRequest{Key: []byte(key)} }

func modIs(key string, rev int64) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_MOD, TargetUnion: &pb.Compare_ModRevision{ModRevision: rev}}
}

func putOp(key, value string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: put(key, value)}}
}

func getOp(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}
}

func do(store *model.Store, requests ...any) {
	for _, r := range requests {
		_, err := store.Do(r)
		must(err)
	}
}

// say prints a heading and lines below it; without a heading the lines only.
func say(heading string, lines ...string) {
	if heading != "" {
		fmt.Println("\n" + heading)
	}
	for _, line := range lines {
		tell("%s", line)
	}
}

func tell(format string, args ...any) { fmt.Printf("   "+format+"\n", args...) }
func must(err error)                  { check(err == nil, fmt.Sprint(err)) }

func check(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "ch01: does not hold:", what)
		os.Exit(1)
	}
}
