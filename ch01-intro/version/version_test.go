package version

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersShownToOthersFitTogether(t *testing.T) {
	compatible, cluster, lowest := MustParse(Compatible), MustParse(Cluster), MustParse(MinCluster)
	require.Equal(t, "3.4", compatible.MajorMinor())
	require.Equal(t, compatible.MajorMinor(), cluster.MajorMinor(), "the cluster version is this server's minor")
	require.Zero(t, cluster.Patch, "a cluster version has no patch")
	require.True(t, lowest.Less(cluster))
	_, err := Parse(Own)
	require.NoError(t, err)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Version{
		"3.4.45":         {3, 4, 45},
		"3.4.0":          {3, 4, 0},
		"3.6.0-alpha.0":  {3, 6, 0},
		"3.5.21+git":     {3, 5, 21},
		"3.7.0-rc.1+abc": {3, 7, 0},
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseRefusesAndSaysWhatItWants(t *testing.T) {
	for _, text := range []string{"", "3", "3.4", "3.4.", "3.4.5.6", "a.b.c", "-1.0.0", "3.+4.0", "3.4.99999999999", "not_decided"} {
		_, err := Parse(text)
		require.ErrorContains(t, err, "MAJOR.MINOR.PATCH", "%q", text)
		require.ErrorContains(t, err, text)
	}
	require.Panics(t, func() { MustParse("3") })
}

func TestLessOrdersByNumberNotByText(t *testing.T) {
	sorted := []Version{{2, 9, 9}, {3, 0, 0}, {3, 4, 9}, {3, 4, 10}, {3, 5, 0}, {3, 10, 0}, {4, 0, 0}}
	for i, a := range sorted {
		require.Equal(t, i, slices.IndexFunc(sorted, func(b Version) bool { return !b.Less(a) }), "%v", a)
	}
}

func TestTextComesBack(t *testing.T) {
	v := Version{3, 4, 45}
	require.Equal(t, "3.4.45", v.String())
	require.Equal(t, "3.4", v.MajorMinor())
	require.Equal(t, v, MustParse(v.String()))
}
