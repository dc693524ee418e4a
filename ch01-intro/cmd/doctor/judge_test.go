package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var defaults = Plan{Heartbeat: 100 * time.Millisecond, Election: time.Second}

// verdict is a row of a table: a finding, its level, and words that its advice must have,
// or what it found if there is no advice.
type verdict struct {
	name  string
	got   Finding
	level Level
	words string
}

func requireVerdicts(t *testing.T, rows []verdict) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.level, row.got.Level, "%+v", row.got)
			require.Equal(t, row.level == OK, row.got.Next == "", "advice exactly where something is wrong: %+v", row.got)
			require.Contains(t, row.got.Found+" → "+row.got.Next, row.words)
			require.NotContains(t, row.got.Found+row.got.Next, "%!", "a format string and its arguments agree")
		})
	}
}

func TestTheMachine(t *testing.T) {
	goCommand := func(version string) Finding { return judgeGo(Go{Built: "go1.26.8", Command: version}) }
	requireVerdicts(t, []verdict{
		{"Go as go.mod asks", goCommand("go1.26.0"), OK, "go1.26.0"},
		{"Go from the future", goCommand("go1.31"), OK, "go1.31; this program was built with go1.26.8"},
		{"Go that fetches a newer one", goCommand("go1.21rc2"), Warn, "GOTOOLCHAIN"},
		{"Go just before 1.26", goCommand("go1.25.9"), Warn, "GOTOOLCHAIN"},
		{"Go that cannot", goCommand("go1.20.14"), Fail, "too old"},
		{"Go between releases", goCommand("devel +abc123"), Warn, "no release"},
		{"no Go", judgeGo(Go{Built: "go1.26.8", Error: "not found"}), Warn, "install Go"},

		{"two cores", judgeCores(Cores{2, 2}), OK, "2"},
		{"a container's share", judgeCores(Cores{64, 3}), OK, "3 of the machine's 64"},
		{"one core", judgeCores(Cores{8, 1}), Warn, "2 or more"},

		{"enough memory", judgeMemory(Memory{Bytes: 2 * gib}), OK, "2.0 GiB"},
		{"a small machine", judgeMemory(Memory{Bytes: gib}), Warn, "--quota-backend-bytes 536870912"},
		{"unknown memory", judgeMemory(Memory{Error: "who knows"}), Warn, "2 GiB"},

		{"much space", judgeSpace(Disk{FreeBytes: 5 * gib}), OK, "5.0 GiB"},
		{"some space", judgeSpace(Disk{FreeBytes: 5*gib - 1}), Warn, "enough to learn"},
		{"no space", judgeSpace(Disk{FreeBytes: gib/4 - 1}), Fail, "make room"},
		{"unknown space", judgeSpace(Disk{SpaceError: "no such directory"}), Warn, "5 GiB"},

		{"many files", judgeFiles(Files{Limit: 1024}), OK, "1024"},
		{"no limit", judgeFiles(Files{}), OK, "no limit"},
		{"macOS at first", judgeFiles(Files{Limit: 256}), Warn, "ulimit"},
		{"hardly any", judgeFiles(Files{Limit: 255}), Fail, "150"},
		{"unknown limit", judgeFiles(Files{Error: "who knows"}), Warn, "1024"},

		{"a free port", judgePort(Port{Number: 2379}), OK, "for clients"},
		{"the other free port", judgePort(Port{Number: 2380}), OK, "for peers"},
		{"an etcd is there", judgePort(Port{2379, "in use", "3.4.23"}), Warn, "an etcd 3.4.23 is running here"},
		{"something is there", judgePort(Port{2380, "in use", ""}), Warn, "lsof -i :2380"},
	})
}

