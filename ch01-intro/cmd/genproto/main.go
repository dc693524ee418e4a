// Command genproto turns every .proto file of this module into Go code.
//
// The story in four steps: find the .proto files, compile them in this process
// (protocompile, so no protoc has to be installed), hand the compiled descriptors
// to the code generators, and write what they answer beside the .proto files.
//
// The generators are protoc plugins. go.mod pins their versions in its `tool`
// block and `go tool NAME` runs exactly those, so the same .proto files give the
// same Go files on every machine:
//
//   - protoc-gen-go: the Go types, with reflection;
//   - protoc-gen-go-vtproto: MarshalVT, UnmarshalVT and friends, without reflection;
//     its "strict" marshalling writes fields in number order even in oneofs, which
//     is the byte order that etcd's own files have;
//   - protoc-gen-go-grpc: client and server stubs, for files that declare a service.
//
// Usage, from anywhere inside the module:
//
//	go run ./ch01-intro/cmd/genproto          write the generated files
//	go run ./ch01-intro/cmd/genproto -check   compare them; exit 1 on a difference
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "compare with the committed files instead of writing them")
	flag.Parse()
	if err := run(context.Background(), *check); err != nil {
		fmt.Fprintln(os.Stderr, "genproto:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, check bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	want, err := generate(ctx, root)
	if err != nil {
		return err
	}
	have, err := generatedFiles(root)
	if err != nil {
		return err
	}
	changes := compare(want, have)
	if check {
		return report(changes)
	}
	for _, c := range changes {
		fmt.Println(c)
	}
	return write(root, want, changes)
}

// moduleRoot walks up from the working directory to the folder that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the module: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory; run this inside the module")
		}
		dir = parent
	}
}
