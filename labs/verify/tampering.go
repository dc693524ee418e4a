package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"insideetcd/labs/cutter"
	"insideetcd/labs/lab"
	"insideetcd/labs/runner"
)

// A tamperer changes a fresh workspace so that it looks solved, or does harm.
type tamperer struct {
	name   string
	tamper func(v Verifier, dir string) error
}

// tamperers is the set that must score 0. Those that change the learner's file do so in
// front of it or in the emptied functions.
var tamperers = []tamperer{
	{"edited tests", editTests},
	{"os.Exit(0)", inFront(`"os"`, `func init() { os.Exit(0) }`)},
	{"os.Exit(0) when asked to work", inBodies(`"os"`, `os.Exit(0)`)},
	{"syscall.Exit(0) when asked to work", inBodies(`"syscall"`, `syscall.Exit(0)`)},
	{"fake output", inFront(`"fmt"; "os"`, fakePass+`func init() { fakePass(); os.Exit(0) }`)},
	{"fake output, and the tests go on", inFront(`"fmt"; "os"`, fakePass+`func init() { fakePass() }`)},
	{"endless loop", inBodies(``, `for { }`)},
	{"deadlock", inBodies(``, `select { }`)},
	{"huge output", inBodies(`"fmt"`, `for { fmt.Println("a line of a very long story about nothing at all") }`)},
	{"goroutine that logs fatal", inFront(`"log"`, `func init() { go log.Fatal("out of here") }`)},
	{"goroutine that ends the process", inFront(`"os"`, `func init() { go os.Exit(0) }`)},
	{"a goroutine that ends early", inBodies(`"runtime"`, `runtime.Goexit()`)},
}

// fakePass prints what a passed test prints, frames and all.
const fakePass = `
func fakePass() {
	for _, argument := range os.Args {
		if len(argument) > 12 && argument[:10] == "-test.run=" {
			name := argument[11 : len(argument)-1]
			fmt.Printf("\x16=== RUN   %s\n\x16--- PASS: %s (0.00s)\n\x16PASS\n", name, name)
			fmt.Printf("=== RUN   %s\n--- PASS: %s (0.00s)\nPASS\n", name, name)
		}
	}
}

`

// tampering grades each tampered workspace. What the check of imports refuses is graded a
// second time without it, so that the walls behind it are looked at too.
func (v Verifier) tampering(ctx context.Context) (string, error) {
	tricks := tamperers
	if v.Effort == Slice {
		tricks = slices.DeleteFunc(slices.Clone(tricks), func(t tamperer) bool { return t.name != "fake output" })
	}
	for _, t := range tricks {
		dir, err := v.workspace()
		if err != nil {
			return "", err
		}
		if err := t.tamper(v, dir); err != nil {
			return "", fmt.Errorf("%s: %w", t.name, err)
		}
		for _, trusting := range []bool{false, true} {
			refused, err := v.scoresNothing(ctx, dir, trusting)
			if err != nil {
				return "", fmt.Errorf("%s (imports checked: %t): %w", t.name, !trusting, err)
			}
			if !refused {
				break
			}
		}
	}
	return fmt.Sprintf("%d tricks, 0 points each", len(tricks)), nil
}

// scoresNothing grades one folder, and tells whether its code was refused unseen.
func (v Verifier) scoresNothing(ctx context.Context, dir string, trusting bool) (refused bool, err error) {
	g := v.grader()
	g.Lab = v.sample()
	g.Trusting, g.Limits = trusting, runner.Limits{Time: 2 * time.Second}
	r, err := g.Grade(ctx, v.submission(dir))
	if err != nil {
		return false, err
	}
	for _, i := range r.Items {
		if i.Points != 0 {
			return false, fmt.Errorf("%s %s gives %d points", i.Number, i.Name, i.Points)
		}
		if strings.Contains(i.Output, "does not compile") {
			return false, fmt.Errorf("the trick proves nothing: %s", i.Output)
		}
		refused = refused || i.Status == "refused"
	}
	return refused, nil
}

// sample is codeOnly with one test for each task and one seed, unless everything is asked
// for.
func (v Verifier) sample() lab.Lab {
	l := v.codeOnly()
	if v.Effort == Everything {
		return l
	}
	l.Hidden.Seeds = 1
	l.Tasks = append([]lab.Task{}, l.Tasks...)
	for i := range l.Tasks {
		l.Tasks[i].Tests = l.Tasks[i].Tests[:1]
	}
	return l
}

// editTests makes every test of the lab's folder pass.
func editTests(v Verifier, dir string) error {
	tests, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(v.Lab.Folder), "*_test.go"))
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("package election\n\nimport \"testing\"\n\n")
	for _, p := range tests {
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, m := range regexp.MustCompile(`func (Test\w+)\(`).FindAllSubmatch(src, -1) {
			fmt.Fprintf(&b, "func %s(*testing.T) {}\n", m[1])
		}
		if err := os.Remove(p); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, filepath.FromSlash(v.Lab.Folder), "edited_test.go"), []byte(b.String()), 0o644)
}

// inFront adds declarations to the learner's first file.
func inFront(imports, declarations string) func(Verifier, string) error {
	return func(v Verifier, dir string) error {
		return v.rewrite(dir, imports, func(src string, first bool) string {
			if first {
				return src + "\n" + declarations + "\n"
			}
			return src
		})
	}
}

// inBodies puts statements in the place of what is still to be written.
func inBodies(imports, statements string) func(Verifier, string) error {
	todo := regexp.MustCompile(`panic\("` + regexp.QuoteMeta(runner.TodoMark) + `[^"]*"\)`)
	return func(v Verifier, dir string) error {
		return v.rewrite(dir, imports, func(src string, _ bool) string {
			return todo.ReplaceAllLiteralString(src, statements+"\npanic(nil)")
		})
	}
}

// rewrite changes the learner's files. Imports go behind the package clause, to the first
// file only; a function that does not need one keeps it used.
func (v Verifier) rewrite(dir, imports string, change func(src string, first bool) string) error {
	files, err := v.Lab.Files(v.Root)
	if err != nil {
		return err
	}
	for i, f := range files {
		p := filepath.Join(dir, filepath.FromSlash(f.Path))
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		src := change(string(text), i == 0)
		if imports != "" && src != string(text) {
			clause := regexp.MustCompile(`(?m)^package \w+$`).FindString(src)
			missing, err := notImported(text, strings.Split(imports, "; "))
			if err != nil {
				return err
			}
			src = strings.Replace(src, clause, clause+"\n\nimport ("+strings.Join(missing, "\n")+")", 1)
		}
		if err := os.WriteFile(p, []byte(src), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// notImported leaves out the quoted paths that a file imports already.
func notImported(src []byte, quoted []string) (missing []string, err error) {
	has, err := cutter.Imports(src)
	if err != nil {
		return nil, err
	}
	for _, q := range quoted {
		if !slices.Contains(has, strings.Trim(q, `"`)) {
			missing = append(missing, q)
		}
	}
	return missing, nil
}
