package raftpb

import "strconv"

// enumName is the name at v, or v in decimal: a number from a later version, or from
// garbage, must still print.
func enumName(v int32, names []string) string {
	if v >= 0 && int(v) < len(names) {
		return names[v]
	}
	return strconv.Itoa(int(v))
}

// enumBits is the varint of an enum value: an int32, sign extended.
func enumBits[E ~int32](v E) uint64 { return uint64(int64(v)) }
