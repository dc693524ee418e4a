// Package ids names things: members, clusters, requests, leases.
//
// All of them are 64-bit numbers that people read as hexadecimal text. Members and
// clusters get theirs from a hash over what they are (see the membership package); requests
// get theirs from a Generator, which must never give a number twice: not to two
// members at the same time, and not before and after a restart, because a proposal
// of the past may still come out of the log and must not answer a waiter of today.
package ids

import (
	"fmt"
	"strconv"
)

// ID identifies a member, a cluster or a request. 0 means none.
type ID uint64

// String returns lower-case hexadecimal without leading zeros, the form used in
// paths, headers and logs.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 16) }

// Parse reads what String wrote; upper case and leading zeros are accepted.
func Parse(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("ID %q: want 1 to 16 hexadecimal digits: %w", s, err)
	}
	return ID(n), nil
}
