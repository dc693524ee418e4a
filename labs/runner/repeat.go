package runner

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Repeat runs all tests so many times in one process, shuffled, on so many threads. Tests
// that look at testing.Short do less.
func (b *Binary) Repeat(ctx context.Context, times, threads int, limit time.Duration) (Status, string, error) {
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	output := &limitedBuffer{limit: 1 << 20, full: cancel}
	cmd := exec.CommandContext(inner, b.path, "-test.short", "-test.shuffle=on", fmt.Sprintf("-test.count=%d", times),
		fmt.Sprintf("-test.timeout=%s", limit))
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.folder, output, output
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", threads))
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case inner.Err() != nil:
		return TimedOut, output.kept.String(), nil
	case err != nil:
		return Failed, output.kept.String(), nil
	}
	return Passed, output.kept.String(), nil
}
