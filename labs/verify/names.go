package verify

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"insideetcd/labs/bugs"
)

var (
	quoted    = regexp.MustCompile("`([^`\n]+)`")
	anyPath   = regexp.MustCompile(`\b(?:ch\d\d-\w+|labs|final)/[\w./-]*\w`)
	member    = regexp.MustCompile(`\bs\.(\w+(?:\.\w+)?)`)
	labsRun   = regexp.MustCompile(`go run \./labs(?: (\w+))?`)
	testNamed = regexp.MustCompile(`\bTest[A-Z]\w*`)
)

// Commands are the words that may follow `go run ./labs`; the program sets them.
var Commands []string

// names resolves what the lab's texts name.
func (v Verifier) names(context.Context) (string, error) {
	readme, err := os.ReadFile(filepath.Join(v.Root, filepath.FromSlash(v.Lab.Folder), "README.md"))
	if err != nil {
		return "", fmt.Errorf("verify: %w", err)
	}
	known, err := v.declared()
	if err != nil {
		return "", err
	}
	var missing []string
	check := func(where, text string) int {
		missing = append(missing, v.unknown(known, where, text)...)
		return len(anyPath.FindAllString(text, -1)) + len(member.FindAllString(text, -1)) + len(labsRun.FindAllString(text, -1))
	}
	n := check("README.md", string(readme))
	all, err := bugs.All()
	if err != nil {
		return "", err
	}
	for _, t := range v.Lab.Tasks {
		if len(t.Hints) != 3 {
			missing = append(missing, fmt.Sprintf("task %s has %d hints, not three", t.ID, len(t.Hints)))
		}
		for _, hint := range append(t.Hints, t.Reading) {
			n += check("task "+t.ID, hint)
		}
		if !strings.Contains(string(readme), t.ID) {
			missing = append(missing, "README.md does not speak of task "+t.ID)
		}
		for _, test := range t.Tests {
			n += check("task "+t.ID, test.Name)
		}
		if _, err := bugs.Select(all, t.Bugs); err != nil {
			missing = append(missing, err.Error())
		}
	}
	check("lab.json", strings.Join([]string{v.Lab.Hidden.Test, v.Lab.Mutants.Test, v.Lab.Questions.Test}, " "))
	if len(missing) > 0 {
		return "", fmt.Errorf("%s", strings.Join(missing, "\n"))
	}
	return fmt.Sprintf("%d names", n), nil
}

// unknown returns what a text names and nothing declares.
func (v Verifier) unknown(known map[string]bool, where, text string) (missing []string) {
	for _, p := range anyPath.FindAllString(text, -1) {
		if _, err := os.Stat(filepath.Join(v.Root, filepath.FromSlash(p))); err != nil {
			missing = append(missing, fmt.Sprintf("%s: there is no %s", where, p))
		}
	}
	for _, m := range member.FindAllStringSubmatch(text, -1) {
		for _, name := range strings.Split(m[1], ".") {
			if !known[name] {
				missing = append(missing, fmt.Sprintf("%s: nothing declares %s of %s", where, name, m[0]))
			}
		}
	}
	for _, m := range labsRun.FindAllStringSubmatch(text, -1) {
		if m[1] != "" && !contains(Commands, m[1]) {
			missing = append(missing, fmt.Sprintf("%s: there is no command %s", where, m[0]))
		}
	}
	for _, name := range testNamed.FindAllString(text, -1) {
		if !known[name] {
			missing = append(missing, fmt.Sprintf("%s: there is no test %s", where, name))
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		if token.IsIdentifier(m[1]) && token.IsExported(m[1]) && !known[m[1]] {
			missing = append(missing, fmt.Sprintf("%s: nothing declares %s", where, m[1]))
		}
	}
	return missing
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// declared are all names of the packages that the lab cuts in and of its own: functions,
// methods, types, fields, values.
func (v Verifier) declared() (map[string]bool, error) {
	names := map[string]bool{}
	for _, p := range v.packages() {
		files, err := filepath.Glob(filepath.Join(v.Root, filepath.FromSlash(p), "*.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("verify: %w", err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					names[n.Name.Name] = true
				case *ast.TypeSpec:
					names[n.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range n.Names {
						names[id.Name] = true
					}
				case *ast.Field:
					for _, id := range n.Names {
						names[id.Name] = true
					}
					if id, ok := n.Type.(*ast.Ident); ok && len(n.Names) == 0 {
						names[id.Name] = true // embedded
					}
				}
				return true
			})
		}
	}
	return names, nil
}
