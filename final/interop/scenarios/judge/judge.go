// Package judge is the test of the programs beside it: this project's server and Debian's
// etcd play all scenarios, and the official client has to see the same.
package judge

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/final/interop/scenarios"
	"insideetcd/final/interop/scenarios/server"
)

// requireReference in the environment turns a skip into a failure.
const requireReference = "INSIDEETCD_REQUIRE_REFERENCE"

var update = flag.Bool("update", false, "write what Debian's etcd answers into the folder of transcripts; then read what has changed")

// Ours plays all scenarios on this project's server, built from the source around.
func Ours(t *testing.T) {
	binary, err := server.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	play(t, binary, sameAsExpected)
}

// Reference plays them on Debian's etcd: the transcripts are its own.
func Reference(t *testing.T) {
	binary, err := reference()
	if err != nil && os.Getenv(requireReference) == "" {
		t.Skipf("NOT COMPARED: %v. To compare: apt-get install etcd-server", err)
	}
	require.NoError(t, err, "%s is set", requireReference)
	judgment := sameAsExpected
	if *update {
		judgment = written
	}
	play(t, binary, judgment)
}

func reference() (string, error) {
	binary, err := exec.LookPath("etcd")
	if err != nil {
		return "", err
	}
	out, err := exec.Command(binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", binary, err)
	}
	if first, _, _ := strings.Cut(string(out), "\n"); !strings.Contains(first, "Version: 3.4.") {
		return "", fmt.Errorf("%s is %q, not 3.4", binary, first)
	}
	return binary, nil
}

// play runs one server for all scenarios, one after the other: each counts revisions
// from its own begin.
func play(t *testing.T, binary string, judgment func(*testing.T, scenarios.Scenario, string)) {
	p, err := server.Start(binary, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", binary, p.Log())
		}
		p.Kill()
	})
	for _, sc := range scenarios.All() {
		t.Run(sc.Name, func(t *testing.T) {
			got, err := sc.Play(context.Background(), scenarios.Server{Endpoint: p.Endpoint, Restart: p.Restart})
			require.NoError(t, err, "%s\n%s", sc.Proves, got)
			judgment(t, sc, got)
		})
	}
}

func sameAsExpected(t *testing.T, sc scenarios.Scenario, got string) {
	if want := sc.Expected(); got != want {
		t.Errorf("%s (%s): not what a client sees of etcd 3.4\n%s\nto play it alone: go run . -server build %s",
			sc.Name, sc.Proves, scenarios.Compare(want, got), sc.Name)
	}
}

func written(t *testing.T, sc scenarios.Scenario, got string) {
	root, err := server.Root()
	require.NoError(t, err)
	path := filepath.Join(root, "final", "interop", "scenarios", "transcripts", sc.Name+".txt")
	require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
}
