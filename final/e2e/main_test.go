package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	// The programs under test are built by these tests; linked in here as well,
	// what they are made of makes the go command run them again when it changed.
	_ "insideetcd/ch08-client/clientv3"
	_ "insideetcd/final/embed"
)

var (
	etcdctlFlag     = flag.String("etcdctl", "", "judge this client binary instead of building final/cmd/etcdctl")
	serverFlag      = flag.String("server", "", "judge this server binary instead of building final/cmd/etcd")
	showTranscripts = flag.Bool("transcripts", false, "show what the reference answers (with -v)")
	killRounds      = flag.Int("kill.rounds", 3, "how often the crash test kills the server")
	killSeed        = flag.Uint64("kill.seed", 1, "draws the moments of the crash test's kills")
)

// requireReference in the environment turns skips into failures (CI sets it).
const requireReference = "INSIDEETCD_REQUIRE_REFERENCE"

var buildDir string // where ours is built, once for all tests

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "insideetcd-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "no place for the server binary:", err)
		os.Exit(1)
	}
	buildDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// ours returns the binary of this project's server.
func ours(t *testing.T) string {
	t.Helper()
	binary, err := buildOurs()
	require.NoError(t, err)
	return binary
}

var buildOurs = sync.OnceValues(func() (string, error) { return build("etcd", *serverFlag) })

var buildOurCtl = sync.OnceValues(func() (string, error) { return build("etcdctl", *etcdctlFlag) })

// build makes final/cmd/NAME, unless there is a binary already.
func build(name, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	// A look at the sources: the go command notes what a test reads, and runs it
	// again when that has changed.
	source := filepath.Join("..", "cmd", name)
	if _, err := os.ReadDir(source); err != nil {
		return "", err
	}
	binary := filepath.Join(buildDir, name)
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", binary, "insideetcd/final/cmd/"+name).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build final/cmd/%s: %w\n%s", name, err, out)
	}
	return binary, nil
}

// bothSides are Debian's programs and ours.
func bothSides(t *testing.T) Programs {
	t.Helper()
	debian, own := reference(t), ours(t)
	debianCtl, err := exec.LookPath("etcdctl")
	require.NoError(t, err)
	ownCtl, err := buildOurCtl()
	require.NoError(t, err)
	return Programs{Etcd: [2]string{debian, own}, Etcdctl: [2]string{debianCtl, ownCtl}}
}

// reference returns the binary of Debian's etcd 3.4; without it the test is
// skipped, or fails where the environment requires it.
func reference(t *testing.T) string {
	t.Helper()
	binary, err := findReference()
	if err == nil {
		return binary
	}
	if os.Getenv(requireReference) != "" {
		t.Fatalf("%s is set, but %v", requireReference, err)
	}
	t.Skipf("NOT COMPARED: %v. To compare: apt-get install etcd-server etcd-client curl", err)
	return ""
}

var findReference = sync.OnceValues(func() (string, error) {
	for _, program := range []string{"etcd", "etcdctl", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", err
		}
	}
	for _, command := range [][]string{{"etcd", "--version"}, {"etcdctl", "version"}} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		if first, _, _ := strings.Cut(string(out), "\n"); !strings.Contains(strings.ToLower(first), "version: 3.4.") {
			return "", fmt.Errorf("%s is %q, not 3.4", command[0], first)
		}
	}
	return exec.LookPath("etcd")
})

// start runs a server until the test ends and prints its log if it fails.
func start(t *testing.T, binary string, o Options) *Server {
	t.Helper()
	s, err := NewServer(binary, t.TempDir(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", binary, s.Log())
		}
		s.Close()
	})
	require.NoError(t, s.Start())
	return s
}
