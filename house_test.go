// Package house_test keeps the rules of the house, those that a compiler does not keep:
// which room may use which, and that the guides to the rooms name what is there.
package house_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "insideetcd"

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath   string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// TestImportsPointDownThePage: a reader may begin with any chapter, because it uses only
// earlier ones, in libraries, commands and tests alike.
func TestImportsPointDownThePage(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} { // files differ by system
		packages := listPackages(t, system)
		require.NotEmpty(t, packages)
		require.Empty(t, violations(packages), "built for %s", system)
	}
}

func listPackages(t *testing.T, system string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports,TestImports,XTestImports", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); err == io.EOF {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
}

// violations returns one line for each import that breaks a rule.
func violations(packages []goPackage) (lines []string) {
	for _, p := range packages {
		// A command assembles, so only the order of chapters binds it; so does a test.
		library := p.Name != "main"
		for _, imported := range p.Imports {
			lines = append(lines, violation(p.ImportPath, imported, library)...)
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			lines = append(lines, violation(p.ImportPath, imported, false)...)
		}
	}
	return lines
}

func violation(importer, imported string, library bool) []string {
	from, to := room(importer), room(imported)
	broken := func(rule string) []string {
		return []string{fmt.Sprintf("%s imports %s: %s", importer, imported, rule)}
	}
	switch {
	case to == "" || to == from: // not of this module, or of the same room
		return nil
	case from == "":
		return broken("the top level holds tests only, which run commands")
	case to == "final" || to == "labs":
		return broken("nothing imports " + to)
	case from == "final" || from == "labs":
		return nil
	case to > from:
		return broken("imports point down the page, to earlier chapters")
	case from == "ch06" && to != "ch01":
		return broken("the storage knows no raft: ch06 uses ch01 only")
	case library && to == "ch03" && !allowedOfRaft(from, imported):
		return broken("libraries of ch04 and ch05 use raft's messages only")
	}
	return nil
}

// allowedOfRaft says what a library may use of ch03: ch04 and ch05 only the messages,
// and ch04 raft's small types besides, like the status it reports of a snapshot.
func allowedOfRaft(from, imported string) bool {
	switch from {
	case "ch04":
		return strings.HasSuffix(imported, "/raftpb") || strings.HasSuffix(imported, "/raft")
	case "ch05":
		return strings.HasSuffix(imported, "/raftpb")
	default:
		return true
	}
}

var roomName = regexp.MustCompile(`^` + module + `/(ch\d\d|final|labs)(-[^/]*)?(/|$)`)

// room is the chapter of an import path as ch01 … ch08, or final, or labs; "" is none.
func room(path string) string {
	if m := roomName.FindStringSubmatch(path); m != nil {
		return m[1]
	}
	return ""
}

// Each rule is broken once: a rule that cannot be broken keeps nothing.
func TestTheImportRuleCanFail(t *testing.T) {
	for _, c := range []struct {
		name     string
		importer goPackage
		want     string // part of the only line; "" = allowed
	}{
		{"a chapter uses an earlier one", goPackage{ImportPath: "insideetcd/ch07-server/apply",
			Imports: []string{"insideetcd/ch06-storage/mvcc", "insideetcd/ch03-etcdraft/raft", "fmt"}}, ""},
		{"a chapter uses a later one", goPackage{ImportPath: "insideetcd/ch03-etcdraft/raft",
			Imports: []string{"insideetcd/ch05-wal-snap/wal"}}, "point down the page"},
		{"in a test", goPackage{ImportPath: "insideetcd/ch03-etcdraft/raft",
			TestImports: []string{"insideetcd/ch05-wal-snap/wal"}}, "point down the page"},
		{"in a test from outside", goPackage{ImportPath: "insideetcd/ch03-etcdraft/raft",
			XTestImports: []string{"insideetcd/ch05-wal-snap/wal"}}, "point down the page"},
		{"in a command", goPackage{ImportPath: "insideetcd/ch03-etcdraft/cmd/sim", Name: "main",
			Imports: []string{"insideetcd/ch04-rafthttp/memnet"}}, "point down the page"},
		{"a chapter uses final", goPackage{ImportPath: "insideetcd/ch08-client/serve",
			Imports: []string{"insideetcd/final/embed"}}, "nothing imports final"},
		{"final uses labs", goPackage{ImportPath: "insideetcd/final/embed",
			Imports: []string{"insideetcd/labs/bugs"}}, "nothing imports labs"},
		{"final uses itself and all chapters", goPackage{ImportPath: "insideetcd/final/cmd/etcd", Name: "main",
			Imports: []string{"insideetcd/final/embed", "insideetcd/ch08-client/serve"}}, ""},
		{"storage uses the log", goPackage{ImportPath: "insideetcd/ch06-storage/backend",
			Imports: []string{"insideetcd/ch05-wal-snap/fileutil"}}, "ch06 uses ch01 only"},
		{"storage uses raft's messages", goPackage{ImportPath: "insideetcd/ch06-storage/mvcc",
			TestImports: []string{"insideetcd/ch03-etcdraft/raftpb"}}, "ch06 uses ch01 only"},
		{"the log uses raft's messages", goPackage{ImportPath: "insideetcd/ch05-wal-snap/wal",
			Imports: []string{"insideetcd/ch03-etcdraft/raftpb"}}, ""},
		{"the log uses raft", goPackage{ImportPath: "insideetcd/ch05-wal-snap/wal",
			Imports: []string{"insideetcd/ch03-etcdraft/raft"}}, "raft's messages only"},
		{"a command of that chapter does", goPackage{ImportPath: "insideetcd/ch05-wal-snap/cmd/raftexample", Name: "main",
			Imports: []string{"insideetcd/ch03-etcdraft/raft"}}, ""},
		{"the transport uses raft's small types", goPackage{ImportPath: "insideetcd/ch04-rafthttp/rafthttp",
			Imports: []string{"insideetcd/ch03-etcdraft/raft"}}, ""},
		{"the transport uses raft's tracker", goPackage{ImportPath: "insideetcd/ch04-rafthttp/rafthttp",
			Imports: []string{"insideetcd/ch03-etcdraft/tracker"}}, "raft's messages only"},
		{"the top level uses a chapter", goPackage{ImportPath: "insideetcd",
			XTestImports: []string{"insideetcd/ch01-intro/ids"}}, "tests only"},
	} {
		got := violations([]goPackage{c.importer})
		if c.want == "" {
			require.Empty(t, got, c.name)
			continue
		}
		require.Len(t, got, 1, c.name)
		require.Contains(t, got[0], c.want, c.name)
	}
}
