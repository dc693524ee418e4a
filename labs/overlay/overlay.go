// Package overlay lays files over the house without copying it.
//
// `go build -overlay FILE` and its sisters read a JSON list of replacements and compile as
// if they lay in the tree. One mechanism so serves many uses: a starter, a learner's files
// over the reference, the grader's own tests over edited ones, and a planted bug.
package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Overlay is a set of files that are seen instead of those of the tree at Root, or beside
// them when the tree has none of that name. The zero set is the tree itself.
type Overlay struct {
	Root  string            // absolute
	files map[string][]byte // by path from Root, with slashes
}

// New returns the empty overlay of the tree at root.
func New(root string) *Overlay {
	return &Overlay{Root: root, files: map[string][]byte{}}
}

// Put lays content over the file at path, which is seen from the root, with slashes.
func (o *Overlay) Put(path string, content []byte) { o.files[path] = content }

// Read returns what a build sees at path.
func (o *Overlay) Read(path string) ([]byte, error) {
	if content, ok := o.files[path]; ok {
		return content, nil
	}
	return os.ReadFile(filepath.Join(o.Root, filepath.FromSlash(path)))
}

// Clone returns a copy that further files can be put into.
func (o *Overlay) Clone() *Overlay {
	c := New(o.Root)
	for path, content := range o.files {
		c.files[path] = content
	}
	return c
}

// Replace lays the file at path over itself with one place changed: find has to stand in
// it exactly once, so that a change of the file which moves the place is noticed.
func (o *Overlay) Replace(path, find, replace string) error {
	content, err := o.Read(path)
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	if n := strings.Count(string(content), find); find == "" || n != 1 {
		return fmt.Errorf("overlay: %s: the text to replace stands there %d times, not once: %q", path, n, find)
	}
	o.Put(path, []byte(strings.Replace(string(content), find, replace, 1)))
	return nil
}

// Write writes the files and the list of them into dir, an existing folder of its own,
// and returns the arguments for the go command: none for an empty overlay.
func (o *Overlay) Write(dir string) ([]string, error) {
	if len(o.files) == 0 {
		return nil, nil
	}
	list := struct{ Replace map[string]string }{map[string]string{}}
	n := 0
	for path, content := range o.files {
		// Numbers keep files of one name apart; their order means nothing.
		copied := filepath.Join(dir, fmt.Sprintf("%d-%s", n, filepath.Base(path)))
		n++
		if err := os.WriteFile(copied, content, 0o644); err != nil {
			return nil, fmt.Errorf("overlay: %w", err)
		}
		list.Replace[filepath.Join(o.Root, filepath.FromSlash(path))] = copied
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return []string{"-overlay", file}, nil
}
