package clientv3

import (
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// Cmp is a condition of a transaction on one key, or on all keys of a range.
type Cmp struct {
	target pb.Compare_CompareTarget
	result pb.Compare_CompareResult
	key    []byte
	end    []byte
	number int64  // what revisions, versions and leases are compared with
	value  []byte // what values are compared with
}

// CreateRevision and its siblings begin a condition; Compare completes it.
func CreateRevision(key string) Cmp { return Cmp{target: pb.Compare_CREATE, key: []byte(key)} }
func ModRevision(key string) Cmp    { return Cmp{target: pb.Compare_MOD, key: []byte(key)} }
func Version(key string) Cmp        { return Cmp{target: pb.Compare_VERSION, key: []byte(key)} }
func Value(key string) Cmp          { return Cmp{target: pb.Compare_VALUE, key: []byte(key)} }
func LeaseValue(key string) Cmp     { return Cmp{target: pb.Compare_LEASE, key: []byte(key)} }

// Compare completes a condition with "=", "!=", ">" or "<" and a string for values, an
// integer or LeaseID for the rest. Anything else panics: it is a mistake of the program.
func Compare(cmp Cmp, result string, v any) Cmp {
	switch result {
	case "=":
		cmp.result = pb.Compare_EQUAL
	case "!=":
		cmp.result = pb.Compare_NOT_EQUAL
	case ">":
		cmp.result = pb.Compare_GREATER
	case "<":
		cmp.result = pb.Compare_LESS
	default:
		panic(fmt.Sprintf("clientv3: compare with %q: only =, !=, > and <", result))
	}
	switch v := v.(type) {
	case string:
		cmp.value = []byte(v)
	case int:
		cmp.number = int64(v)
	case int64:
		cmp.number = v
	case LeaseID:
		cmp.number = int64(v)
	default:
		panic(fmt.Sprintf("clientv3: compare with a %T", v))
	}
	if _, isString := v.(string); isString != (cmp.target == pb.Compare_VALUE) {
		panic(fmt.Sprintf("clientv3: compare %v with a %T", cmp.target, v))
	}
	return cmp
}

// WithRange lets the condition hold for every key in [key, end).
func (c Cmp) WithRange(end string) Cmp {
	c.end = []byte(end)
	return c
}

// WithPrefix lets the condition hold for every key that begins with the key.
func (c Cmp) WithPrefix() Cmp {
	c.end = prefixEnd(c.key)
	return c
}

// KeyBytes is the key of the condition.
func (c Cmp) KeyBytes() []byte { return c.key }

func (c Cmp) toProto() *pb.Compare {
	p := &pb.Compare{Result: c.result, Target: c.target, Key: c.key, RangeEnd: c.end}
	switch c.target {
	case pb.Compare_VERSION:
		p.TargetUnion = &pb.Compare_Version{Version: c.number}
	case pb.Compare_CREATE:
		p.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: c.number}
	case pb.Compare_MOD:
		p.TargetUnion = &pb.Compare_ModRevision{ModRevision: c.number}
	case pb.Compare_VALUE:
		p.TargetUnion = &pb.Compare_Value{Value: c.value}
	case pb.Compare_LEASE:
		p.TargetUnion = &pb.Compare_Lease{Lease: c.number}
	}
	return p
}
