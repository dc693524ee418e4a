package overlay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOverlay(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "a"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a", "x.go"), []byte("one two two"), 0o644))
	o := New(root)
	arguments, err := o.Write(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, arguments, "nothing is laid over")

	require.ErrorContains(t, o.Replace("a/x.go", "two", "2"), "stands there 2 times, not once")
	require.ErrorContains(t, o.Replace("a/x.go", "three", "3"), "stands there 0 times")
	require.Error(t, o.Replace("a/y.go", "one", "1"))
	require.NoError(t, o.Replace("a/x.go", "one", "1"))
	copied := o.Clone()
	require.NoError(t, copied.Replace("a/x.go", "1 two", "1 2"), "a second change is made on top of the first")
	seen, err := o.Read("a/x.go")
	require.NoError(t, err)
	require.Equal(t, "1 two two", string(seen), "a clone is its own")

	dir := t.TempDir()
	arguments, err = copied.Write(dir)
	require.NoError(t, err)
	require.Equal(t, "-overlay", arguments[0])
	text, err := os.ReadFile(arguments[1])
	require.NoError(t, err)
	var list struct{ Replace map[string]string }
	require.NoError(t, json.Unmarshal(text, &list))
	content, err := os.ReadFile(list.Replace[filepath.Join(root, "a", "x.go")])
	require.NoError(t, err)
	require.Equal(t, "1 2 two", string(content))
	onDisk, err := os.ReadFile(filepath.Join(root, "a", "x.go"))
	require.NoError(t, err)
	require.Equal(t, "one two two", string(onDisk))
}
