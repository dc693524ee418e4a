// Package house finds the tree of this module that a command was started in.
package house

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const moduleLine = "module insideetcd\n"

// Find returns the root of the module around dir.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("labs: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && strings.HasPrefix(strings.ReplaceAll(string(text), "\r\n", "\n"), moduleLine) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("labs: %s is not within the insideetcd module: go to your clone of it, or to a workspace made by `go run ./labs start`", dir)
		}
	}
}
