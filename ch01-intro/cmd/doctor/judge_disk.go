package main

import (
	"fmt"
	"slices"
	"time"
)

// What the times of a disk mean.
const (
	healthySync  = 10 * time.Millisecond // etcd's own advice for the 99th percentile
	unlikelySync = 20 * time.Microsecond // faster than a disk can promise anything
	maxElection  = 50 * time.Second      // etcd refuses more
)

// File systems on which a data directory must not lie: they forget, or are not local.
var volatile = []string{"tmpfs", "ramfs"}
var remote = []string{"nfs", "smb", "cifs", "smb2", "9p", "fuse", "smbfs", "afpfs", "webdav"}

// judgeDisk judges the disk by itself: is a sync a promise, and how long does a put wait
// for it?
func judgeDisk(d Disk) Finding {
	if d.SyncError != "" {
		return ok("disk", "cannot write and sync: %s", d.SyncError).
			but(Fail, "name with -dir the directory where the data will lie; it must exist and be writable")
	}
	s := d.Syncs
	found := ok("disk", "4 KiB written and synced %d times: p50 %s, p99 %s, longest %s", s.Count, ms(s.P50), ms(s.P99), ms(s.Max))
	if d.FileSystem != "" {
		found.Found += " (" + d.FileSystem + ")"
	}
	switch {
	case slices.Contains(volatile, d.FileSystem):
		return found.but(Warn, "this directory lies in memory: a restart of the machine loses it, and these times mean nothing; measure the real place with -dir")
	case slices.Contains(remote, d.FileSystem):
		return found.but(Warn, "not a local disk: file locks and syncs may not mean there what etcd needs; take a local disk (-dir)")
	case s.P50 < unlikelySync:
		return found.but(Warn, "too fast to be true: something on the way (a virtual disk, a driver) does not wait for the disk, and a power cut would lose acknowledged writes; check its write cache settings")
	case s.P99 > healthySync:
		return found.but(Warn, "one put in a hundred waits longer than %s: keep other load off this disk, or take an SSD", ms(healthySync))
	}
	return found
}

// judgeTimeouts judges the two timeouts of raft, by rules of which etcd enforces the first:
//
//  1. 5 × heartbeat ≤ election ≤ 50 s.
//  2. election ≥ 10 × the round trip between members, heartbeat ≥ one round trip: else
//     healthy members that are far away are given up.
//  3. The member saves to disk between two ticks. A sync as long as the heartbeat interval
//     makes a heartbeat late; one as long as the election timeout makes the others
//     elect a new leader.
func judgeTimeouts(p Plan, s Syncs) Finding {
	found := ok("timeouts", "heartbeat %s, election %s", ms(p.Heartbeat), ms(p.Election))
	if p.RoundTrip > 0 {
		found.Found += ", round trip " + ms(p.RoundTrip)
	}
	better := suggest(p, s)
	switch {
	case p.Heartbeat <= 0 || p.Election < 5*p.Heartbeat || p.Election > maxElection:
		return found.but(Fail, "etcd refuses this: it wants 5 × heartbeat ≤ election ≤ 50 s; %s", better)
	case p.Election < 10*p.RoundTrip || p.Heartbeat < p.RoundTrip:
		return found.but(Warn, "too short for this network (heartbeat ≥ round trip, election ≥ 10 × round trip); %s", better)
	case s.P99 == 0: // nothing measured, as judgeDisk has said, or by a clock too coarse for this disk
		return found
	case s.P99 >= p.Election:
		return found.but(Fail, "one sync in a hundred takes longer than an election timeout: leaders would change all the time; take a faster disk, or %s", better)
	case s.P99 >= p.Heartbeat:
		return found.but(Warn, "one sync in a hundred holds up a heartbeat; take a faster disk, or %s", better)
	case s.Max >= p.Election:
		return found.but(Warn, "the longest sync (%s) would have cost the leader its place; measure again, with more -syncs", ms(s.Max))
	}
	found.Found += fmt.Sprintf(" (%.0f and %.0f times the disk's p99)", float64(p.Heartbeat)/float64(s.P99), float64(p.Election)/float64(s.P99))
	return found
}

// suggest names flags that satisfy all the rules, or says that none do. A heartbeat of the
// round trip or of two slow syncs, whichever is longer and not below etcd's default, in
// steps of 50 ms; ten of them are an election timeout.
func suggest(p Plan, s Syncs) string {
	const step = 50 * time.Millisecond
	heartbeat := max(100*time.Millisecond, p.RoundTrip, 2*s.P99)
	heartbeat = (heartbeat + step - 1) / step * step
	if 10*heartbeat > maxElection {
		return "no timeouts would do for this disk and network"
	}
	return fmt.Sprintf("--heartbeat-interval %d --election-timeout %d would do, on every member", heartbeat.Milliseconds(), 10*heartbeat.Milliseconds())
}

// ms is a duration for people: three digits at least, in milliseconds.
func ms(d time.Duration) string {
	f := float64(d) / float64(time.Millisecond)
	switch {
	case f == float64(int64(f)) || f >= 100:
		return fmt.Sprintf("%.0f ms", f)
	case f >= 1:
		return fmt.Sprintf("%.1f ms", f)
	default:
		return fmt.Sprintf("%.3f ms", f)
	}
}
