package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// source is the benchmark, from the top of the project.
const source = "ch03-etcdraft/raft/cluster_bench_test.go"

// importPaths are what the reference calls the packages that the benchmark imports.
var importPaths = strings.NewReplacer(
	`"insideetcd/ch03-etcdraft/raft"`, `"go.etcd.io/raft/v3"`,
	`"insideetcd/ch03-etcdraft/raftpb"`, `"go.etcd.io/raft/v3/raftpb"`,
)

// programs are the two files that can be run.
type programs struct{ ours, reference string }

// build compiles both programs into dir. root is the top of the project, and this module's
// go.mod and go.sum are in the current directory.
func build(ctx context.Context, root, dir string) (p programs, err error) {
	p = programs{filepath.Join(dir, "ours.test"), filepath.Join(dir, "reference.test")}
	if err := compile(ctx, root, p.ours, source); err != nil {
		return p, err
	}
	module := filepath.Join(dir, "reference")
	if err := writeReference(root, module); err != nil {
		return p, err
	}
	return p, compile(ctx, module, p.reference, filepath.Base(source))
}

// writeReference makes a module whose only file is the benchmark with the reference's
// import paths.
func writeReference(root, module string) error {
	text, err := os.ReadFile(filepath.Join(root, source))
	if err != nil {
		return fmt.Errorf("read the benchmark (is %s the top of the project?): %w", root, err)
	}
	other := importPaths.Replace(string(text))
	if strings.Contains(other, "insideetcd/") {
		return fmt.Errorf("%s imports more than raft and raftpb: the reference has nothing of that name", source)
	}
	if err := os.MkdirAll(module, 0o755); err != nil {
		return err
	}
	files := map[string][]byte{filepath.Base(source): []byte(other)}
	for _, name := range []string{"go.mod", "go.sum"} {
		if files[name], err = os.ReadFile(name); err != nil {
			return fmt.Errorf("read this module's %s (run it in final/interop/raftbench): %w", name, err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(module, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compile makes a test program of one file, in the module of dir.
func compile(ctx context.Context, dir, program, file string) error {
	_, err := output(ctx, dir, "go", "test", "-c", "-o", program, file)
	return err
}

// output runs a command and returns what it printed. A failure tells what it said.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), said.String())
	}
	return out.String(), nil
}
