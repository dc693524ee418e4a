package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"insideetcd/labs/overlay"
)

// StateFile is what makes a tree a workspace.
const StateFile = ".lab.json"

// State is what a workspace remembers.
type State struct {
	Clone  string         `json:"clone"` // root of the tree that it was made from
	Lab    string         `json:"lab"`
	Done   []string       `json:"done,omitempty"`   // tasks whose tests have passed, as of the last check
	Hints  map[string]int `json:"hints,omitempty"`  // presses, by task
	Failed string         `json:"failed,omitempty"` // the test that failed at the last check
}

// ErrNoWorkspace: the tree has no StateFile.
var ErrNoWorkspace = errors.New("this is not a workspace: make one with `go run ./labs start LAB DIR` and go there")

// ReadState reads the state of the workspace at root.
func ReadState(root string) (State, error) {
	var s State
	text, err := os.ReadFile(filepath.Join(root, StateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrNoWorkspace
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("lab: %s: %w", filepath.Join(root, StateFile), err)
	}
	return s, nil
}

// Write keeps the state of the workspace at root.
func (s State) Write(root string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if err := os.WriteFile(filepath.Join(root, StateFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// Start writes the workspace of l into dir, which must not exist or be empty: all of the
// tree at root, with the functions of this lab emptied.
func (l Lab) Start(root, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("lab: %s is not empty: name a folder that is, or none yet", dir)
	}
	if inside, err := filepath.Rel(root, dir); err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		return fmt.Errorf("lab: %s lies within %s, which would be copied into itself", dir, root)
	}
	starter := overlay.New(root)
	if err := l.Cut(starter); err != nil {
		return err
	}
	if err := l.CutMutant(starter); err != nil {
		return err
	}
	if err := copyTree(starter, dir); err != nil {
		return err
	}
	return State{Clone: root, Lab: l.ID}.Write(dir)
}

// copyTree copies what is source: no hidden folder but .ci, no built file, no alternative
// solution.
func copyTree(o *overlay.Overlay, dir string) error {
	return filepath.WalkDir(o.Root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		rel, err := filepath.Rel(o.Root, p)
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		seen := filepath.ToSlash(rel)
		switch {
		case d.IsDir() && seen != "." && leftOut(seen):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		case !d.Type().IsRegular() || seen == StateFile || leftOut(seen):
			return nil
		}
		content, err := o.Read(seen)
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		return os.WriteFile(filepath.Join(dir, rel), content, 0o644)
	})
}

func leftOut(p string) bool {
	base := path.Base(p)
	switch {
	case strings.HasPrefix(base, ".") && base != ".ci" && base != ".gitignore":
		return true
	case base == "alt" && path.Dir(path.Dir(p)) == "labs":
		return true
	case base == "bin" || strings.HasSuffix(base, ".etcd") || strings.HasSuffix(base, ".test") || strings.HasSuffix(base, ".prof"):
		return true
	}
	return false
}

// Lay lays a learner's files over the clone's: those with functions of this lab, and
// nothing else of the workspace.
func (l Lab) Lay(o *overlay.Overlay, workspace string) error {
	files, err := l.Files(o.Root)
	if err != nil {
		return err
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(workspace, filepath.FromSlash(f.Path)))
		if err != nil {
			return fmt.Errorf("lab: the file that this lab is about is missing: %w", err)
		}
		o.Put(f.Path, content)
	}
	return nil
}
