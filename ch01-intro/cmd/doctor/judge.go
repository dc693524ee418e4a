package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// judge is the whole of doctor's opinion, in the order in which it is printed. It is pure.
func judge(f Facts, p Plan) []Finding {
	findings := []Finding{
		judgeGo(f.Go),
		judgeCores(f.Cores),
		judgeMemory(f.Memory),
		judgeSpace(f.Disk),
		judgeDisk(f.Disk),
		judgeTimeouts(p, f.Disk.Syncs),
	}
	for _, port := range f.Ports {
		findings = append(findings, judgePort(port))
	}
	return append(findings, judgeClock(f.Clock, p), judgeFiles(f.Files), judgeEnv(f.Env))
}

var goVersion = regexp.MustCompile(`^go1\.(\d+)`)

// judgeGo knows two borders: 1.26, which go.mod asks for, and 1.21, since which an older go
// command fetches the version that go.mod asks for.
func judgeGo(g Go) Finding {
	if g.Error != "" {
		return ok("go", "no go command: %s", g.Error).
			but(Warn, "install Go 1.26 or newer (https://go.dev/dl); only programs that are already built run without")
	}
	found := ok("go", "%s", g.Command)
	if g.Built != g.Command {
		found = ok("go", "%s; this program was built with %s", g.Command, g.Built)
	}
	m := goVersion.FindStringSubmatch(g.Command)
	if m == nil { // a development version names a commit
		return found.but(Warn, "this is no release: if the build fails, take Go 1.26 from https://go.dev/dl")
	}
	switch minor, _ := strconv.Atoi(m[1]); {
	case minor < 21:
		return found.but(Fail, "too old to build this module: install Go 1.26 or newer (https://go.dev/dl)")
	case minor < 26:
		return found.but(Warn, "older than go.mod's 1.26: the first build fetches 1.26, unless GOTOOLCHAIN=local forbids it")
	}
	return found
}

// judgeCores wants two: with one, whatever takes the core for long delays heartbeats.
func judgeCores(c Cores) Finding {
	found := ok("cores", "%d", c.Usable)
	if c.Usable != c.Machine {
		found = ok("cores", "%d of the machine's %d", c.Usable, c.Machine)
	}
	if c.Usable < 2 {
		return found.but(Warn, "fine for reading; for measurements and clusters give it 2 or more")
	}
	return found
}

// judgeMemory knows that the default size limit of the database is 2 GiB, and that the
// database is mapped.
func judgeMemory(m Memory) Finding {
	if m.Error != "" {
		return ok("memory", "not known: %s", m.Error).but(Warn, "see that there are 2 GiB or more")
	}
	found := ok("memory", "%s", size(m.Bytes))
	if m.Bytes < 2*gib {
		return found.but(Warn, "keep the database small (--quota-backend-bytes %d) or give it 2 GiB or more: the database is mapped into memory", m.Bytes/2/mib*mib)
	}
	return found
}

// judgeSpace counts a database at its default limit of 2 GiB, its copy in a snapshot that
// is sent or made, and five log segments of 64 MB. Below a quarter of a GiB not even the
// first segments and an empty database are safe.
func judgeSpace(d Disk) Finding {
	if d.SpaceError != "" {
		return ok("space", "not known: %s", d.SpaceError).but(Warn, "see that there are 5 GiB or more where the data will lie (-dir)")
	}
	found := ok("space", "%s free in %s", size(d.FreeBytes), d.Dir)
	switch {
	case d.FreeBytes < gib/4:
		return found.but(Fail, "too little for the first log segments: make room, or measure another place with -dir")
	case d.FreeBytes < 5*gib:
		return found.but(Warn, "enough to learn with; a full database with its snapshot takes 5 GiB: watch it, or lower --quota-backend-bytes")
	}
	return found
}

// judgeFiles: etcd keeps 150 files for itself, and each connection is another one.
func judgeFiles(f Files) Finding {
	switch {
	case f.Error != "":
		return ok("files", "limit not known: %s", f.Error).but(Warn, "see that a process may open 1024 files or more")
	case f.Limit == 0:
		return ok("files", "no limit on open files")
	case f.Limit < 256:
		return ok("files", "%d may be open", f.Limit).but(Fail, "the server itself needs 150: raise the limit (ulimit -n 65536)")
	case f.Limit < 1024:
		return ok("files", "%d may be open", f.Limit).but(Warn, "each client connection takes one: raise the limit (ulimit -n 65536) before many clients come")
	}
	return ok("files", "%d may be open", f.Limit)
}

func judgePort(p Port) Finding {
	name, use := fmt.Sprintf("port %d", p.Number), "clients"
	if p.Number == 2380 {
		use = "peers"
	}
	switch {
	case p.Error == "":
		return ok(name, "free, for %s", use)
	case p.Answer != "":
		return ok(name, "an etcd %s is running here", p.Answer).
			but(Warn, "use it, stop it, or start the other one on other ports (--listen-client-urls, --advertise-client-urls, --listen-peer-urls)")
	default:
		return ok(name, "%s", p.Error).
			but(Warn, "find out who has it (ss -ltnp, lsof -i :%[1]d, netstat -ano), or listen elsewhere (--listen-client-urls, --advertise-client-urls, --listen-peer-urls)", p.Number)
	}
}

// judgeClock looks at the two clocks for what each is used for. Ticks and leases count
// monotonic time, so a wall clock that steps harms neither; certificates and the eyes of
// whoever reads logs depend on the wall clock.
func judgeClock(c Clock, p Plan) Finding {
	found := ok("clock", "steps of %v; wall clock and monotonic clock agree over %v", c.Resolution, c.Watched.Round(time.Millisecond))
	switch {
	case c.Backwards > 0:
		return ok("clock", "the monotonic clock went backwards %d times in %v", c.Backwards, c.Watched.Round(time.Millisecond)).
			but(Fail, "timeouts and leases cannot be trusted: look at the clock source of the machine or its hypervisor")
	case c.Resolution > p.Heartbeat/10:
		return ok("clock", "steps of %v", c.Resolution).
			but(Warn, "coarse beside a heartbeat of %v: ticks will come unevenly; look at the timer settings of the machine", p.Heartbeat)
	case c.WallStep.Abs() > 10*time.Millisecond:
		return ok("clock", "the wall clock stepped by %v within %v", c.WallStep.Round(time.Millisecond), c.Watched.Round(time.Millisecond)).
			but(Warn, "leases and elections do not mind; let one NTP client slew the clock, for certificates and logs")
	case c.Now.Year() < 2025:
		return ok("clock", "it says %s", c.Now.Format(time.DateOnly)).
			but(Warn, "set the clock: TLS would refuse certificates that are not valid yet")
	case c.Unsynchronised:
		return found.but(Warn, "the system says nobody sets this clock: on machines of a cluster run an NTP client (chrony, systemd-timesyncd)")
	}
	return found
}

// size is a number of bytes for people.
func size(bytes uint64) string {
	if bytes < gib {
		return fmt.Sprintf("%d MiB", bytes/mib)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/gib)
}
