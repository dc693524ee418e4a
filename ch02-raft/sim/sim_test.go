package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToyPasses(t *testing.T) {
	var total Stats
	for seed := range uint64(300) {
		r, err := Run(toy{}, Draw("toy", 5, seed))
		require.NoError(t, err)
		if r.Failure != nil {
			t.Fatalf("seed %d: %v", seed, r.Failure)
		}
		total.Add(r.Stats)
	}
	t.Logf("%+v", total)
}
