package wiretest

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Recorded reads a file of bytes that a real server wrote: lines of a kind and the bytes
// in hex, # begins a comment. It returns the bytes by kind, in the order of the file.
func Recorded(t testing.TB, path string) map[string][][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	recorded := map[string][][]byte{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		kind, digits, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(digits)
		require.NoError(t, err, line)
		recorded[kind] = append(recorded[kind], b)
	}
	return recorded
}
