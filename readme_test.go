package house_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestREADMEsNameWhatExists reads every README of the house.
//
//   - A file between backticks that ends in .go, or a folder that ends in /, exists: seen
//     from the README's folder, or from the top.
//   - In a table with a column "file" and a column "symbol", each row names at least one
//     file or folder between backticks, and each symbol between backticks is declared in
//     one of them: `Name`, or `Type.Name` for a method or field. A section of the book
//     that has no code here says – in the file column.
//   - A chapter's README has such a table.
func TestREADMEsNameWhatExists(t *testing.T) {
	for _, pattern := range []string{"README.md", "*/README.md"} {
		readmes, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, readme := range readmes {
			text, err := os.ReadFile(readme)
			require.NoError(t, err)
			require.Empty(t, misnamed(".", filepath.Dir(readme), string(text)), readme)
		}
	}
}

var (
	quoted     = regexp.MustCompile("`([^`]+)`")
	codeFence  = regexp.MustCompile("(?ms)^```.*?^```")
	looksLocal = regexp.MustCompile(`^[\w][\w./-]*(\.go|/)$`)
)

// misnamed returns one line for each name in a README that does not hold. The house is
// at top, the README in the folder dir below it.
func misnamed(top, dir, text string) (lines []string) {
	text = codeFence.ReplaceAllString(text, "")
	for _, name := range quotedIn(text) {
		if looksLocal.MatchString(name) && find(top, dir, name) == "" {
			lines = append(lines, fmt.Sprintf("no file %s", name))
		}
	}
	tables := 0
	var columns map[string]int
	for line := range strings.Lines(text) {
		cells := tableCells(line)
		switch {
		case cells == nil:
			columns = nil
		case columns == nil:
			columns = header(cells)
			if isGuide(columns) {
				tables++
			}
		case isGuide(columns) && !strings.HasPrefix(cells[0], "--") && !strings.HasPrefix(cells[0], ":--"):
			lines = append(lines, misnamedInRow(top, dir, columns, cells)...)
		}
	}
	if tables == 0 && strings.HasPrefix(dir, "ch") {
		lines = append(lines, "no table with the columns file and symbol")
	}
	return lines
}

func misnamedInRow(top, dir string, columns map[string]int, cells []string) (lines []string) {
	if len(cells) != len(columns) {
		return []string{fmt.Sprintf("row %q: %d cells under %d columns", cells[0], len(cells), len(columns))}
	}
	files, symbols := quotedIn(cells[columns["file"]]), quotedIn(cells[columns["symbol"]])
	if len(files) == 0 {
		if cells[columns["file"]] == "–" && len(symbols) == 0 {
			return nil
		}
		return []string{fmt.Sprintf("row %q: names no file", cells[0])}
	}
	declared := map[string]bool{}
	for _, name := range files {
		path := find(top, dir, name)
		if path == "" {
			lines = append(lines, fmt.Sprintf("row %q: no file %s", cells[0], name))
			continue
		}
		if err := declarations(path, declared); err != nil {
			lines = append(lines, fmt.Sprintf("row %q: %v", cells[0], err))
		}
	}
	for _, symbol := range symbols {
		if !declared[strings.TrimSuffix(symbol, "()")] {
			lines = append(lines, fmt.Sprintf("row %q: %s declares no %s", cells[0], strings.Join(files, ", "), symbol))
		}
	}
	return lines
}

func quotedIn(text string) (names []string) {
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

func tableCells(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") || len(line) < 2 {
		return nil
	}
	cells := strings.Split(line[1:len(line)-1], "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func header(cells []string) map[string]int {
	columns := map[string]int{}
	for i, c := range cells {
		columns[strings.ToLower(c)] = i
	}
	return columns
}

func isGuide(columns map[string]int) bool {
	_, file := columns["file"]
	_, symbol := columns["symbol"]
	return file && symbol
}

// find returns the path of a file or folder that a README in dir names, or "".
func find(top, dir, name string) string {
	for _, path := range []string{filepath.Join(top, dir, name), filepath.Join(top, name)} {
		if info, err := os.Stat(path); err == nil && (info.IsDir() || !strings.HasSuffix(name, "/")) {
			return path
		}
	}
	return ""
}

// declarations adds what the Go file, or the folder of Go files, declares: Name,
// Type.Method, Type.Field.
func declarations(path string, declared map[string]bool) error {
	paths := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(path, "*.go")); err != nil {
			return err
		}
	}
	for _, path := range paths {
		if filepath.Ext(path) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			declare(d, declared)
		}
	}
	return nil
}

func declare(d ast.Decl, declared map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d.Recv.List[0].Type) + "." + name
		}
		declared[name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					declared[name.Name] = true
				}
			case *ast.TypeSpec:
				declared[spec.Name.Name] = true
				for _, name := range membersOf(spec.Type) {
					declared[spec.Name.Name+"."+name] = true
				}
			}
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func membersOf(e ast.Expr) (names []string) {
	var fields *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		fields = e.Fields
	case *ast.InterfaceType:
		fields = e.Methods
	default:
		return nil
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// Each promise of a README is broken once.
func TestTheREADMERuleCanFail(t *testing.T) {
	top := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(top, "ch03-x", "raft"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(top, "ch03-x", "raft", "log.go"), []byte(`package raft
type Log[T any] struct { committed, applied uint64 }
type Storage interface { Term(i uint64) uint64 }
const First, Second = 1, 2
var ErrGap error
func (l *Log[T]) Append() {}
func Open() {}
`), 0o644))
	const table = "| 原題 | file | symbol |\n|---|---|---|\n"
	for _, c := range []struct{ name, text, want string }{
		{"all is there", table +
			"| 3.1 | `raft/log.go` | `Log`, `Log.Append`, `Log.applied` and `Storage.Term` |\n" +
			"| 3.2 | `raft/` | `Open()`, `First`, `Second`, `ErrGap` |\n" +
			"| 3.3 | `ch03-x/raft/log.go` | |\n| 3.4 | – | |\nRead `raft/log.go`, run `go run ./ch03-x`.\n", ""},
		{"a file is gone", table + "| 3.1 | `raft/node.go` | `Log` |\n", "no file raft/node.go"},
		{"a symbol is gone", table + "| 3.1 | `raft/log.go` | `Node` |\n", "declares no Node"},
		{"a method is gone", table + "| 3.1 | `raft/log.go` | `Log.Cut` |\n", "declares no Log.Cut"},
		{"a row names nothing", table + "| 3.1 | later | |\n", "names no file"},
		{"a row without code has a symbol", table + "| 3.1 | – | `Log` |\n", "names no file"},
		{"a cell too many", table + "| 3.1 | `raft/log.go` | `Log` | x |\n", "4 cells under 3 columns"},
		{"a file in the text is gone", table + "\nStart with `raft/node.go`.\n", "no file raft/node.go"},
		{"a folder in the text is gone", table + "\nStart with `quorum/`.\n", "no file quorum/"},
		{"a file is no folder", table + "\nStart with `raft/log.go/`.\n", "no file raft/log.go/"},
		{"no table", "# Chapter 3\n", "no table"},
		{"a table in a code block is none", "```\n" + table + "```\n", "no table"},
	} {
		got := misnamed(top, "ch03-x", c.text)
		if c.want == "" {
			require.Empty(t, got, c.name)
			continue
		}
		require.NotEmpty(t, got, c.name)
		require.Contains(t, got[0], c.want, c.name)
	}
}
