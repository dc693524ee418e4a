// Package bugs keeps planted bugs: faults that a learner would make, or that etcd has had
// (`R4`, `S7`, … are rows of the list of them), each as one replacement in the reference,
// with the test that has to catch it. They prove that the tests can fail.
//
// A bug counts as caught if its test, which passes on the reference, fails on it twice in
// the same way, by an assertion that names the rule. A bug that does not compile, or that
// hangs, proves nothing.
package bugs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Bug is one planted bug, as the files ch*.json hold it.
type Bug struct {
	ID      string `json:"id"`      // unique, e.g. "ch06-tombstone-dropped"
	Package string `json:"package"` // folder from the module's root, e.g. "ch06-storage/mvcc"
	File    string `json:"file"`    // in that folder
	Find    string `json:"find"`    // stands in the file exactly once
	Replace string `json:"replace"`

	// CaughtBy is the test that fails: its name, or "folder.Name" if it is of another
	// package, e.g. "ch02-raft/paperengine.TestSeeds". Subtests with slashes.
	CaughtBy string `json:"caught_by"`
	// Flags are handed to the test, e.g. "-seeds=200".
	Flags []string `json:"flags,omitempty"`

	// Rule is what the bug breaks. The failure has to name it: it holds the words up to
	// the first colon, e.g. of "S7: a watch from the compact revision sees its deletion".
	Rule  string `json:"rule"`
	Story string `json:"story"` // who made this mistake, or why it is tempting
}

// Test splits CaughtBy into the folder of the package and the name of the test.
func (b Bug) Test() (folder, name string) {
	path, subtest, _ := strings.Cut(b.CaughtBy, ".")
	if subtest == "" {
		return b.Package, b.CaughtBy
	}
	return path, subtest
}

// Name is what the failure has to say: the rule's words up to the first colon.
func (b Bug) Name() string {
	name, _, _ := strings.Cut(b.Rule, ":")
	return strings.TrimSpace(name)
}

//go:embed ch*.json
var files embed.FS

// All returns every planted bug, by chapter, in the order of the files.
func All() ([]Bug, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("bugs: %w", err)
	}
	var all []Bug
	for _, entry := range entries { // sorted by name
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("bugs: %w", err)
		}
		var list []Bug
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&list); err != nil {
			return nil, fmt.Errorf("bugs: %s: %w", entry.Name(), err)
		}
		all = append(all, list...)
	}
	return all, check(all)
}

// check finds what a reader of the files would stumble on.
func check(all []Bug) error {
	seen := map[string]bool{}
	for _, b := range all {
		for what, text := range map[string]string{"id": b.ID, "package": b.Package, "file": b.File, "find": b.Find,
			"caught_by": b.CaughtBy, "rule": b.Rule, "story": b.Story} {
			if text == "" {
				return fmt.Errorf("bugs: %q has no %s", b.ID, what)
			}
		}
		if seen[b.ID] {
			return fmt.Errorf("bugs: two are called %q", b.ID)
		}
		if b.Find == b.Replace {
			return fmt.Errorf("bugs: %q changes nothing", b.ID)
		}
		seen[b.ID] = true
	}
	return nil
}

// Select returns the bugs of those IDs; an ID may end in * for all that begin so.
func Select(all []Bug, ids []string) ([]Bug, error) {
	if len(ids) == 0 {
		return all, nil
	}
	var selected []Bug
	for _, id := range ids {
		begin, prefix := strings.CutSuffix(id, "*")
		n := len(selected)
		for _, b := range all {
			if b.ID == id || prefix && strings.HasPrefix(b.ID, begin) {
				selected = append(selected, b)
			}
		}
		if len(selected) == n {
			return nil, fmt.Errorf("no planted bug is called %q; `go run ./labs bugs -list` names them", id)
		}
	}
	return selected, nil
}

// Sample returns n bugs that the text by, say a commit's hash, chooses: each text its own
// ones, the same text always the same.
func Sample(all []Bug, n int, by string) []Bug {
	weight := func(b Bug) []byte {
		sum := sha256.Sum256([]byte(by + "\x00" + b.ID))
		return sum[:]
	}
	sample := slices.Clone(all)
	slices.SortFunc(sample, func(a, b Bug) int { return bytes.Compare(weight(a), weight(b)) })
	return sample[:min(n, len(sample))]
}
