package mvcc

import (
	"fmt"
	"slices"

	"insideetcd/ch01-intro/api/mvccpb"

	"google.golang.org/protobuf/encoding/protowire"
)

// fetch copies the records of revs out of the backend, in two steps: first they are only
// looked up and measured, then all of them are copied into one piece of memory. If they
// are framed, then that piece is what is sent:
//
//	12 0c | 0a 01 61 …   12 0d | 0a 01 62 …      tag, length, record; tag, length, record
//	        └ KVs[0]             └ KVs[1]
func fetch(revs []Revision, record func(Revision) []byte, ro RangeOptions) (kvs []mvccpb.RawKeyValue, framed []byte) {
	if len(revs) == 0 {
		return nil, nil
	}
	kvs = make([]mvccpb.RawKeyValue, len(revs))
	lookUp(kvs, revs, record)
	frame, size := 0, 0
	if ro.FrameTag != 0 {
		frame = 1 + protowire.SizeBytes(0)
	}
	for _, kv := range kvs {
		size += len(kv) + frame
		if ro.KeysOnly {
			size -= len(kv.Value())
		} else if frame > 0 {
			size += protowire.SizeVarint(uint64(len(kv))) - 1
		}
	}
	arena, short := []byte(nil), []byte(nil)
	if frame > 0 {
		arena = newArena(size) // it may be given back
	} else {
		arena = make([]byte, 0, size)
	}
	for i, kv := range kvs {
		if ro.KeysOnly {
			short = kv.AppendWithoutValue(short[:0])
			kv = short
		}
		if frame > 0 {
			arena = append(arena, ro.FrameTag)
			arena = protowire.AppendVarint(arena, uint64(len(kv)))
		}
		begin := len(arena)
		arena = append(arena, kv...)
		kvs[i] = arena[begin:len(arena):len(arena)]
	}
	if frame > 0 {
		framed = arena
	}
	return kvs, framed
}

// lookUp finds the records of revs, in the order in which they lie in the backend: that is
// the order of their revisions, while revs has the order of keys.
func lookUp(kvs []mvccpb.RawKeyValue, revs []Revision, record func(Revision) []byte) {
	find := func(i int) {
		if kvs[i] = record(revs[i]); kvs[i] == nil {
			panic(fmt.Sprintf("mvcc: revision %v is in the index but not in the backend", revs[i]))
		}
	}
	if slices.IsSortedFunc(revs, Revision.Compare) {
		for i := range revs {
			find(i)
		}
		return
	}
	order := make([]int32, len(revs))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return revs[a].Compare(revs[b]) })
	for _, i := range order {
		find(int(i))
	}
}
