package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// spot is a line of a file.
type spot struct {
	file string // its name, without folder
	line int    // from 1
}

// source is one package: its files by lines, and where its functions begin and end.
type source struct {
	files     []string // in the order of their names
	lines     map[string][]string
	functions map[string]span // by name, as raft.handleAppend
}

type span struct {
	file        string
	first, last int
}

// load reads the files of a package, without its tests.
func load(dir string) (*source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{lines: map[string][]string{}, functions: map[string]span{}}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := s.add(filepath.Base(name), text); err != nil {
			return nil, err
		}
	}
	if len(s.files) == 0 {
		return nil, fmt.Errorf("there is no Go in %s: is -root the top of the project?", dir)
	}
	return s, nil
}

func (s *source) add(name string, text []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s.files = append(s.files, name)
	s.lines[name] = strings.Split(string(text), "\n")
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			s.functions[functionName(f)] = span{name, set.Position(f.Pos()).Line, set.Position(f.End()).Line}
		}
	}
	return nil
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + f.Name.Name
	}
	return f.Name.Name
}

// find returns the only line of a function that contains code, or its first line.
func (s *source) find(p place) (found spot, err error) {
	f, ok := s.functions[p.function]
	if !ok {
		return spot{}, fmt.Errorf("there is no function %s any more: where is the rule now? (places.go)", p.function)
	}
	if p.code == "" {
		return spot{f.file, f.first}, nil
	}
	for n := f.first; n <= f.last; n++ {
		if !strings.Contains(s.lines[f.file][n-1], p.code) {
			continue
		}
		if found.line > 0 {
			return spot{}, fmt.Errorf("%s says %q twice: name more of the line (places.go)", p.function, p.code)
		}
		found = spot{f.file, n}
	}
	if found.line == 0 {
		return spot{}, fmt.Errorf("%s does not say %q any more: where is the rule now? (places.go)", p.function, p.code)
	}
	return found, nil
}

// uses returns the lines that mention an identifier, in all files but one.
func (s *source) uses(identifier, except string) (spots []spot) {
	word := regexp.MustCompile(`\b` + identifier + `\b`)
	for _, name := range s.files {
		for i, line := range s.lines[name] {
			if name != except && word.MatchString(line) {
				spots = append(spots, spot{name, i + 1})
			}
		}
	}
	return spots
}

// constants returns the identifier of each rule by its name, from the table in rules.go.
func (s *source) constants() map[string]string {
	entry := regexp.MustCompile(`^\s*(Rule\w+):\s*\{"([^"]+)"`)
	byName := map[string]string{}
	for _, line := range s.lines["rules.go"] {
		if m := entry.FindStringSubmatch(line); m != nil {
			byName[m[2]] = m[1]
		}
	}
	return byName
}
