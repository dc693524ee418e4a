// Package version holds the version numbers that a member shows to others, and the
// small arithmetic on them.
//
// Three numbers travel. A server has a version of its own; a client switches features on
// by it. A cluster has a version: the lowest minor among its members, which every
// member must be able to serve. And a member names the lowest cluster version that it
// can still talk to. This server speaks etcd 3.4, so it reports the last 3.4 to peers
// and clients and shows its own number beside it.
package version

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// Compatible is the etcd version that this server reports to peers and clients.
	Compatible = "3.4.45"
	// Own is the version of this project.
	Own = "0.1.0"
	// Cluster is the cluster version that a cluster of such servers agrees on.
	Cluster = "3.4.0"
	// MinCluster is the lowest cluster version that this server can join.
	MinCluster = "3.0.0"
)

// Version is a version as numbers.
type Version struct {
	Major, Minor, Patch int
}

// Parse reads "MAJOR.MINOR.PATCH". A pre-release or build suffix ("-rc.1", "+git") of the
// patch is accepted and dropped: compatibility is a matter of the numbers.
func Parse(s string) (Version, error) {
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return Version{}, fmt.Errorf("version %q: want MAJOR.MINOR.PATCH, such as %s", s, Compatible)
	}
	var numbers [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return Version{}, fmt.Errorf("version %q: %q is not a number; want MAJOR.MINOR.PATCH, such as %s", s, part, Compatible)
		}
		numbers[i] = int(n)
	}
	return Version{numbers[0], numbers[1], numbers[2]}, nil
}

// MustParse is Parse for constants; it panics on a malformed one.
func MustParse(s string) Version {
	v, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

// String returns "MAJOR.MINOR.PATCH".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Less orders versions by major, then minor, then patch.
func (v Version) Less(o Version) bool {
	if v.Major != o.Major {
		return v.Major < o.Major
	}
	if v.Minor != o.Minor {
		return v.Minor < o.Minor
	}
	return v.Patch < o.Patch
}

// MajorMinor returns "MAJOR.MINOR": formats and protocols change only with the minor.
func (v Version) MajorMinor() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }
