//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// fileLimit is the soft limit, which Go has raised to the hard one when it started.
func fileLimit() (uint64, error) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	if limit.Cur >= 1<<62 { // the systems write "none" in different ways
		return 0, err
	}
	return limit.Cur, err
}
