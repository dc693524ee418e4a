package ids

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextIsShortLowerCaseHex(t *testing.T) {
	for text, id := range map[string]ID{
		"0":                0,
		"a":                10,
		"8e9e05c52164694d": 0x8e9e05c52164694d, // the member that etcd starts as by default
		"ffffffffffffffff": math.MaxUint64,
	} {
		require.Equal(t, text, id.String())
		parsed, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, id, parsed)
	}
}

func TestParseTakesUpperCaseAndZeros(t *testing.T) {
	id, err := Parse("00Ab")
	require.NoError(t, err)
	require.Equal(t, ID(0xab), id)
}

func TestParseRefusesWhatIsNoID(t *testing.T) {
	for _, text := range []string{"", "xyz", "0x1", "-1", " 1", "10000000000000000"} {
		_, err := Parse(text)
		require.ErrorContains(t, err, "hexadecimal", "%q", text)
	}
}
