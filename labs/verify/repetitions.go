package verify

import (
	"context"
	"fmt"
	"time"

	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"
)

// repetitions runs all tests of the lab again and again, in other orders each time.
func (v Verifier) repetitions(ctx context.Context) (string, error) {
	times, limit := 2, 30*time.Second
	if v.Effort == Everything {
		times, limit = 200, 15*time.Minute
	}
	runs := 0
	for _, race := range []bool{false, true} {
		if race && v.Effort != Everything {
			continue // another build of everything
		}
		binary, err := runner.Build(ctx, overlay.New(v.Root), v.Lab.Folder, runner.Options{Race: race})
		if err != nil {
			return "", refusal(err)
		}
		defer binary.Close()
		for _, threads := range []int{1, 8} {
			status, output, err := binary.Repeat(ctx, times, threads, limit)
			if err != nil {
				return "", err
			}
			if status != runner.Passed {
				return "", fmt.Errorf("%d times on %d threads, race detector %t: %s\n%s", times, threads, race, status, output)
			}
			runs += times
		}
	}
	return fmt.Sprintf("%d runs of all tests, under the race detector too: %t", runs, v.Effort == Everything), nil
}
