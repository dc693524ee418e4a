package compactor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestPolicies: what 3.4.23 does with the same texts stands in the comments where it
// differs.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		name, mode, retention string
		want                  Policy
		refused               string // part of the reason
	}{
		{"hours", "periodic", "8", Policy{Period: 8 * time.Hour}, ""},
		{"a duration", "periodic", "1h30m", Policy{Period: 90 * time.Minute}, ""},
		{"a fraction needs a unit", "periodic", "1.5", Policy{}, "missing unit"},
		{"revisions", "revision", "1000", Policy{Revisions: 1000}, ""},
		{"off", "periodic", "0", Policy{}, ""},
		{"off", "revision", "0", Policy{}, ""},
		{"off", "periodic", "0s", Policy{}, ""},
		{"off", "revision", "0s", Policy{}, ""},
		{"nothing given", "periodic", "", Policy{}, ""},
		{"no mode, nothing to do", "", "0", Policy{}, ""},
		{"no mode", "", "1h", Policy{}, "needs an auto-compaction-mode"}, // off, or fails to start
		{"no mode", "", "1", Policy{}, "needs an auto-compaction-mode"},
		{"an unknown mode", "weekly", "1", Policy{}, `unknown auto-compaction-mode "weekly"`},
		{"an unknown mode, off", "weekly", "0", Policy{}, `unknown auto-compaction-mode "weekly"`},
		{"no number", "periodic", "x", Policy{}, `invalid duration "x"`},
		{"a negative number", "periodic", "-1", Policy{}, "missing unit"},
		{"a negative number", "revision", "-5", Policy{}, "missing unit"},
		{"a negative duration", "periodic", "-1h", Policy{}, "negative"},              // compacts without a pause
		{"a duration as a number", "revision", "1h", Policy{}, "number of revisions"}, // keeps 3,600,000,000,000
		{"as many hours as fit", "periodic", "2562047", Policy{Period: 2562047 * time.Hour}, ""},
		{"more hours than fit", "periodic", "2562048", Policy{}, "maximum is 2562047"}, // compacts without a pause
		{"more than an int64", "periodic", "99999999999999999999999", Policy{}, "invalid duration"},
	} {
		got, err := ParsePolicy(c.mode, c.retention)
		what := c.name + ": mode " + c.mode + ", retention " + c.retention
		require.Equal(t, c.want, got, what)
		if c.refused == "" {
			require.NoError(t, err, what)
			continue
		}
		require.ErrorContains(t, err, c.refused, what)
		require.False(t, strings.Contains(err.Error(), "\n"), "%s: one line", what)
	}
}

func TestAPolicyTellsWhatItKeeps(t *testing.T) {
	require.Equal(t, "keep 1h30m0s", Policy{Period: 90 * time.Minute}.String())
	require.Equal(t, "keep 5 revisions", Policy{Revisions: 5}.String())
	require.Equal(t, "off", Policy{}.String())
}
