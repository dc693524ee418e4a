package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc. It is 10 ms on every Linux that Go runs
// on; a load must take much longer than that.
const clockTick = 10 * time.Millisecond

// cpuTime is the CPU time, user and system, that the processes have used so far.
func cpuTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		t, err := parseStat(stat)
		if err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		sum += t
	}
	return sum, nil
}

// parseStat finds utime and stime, fields 14 and 15 of proc_pid_stat(5). Field 2 is the
// program's name in parentheses, and may hold anything, parentheses and blanks too.
func parseStat(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[end+1:])) // from field 3 on
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("unknown form of stat: %q", stat)
	}
	user, err1 := strconv.ParseInt(fields[14-3], 10, 64)
	system, err2 := strconv.ParseInt(fields[15-3], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("unknown form of stat: %w", err)
	}
	return time.Duration(user+system) * clockTick, nil
}

// listenerPID finds the process on this machine that listens on the address: first the
// socket's inode in the kernel's table, then who has it open.
func listenerPID(addr netip.AddrPort) (int, error) {
	inode := ""
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a machine may have no IPv6
			return 0, err
		}
		if found := listeningInode(string(text), addr); found != "" {
			inode = found
			break
		}
	}
	if inode == "" {
		return 0, fmt.Errorf("nothing on this machine listens on %s", addr)
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, err
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "socket:["+inode+"]" {
			return strconv.Atoi(strings.Split(link, "/")[2])
		}
	}
	return 0, fmt.Errorf("the process that listens on %s belongs to somebody else: name it with --server-pid", addr)
}

// listeningInode looks in a table as of /proc/net/tcp for a listening socket (state 0A)
// on the address, or on all addresses, and its port.
func listeningInode(table string, addr netip.AddrPort) string {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != "0A" {
			continue
		}
		local, ok := parseKernelAddr(fields[1])
		if ok && local.Port() == addr.Port() && (local.Addr() == addr.Addr().Unmap() || local.Addr().IsUnspecified()) {
			return fields[9]
		}
	}
	return ""
}

// parseKernelAddr reads HEXADDR:HEXPORT, the address in words of the machine's byte order
// (little-endian wherever etcd is measured).
func parseKernelAddr(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	ip, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip.Unmap(), uint16(p)), ok
}
