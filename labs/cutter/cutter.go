// Package cutter makes starters out of reference code.
//
// No marker stands in the reference. The cutter finds functions by name, takes their whole
// bodies out, never parts of them, and leaves everything else as it is: doc comments,
// signatures, the rest of the file. What it leaves is formatted and compiles: an emptied
// function panics with the ID of the task that it belongs to, and imports that became
// unused are gone.
//
// The same knife grafts: it puts another solution's functions into the reference.
package cutter

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// edit replaces the bytes from offset begin to offset end.
type edit struct {
	begin, end int
	text       string
}

// Empty returns the Go file src with the bodies of the named functions replaced by a panic
// that says message. Methods are named with their receiver: "Server.onRequestVote".
func Empty(src []byte, functions []string, message string) ([]byte, error) {
	f, err := parse(src)
	if err != nil {
		return nil, err
	}
	body := "{\n\tpanic(" + strconv.Quote(message) + ")\n}"
	var edits []edit
	for _, name := range functions {
		d, err := f.function(name)
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit{f.offset(d.Body.Lbrace), f.offset(d.Body.Rbrace) + 1, body})
	}
	return f.finish(edits)
}

// Graft returns src with the named functions, and their doc comments, as they stand in
// donor. Other top-level declarations of the donor come along at the end of the file. Its
// imports do not: a donor uses what src imports.
func Graft(src, donor []byte, functions []string) ([]byte, error) {
	f, err := parse(src)
	if err != nil {
		return nil, err
	}
	from, err := parse(donor)
	if err != nil {
		return nil, err
	}
	var edits []edit
	for _, name := range functions {
		old, err := f.function(name)
		if err != nil {
			return nil, err
		}
		new, err := from.function(name)
		if err != nil {
			return nil, fmt.Errorf("the other solution: %w", err)
		}
		begin, end := from.span(new)
		oldBegin, oldEnd := f.span(old)
		edits = append(edits, edit{oldBegin, oldEnd, string(donor[begin:end])})
	}
	for _, d := range from.ast.Decls {
		if isImport(d) || slices.Contains(functions, nameOf(d)) {
			continue
		}
		begin, end := from.span(d)
		edits = append(edits, edit{len(src), len(src), "\n" + string(donor[begin:end]) + "\n"})
	}
	return f.finish(edits)
}

// Text returns a function as it stands in src, with its doc comment.
func Text(src []byte, function string) (string, error) {
	f, err := parse(src)
	if err != nil {
		return "", err
	}
	d, err := f.function(function)
	if err != nil {
		return "", err
	}
	begin, end := f.span(d)
	return string(src[begin:end]), nil
}

// Functions returns the names of all functions of a Go file, in its order.
func Functions(src []byte) ([]string, error) {
	f, err := parse(src)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range f.ast.Decls {
		if name := nameOf(d); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// BodyLines returns how many lines the body of a function has, without its braces.
func BodyLines(src []byte, function string) (int, error) {
	f, err := parse(src)
	if err != nil {
		return 0, err
	}
	d, err := f.function(function)
	if err != nil {
		return 0, err
	}
	return f.set.Position(d.Body.Rbrace).Line - f.set.Position(d.Body.Lbrace).Line - 1, nil
}

// Imports returns the paths that a Go file imports.
func Imports(src []byte) ([]string, error) {
	f, err := parse(src)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, spec := range f.ast.Imports {
		paths = append(paths, importPath(spec))
	}
	return paths, nil
}

// file is a parsed Go file.
type file struct {
	src []byte
	set *token.FileSet
	ast *ast.File
}

func parse(src []byte) (*file, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "", src, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("cutter: %w", err)
	}
	return &file{src: src, set: set, ast: tree}, nil
}

func (f *file) offset(p token.Pos) int { return f.set.Position(p).Offset }

// function finds a function with a body.
func (f *file) function(name string) (*ast.FuncDecl, error) {
	for _, d := range f.ast.Decls {
		if nameOf(d) == name && d.(*ast.FuncDecl).Body != nil {
			return d.(*ast.FuncDecl), nil
		}
	}
	return nil, fmt.Errorf("cutter: there is no function %s", name)
}

// span is where a declaration begins, with its doc comment, and ends.
func (f *file) span(d ast.Decl) (begin, end int) {
	begin = f.offset(d.Pos())
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil {
			begin = f.offset(d.Doc.Pos())
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			begin = f.offset(d.Doc.Pos())
		}
	}
	return begin, f.offset(d.End())
}

func isImport(d ast.Decl) bool {
	g, ok := d.(*ast.GenDecl)
	return ok && g.Tok == token.IMPORT
}

// nameOf is Name or Receiver.Name of a function, "" for other declarations.
func nameOf(d ast.Decl) string {
	fn, ok := d.(*ast.FuncDecl)
	if !ok {
		return ""
	}
	if fn.Recv == nil {
		return fn.Name.Name
	}
	return receiver(fn.Recv.List[0].Type) + "." + fn.Name.Name
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

// finish makes the edits, drops the imports that only the old text used, and formats.
func (f *file) finish(edits []edit) ([]byte, error) {
	edited, err := parse(apply(f.src, edits))
	if err != nil {
		return nil, err
	}
	clean, err := format.Source(apply(edited.src, edited.dropUnused(f)))
	if err != nil {
		return nil, fmt.Errorf("cutter: %w", err)
	}
	return clean, nil
}

// apply makes edits that do not overlap; those at the same place stay in their order.
func apply(src []byte, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.begin - b.begin })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, src[at:e.begin]...), e.text...)
		at = e.end
	}
	return append(out, src[at:]...)
}

// dropUnused returns the edits that remove imports which before used and f does not.
func (f *file) dropUnused(before *file) (edits []edit) {
	used, usedBefore := f.free(), before.free()
	for _, d := range f.ast.Decls {
		if !isImport(d) {
			continue
		}
		g := d.(*ast.GenDecl)
		var gone []edit
		for _, s := range g.Specs {
			spec := s.(*ast.ImportSpec)
			if name := localName(spec, usedBefore); name != "" && !used[name] {
				gone = append(gone, f.lines(spec))
			}
		}
		if len(gone) == len(g.Specs) && len(gone) > 0 {
			begin, end := f.span(g)
			gone = []edit{{begin, end, ""}}
		}
		edits = append(edits, gone...)
	}
	return edits
}

// lines is the edit that removes an import with its comments.
func (f *file) lines(spec *ast.ImportSpec) edit {
	begin, end := spec.Pos(), spec.End()
	if spec.Doc != nil {
		begin = spec.Doc.Pos()
	}
	if spec.Comment != nil {
		end = spec.Comment.End()
	}
	return edit{f.offset(begin), f.offset(end), ""}
}

// free are the names that the file uses and does not declare in a scope of its own:
// imports, and what other files of the package declare.
func (f *file) free() map[string]bool {
	names := map[string]bool{}
	for _, ident := range f.ast.Unresolved {
		names[ident.Name] = true
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser has read it
	return p
}

// localName guesses how the file calls an import; "" if it does not use it under a name
// that could be it, and then the import stays.
func localName(spec *ast.ImportSpec, used map[string]bool) string {
	if spec.Name != nil {
		if spec.Name.Name == "_" || spec.Name.Name == "." {
			return ""
		}
		return spec.Name.Name
	}
	p := importPath(spec)
	base := path.Base(p)
	candidates := []string{base, strings.TrimPrefix(base, "go-"), strings.TrimSuffix(base, "-go")}
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		candidates = append(candidates, path.Base(path.Dir(p)))
	}
	for _, name := range candidates {
		if used[name] {
			return name
		}
	}
	return ""
}
