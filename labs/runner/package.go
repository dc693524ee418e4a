package runner

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"insideetcd/labs/overlay"
)

// testPackage is the name of the package that the first test file of a folder declares.
func testPackage(o *overlay.Overlay, pkg string) (string, error) {
	folder := filepath.Join(o.Root, filepath.FromSlash(pkg))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", fmt.Errorf("runner: %w", err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, entry.Name()), nil, parser.PackageClauseOnly)
		if err != nil {
			return "", fmt.Errorf("runner: %w", err)
		}
		return file.Name.Name, nil
	}
	return "", fmt.Errorf("runner: ./%s has no tests", pkg)
}
