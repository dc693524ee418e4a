package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEqualsDebiansEtcdctlWithoutServer compares what both programs say when nobody
// listens: after the time for a command, the same words and status. (3.4's `lease
// timetolive` and `lease list` wait for ever; ours keep to the time.)
func TestEqualsDebiansEtcdctlWithoutServer(t *testing.T) {
	needDebian(t)
	ours := buildOurs(t)
	nobody := freeAddress(t)
	// gRPC's own words differ from version to version.
	inner := regexp.MustCompile(`"error":"rpc error: code = DeadlineExceeded.*"`)
	tell := func(binary, command string) string {
		args := append([]string{"--endpoints", nobody, "--command-timeout", "300ms"}, splitWords(command)...)
		cmd := exec.Command(binary, args...)
		cmd.Env = []string{"ETCDCTL_API=3"}
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Run()
		return inner.ReplaceAllString(mask(out.String(), ""), "E") + cmd.ProcessState.String()
	}
	for _, command := range []string{
		"get a", "put a b", "del a", "member list", "alarm list", "alarm disarm", "compaction 3", "lease grant 5",
		"lease revoke 1", "lease keep-alive 1", "endpoint status", "endpoint status -w json",
		"endpoint health", "endpoint health -w json", "endpoint hashkv", "endpoint status --cluster", "defrag", "defrag --cluster",
		"--endpoints= get a", "--endpoints https://" + nobody + " get a", "--insecure-transport=false get a",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tell(debianCtl, command), tell(ours, command))
		})
	}
}