func TestTheClock(t *testing.T) {
	good := Clock{Resolution: 50, Watched: time.Second, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	with := func(change func(*Clock)) Finding {
		c := good
		change(&c)
		return judgeClock(c, defaults)
	}
	requireVerdicts(t, []verdict{
		{"fine", judgeClock(good, defaults), OK, "agree over 1s"},
		{"monotonic time goes back", with(func(c *Clock) { c.Backwards = 1 }), Fail, "clock source"},
		{"coarse, as Windows can be", with(func(c *Clock) { c.Resolution = 15 * time.Millisecond }), Warn, "coarse"},
		{"a step ahead", with(func(c *Clock) { c.WallStep = 11 * time.Millisecond }), Warn, "stepped by 11ms"},
		{"a step back", with(func(c *Clock) { c.WallStep = -time.Hour }), Warn, "stepped by -1h"},
		{"slewed, not stepped", with(func(c *Clock) { c.WallStep = 10 * time.Millisecond }), OK, "agree"},
		{"an empty battery", with(func(c *Clock) { c.Now = time.Unix(0, 0) }), Warn, "certificates"},
		{"nobody sets it", with(func(c *Clock) { c.Unsynchronised = true }), Warn, "NTP"},
	})
}

func TestTheDisk(t *testing.T) {
	disk := func(kind string, p50, p99 time.Duration) Finding {
		return judgeDisk(Disk{FileSystem: kind, Syncs: Syncs{Count: 200, P50: p50, P99: p99, Max: 2 * p99}})
	}
	requireVerdicts(t, []verdict{
		{"an SSD", disk("ext4", 300*time.Microsecond, 2*time.Millisecond), OK, "p50 0.300 ms, p99 2 ms, longest 4 ms (ext4)"},
		{"a spinning disk", disk("", 8*time.Millisecond, 25*time.Millisecond), Warn, "SSD"},
		{"memory", disk("tmpfs", time.Microsecond, time.Microsecond), Warn, "lies in memory"},
		{"somebody else's disk", disk("nfs", time.Millisecond, time.Millisecond), Warn, "local"},
		{"a lie", disk("ext4", 19*time.Microsecond, time.Millisecond), Warn, "too fast to be true"},
		{"nothing writable", judgeDisk(Disk{SyncError: "permission denied"}), Fail, "writable"},
	})
}

// The rules of judgeTimeouts, each at its border.
func TestTheTimeouts(t *testing.T) {
	const ms = time.Millisecond
	fast := Syncs{Count: 200, P50: ms / 2, P99: ms, Max: 2 * ms}
	slow := func(p99, longest time.Duration) Syncs { return Syncs{Count: 200, P50: p99 / 2, P99: p99, Max: longest} }
	plan := func(heartbeat, election, roundTrip time.Duration) Plan { return Plan{heartbeat, election, roundTrip} }
	requireVerdicts(t, []verdict{
		{"defaults on an SSD", judgeTimeouts(defaults, fast), OK, "100 and 1000 times the disk's p99"},
		{"nothing was measured", judgeTimeouts(defaults, Syncs{}), OK, "election 1000 ms"},

		{"rule 1: at the border", judgeTimeouts(plan(100*ms, 500*ms, 0), fast), OK, ""},
		{"rule 1: below it", judgeTimeouts(plan(100*ms, 499*ms, 0), fast), Fail, "refuses"},
		{"rule 1: the longest", judgeTimeouts(plan(100*ms, 50000*ms, 0), fast), OK, ""},
		{"rule 1: longer", judgeTimeouts(plan(100*ms, 50001*ms, 0), fast), Fail, "refuses"},
		{"rule 1: no heartbeat", judgeTimeouts(plan(0, 1000*ms, 0), fast), Fail, "refuses"},

		{"rule 2: at the border", judgeTimeouts(plan(100*ms, 1000*ms, 100*ms), fast), OK, "round trip 100 ms"},
		{"rule 2: election too short", judgeTimeouts(plan(100*ms, 990*ms, 100*ms), fast), Warn, "--heartbeat-interval 100 --election-timeout 1000 would do"},
		{"rule 2: another continent", judgeTimeouts(plan(100*ms, 5000*ms, 300*ms), fast), Warn, "--heartbeat-interval 300 --election-timeout 3000 would do"},
		{"rule 2: the moon and back", judgeTimeouts(plan(100*ms, 1000*ms, 5200*ms), fast), Warn, "no timeouts would do"},

		{"rule 3: at the border", judgeTimeouts(defaults, slow(99*ms, 99*ms)), OK, ""},
		{"rule 3: heartbeats are held up", judgeTimeouts(defaults, slow(100*ms, 100*ms)), Warn, "--heartbeat-interval 200 --election-timeout 2000"},
		{"rule 3: leaders change", judgeTimeouts(defaults, slow(1000*ms, 1000*ms)), Fail, "--heartbeat-interval 2000 --election-timeout 20000"},
		{"rule 3: once in a while", judgeTimeouts(defaults, slow(20*ms, 1000*ms)), Warn, "more -syncs"},
	})
}

// What doctor suggests, doctor finds well: for round trips and disks of all kinds.
func TestASuggestionIsGood(t *testing.T) {
	for _, roundTrip := range []time.Duration{0, time.Millisecond, 99, 101 * time.Millisecond, 333 * time.Millisecond, 5 * time.Second} {
		for _, sync := range []time.Duration{1, time.Millisecond, 51 * time.Millisecond, 99 * time.Millisecond, 2 * time.Second} {
			plan, syncs := Plan{RoundTrip: roundTrip}, Syncs{Count: 100, P99: sync, Max: sync}
			var heartbeat, election int
			_, err := fmt.Sscanf(suggest(plan, syncs), "--heartbeat-interval %d --election-timeout %d", &heartbeat, &election)
			require.NoError(t, err)
			plan.Heartbeat, plan.Election = time.Duration(heartbeat)*time.Millisecond, time.Duration(election)*time.Millisecond
			require.Equal(t, OK, judgeTimeouts(plan, syncs).Level, "round trip %v, sync %v: %+v", roundTrip, sync, plan)
		}
	}
}

func TestTheEnvironment(t *testing.T) {
	env := func(names ...string) Finding { return judgeEnv(names) }
	requireVerdicts(t, []verdict{
		{"nothing", env(), OK, "no ETCD_ variables"},
		{"known ones", env("ETCD_DATA_DIR", "ETCD_NAME", "ETCD_UNSUPPORTED_ARCH"), OK, "ETCD_DATA_DIR, ETCD_NAME"},
		{"a letter missing", env("ETCD_LISTEN_CLIENT_URL"), Warn, "meant: ETCD_LISTEN_CLIENT_URLS?"},
		{"letters swapped", env("ETCD_DATA_DRI"), Warn, "meant: ETCD_DATA_DIR?"},
		{"a link of Docker", env("ETCD_PORT_2379_TCP_ADDR"), Warn, "belongs to no flag of etcd;"},
		{"from a later etcd", env("ETCD_FEATURE_GATES"), Warn, "came with etcd 3.6"},
		{"from an earlier etcd", env("ETCD_CA_FILE"), Warn, "went away after etcd 3.3"},
		{"a file beside variables", env("ETCD_CONFIG_FILE", "ETCD_NAME"), Warn, "ignore all the others"},
		{"a file alone", env("ETCD_CONFIG_FILE"), OK, "ETCD_CONFIG_FILE"},
	})
}

// Every flag of the etcd that is installed here is known, and to this version.
func TestTheVariablesAreThoseOfEtcd(t *testing.T) {
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("Debian's etcd is missing: apt-get install etcd-server")
	}
	help, err := exec.Command(etcd, "--help").CombinedOutput()
	require.NoError(t, err)
	flags := regexp.MustCompile(`(?m)^ *--([a-z0-9-]+)`).FindAllStringSubmatch(string(help), -1)
	require.Greater(t, len(flags), 60, "the help text was understood: %s", help)
	for _, m := range flags {
		life, known := knownVariables[variable(m[1])]
		require.True(t, known, "--%s is in etcd-flags.txt", m[1])
		require.True(t, life.first <= supported && supported <= life.last, "--%s: %+v", m[1], life)
	}
}

func TestTyposAreCounted(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abd", 1}, {"kitten", "sitting", 3}} {
		require.Equal(t, c.want, typos(c.a, c.b), "%q and %q", c.a, c.b)
	}
}
