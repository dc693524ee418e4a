package e2e

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/model/compare"
)

var (
	modelSeed      = flag.Uint64("model.seed", 1, "first seed of the histories that are compared with the model")
	modelHistories = flag.Int("model.histories", 4, "how many histories are compared with the model")
	modelSteps     = flag.Int("model.steps", 400, "steps of a history")
)

// TestModelAgreesWithDebian judges the oracle: what the model says is what etcd does.
func TestModelAgreesWithDebian(t *testing.T) {
	compareWithModel(t, reference(t), compare.Options{Rows: rows34, Skip: endsIn34})
}

// TestServerAgreesWithModel: and so does this server, without a known difference.
func TestServerAgreesWithModel(t *testing.T) {
	compareWithModel(t, ours(t), compare.Options{})
}

func compareWithModel(t *testing.T, binary string, o compare.Options) {
	t.Parallel()
	o.Expiry, o.MinTTL, o.Patience = true, 1, 10*time.Second
	var total compare.Report
	for i := range *modelHistories {
		seed := *modelSeed + uint64(i)
		steps := compare.History(seed, *modelSteps)
		report, diverged := runHistory(t, binary, steps, o)
		total.Add(report)
		if diverged == nil {
			continue
		}
		steps, diverged = compare.Shrink(steps, diverged, 40, func(steps []compare.Step) *compare.Divergence {
			_, d := runHistory(t, binary, steps, o)
			return d
		})
		t.Fatalf("%s and the model part after %d steps of seed %d:\n%s\nreplay: go test ./final/e2e -run '^%s$' -model.seed=%d -model.histories=1 -model.steps=%d",
			binary, len(steps), seed, diverged, t.Name(), seed, *modelSteps)
	}
	t.Logf("%s: %d histories, %d requests, %d watches, %d events; known differences: %v",
		binary, *modelHistories, total.Requests, total.Watches, total.Events, total.Rows)
	require.Greater(t, total.Requests, *modelHistories**modelSteps/10, "too little was compared")
}

// runHistory runs one history on a server of its own.
func runHistory(t *testing.T, binary string, steps []compare.Step, o compare.Options) (compare.Report, *compare.Divergence) {
	t.Helper()
	s, err := NewServer(binary, t.TempDir(), Options{})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Start())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	target, err := newTarget(ctx, s.Conn)
	require.NoError(t, err)
	report, diverged, err := compare.Run(target, steps, o)
	require.NoError(t, err, fmt.Sprintf("log of %s:\n%s", binary, s.Log()))
	return report, diverged
}
