package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// measure asks the machine. It decides nothing, and each part is bounded in time.
func measure(q Question) Facts {
	f := Facts{
		System: runtime.GOOS + "/" + runtime.GOARCH,
		Cores:  Cores{Machine: runtime.NumCPU(), Usable: runtime.GOMAXPROCS(0)}, // Go heeds a container's limit
		Env:    namesOf(q.Environ),
		Ports:  []Port{},
	}
	clock := startWatch() // watched while the rest is measured
	f.Go.Built = runtime.Version()
	f.Go.Command, f.Go.Error = found(goCommand())
	f.Memory.Bytes, f.Memory.Error = found(memory())
	f.Files.Limit, f.Files.Error = found(fileLimit())
	f.Disk = disk(q)
	for _, number := range q.Ports {
		f.Ports = append(f.Ports, port(number))
	}
	f.Clock = clock.end()
	return f
}

// found makes an error a text: facts are data.
func found[T any](value T, err error) (T, string) {
	if err != nil {
		return value, err.Error()
	}
	return value, ""
}

func goCommand() (version string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	return strings.TrimSpace(string(out)), err
}

func namesOf(environ []string) []string {
	names := []string{}
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "ETCD_") && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func disk(q Question) Disk {
	d := Disk{Dir: q.Dir}
	if dir, err := filepath.Abs(q.Dir); err == nil {
		d.Dir = dir
	}
	space, err := space(d.Dir)
	d.FreeBytes, d.FileSystem = space.free, space.fileSystem
	_, d.SpaceError = found(0, err)
	times, err := syncTimes(d.Dir, q.Syncs, q.SyncLimit)
	d.Syncs = summary(times)
	_, d.SyncError = found(0, err)
	return d
}

// syncTimes does what the write-ahead log does: into a file that has its length already, it
// writes 4 KiB and waits until the disk has them, count times or until limit has passed.
func syncTimes(dir string, count int, limit time.Duration) (times []time.Duration, err error) {
	file, err := os.CreateTemp(dir, "etcd-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	const places = 256 // a file of 1 MiB, gone round in
	if _, err = file.Write(make([]byte, places*4*kib)); err != nil {
		return nil, err
	}
	if err = file.Sync(); err != nil {
		return nil, err
	}
	block := make([]byte, 4*kib)
	for begin := time.Now(); len(times) < count && time.Since(begin) < limit; {
		block[0]++ // a disk might notice that nothing changes
		start := time.Now()
		if _, err = file.WriteAt(block, int64(len(times)%places)*4*kib); err != nil {
			return times, err
		}
		if err = datasync(file); err != nil {
			return times, err
		}
		times = append(times, time.Since(start))
	}
	return times, nil
}

// summary takes percentiles by nearest rank: P99 is the smallest time that 99 of 100 do
// not exceed. Below a hundred times it is the longest one.
func summary(times []time.Duration) Syncs {
	if len(times) == 0 {
		return Syncs{}
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return Syncs{Count: len(sorted), P50: rank(50), P99: rank(99), Max: sorted[len(sorted)-1]}
}

// port tries to listen, and to connect: some systems let two programs listen on one port.
func port(number int) Port {
	p := Port{Number: number}
	address := fmt.Sprintf("127.0.0.1:%d", number)
	listener, err := net.Listen("tcp", address)
	if err == nil {
		err = listener.Close()
	}
	_, p.Error = found(0, err)
	if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		conn.Close()
		p.Error, p.Answer = "somebody listens on "+address, etcdVersion(address)
	}
	return p
}

// etcdVersion asks as an operator would, with curl ADDRESS/version.
func etcdVersion(address string) string {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + "/version")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var answer struct {
		Version string `json:"etcdserver"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, kib)).Decode(&answer); err != nil {
		return ""
	}
	return answer.Version
}

// clockWatch compares the two clocks that a time.Time of Go holds.
type clockWatch struct {
	first time.Time
	seen  Clock
}

// startWatch reads the clock again and again until it has moved a hundred times.
func startWatch() *clockWatch {
	w := &clockWatch{first: time.Now()}
	last := w.first
	for moves := 0; moves < 100 && last.Sub(w.first) < time.Second; {
		now := time.Now()
		step := now.Sub(last) // both monotonic
		switch {
		case step < 0:
			w.seen.Backwards++
		case step > 0 && (w.seen.Resolution == 0 || step < w.seen.Resolution):
			w.seen.Resolution = step
		}
		if step != 0 {
			moves++
			last = now
		}
	}
	return w
}

func (w *clockWatch) end() Clock {
	now := time.Now()
	w.seen.Watched = now.Sub(w.first)
	w.seen.WallStep = now.Round(0).Sub(w.first.Round(0)) - w.seen.Watched // Round(0) drops the monotonic reading
	w.seen.Now = now
	w.seen.Unsynchronised = clockUnsynchronised()
	return w.seen
}
