package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
)

// modulePath is cut off the generated files' Go import paths to get their place on disk.
const modulePath = "insideetcd"

// plugin is one code generator and the question which files it is asked to handle.
type plugin struct {
	tool    string // name in go.mod's tool block
	options string
	handles func(protoreflect.FileDescriptor) bool
}

var plugins = []plugin{
	{
		tool:    "protoc-gen-go",
		handles: func(protoreflect.FileDescriptor) bool { return true },
	},
	{
		tool:    "protoc-gen-go-vtproto",
		options: ",features=marshal+marshal_strict+unmarshal+size+clone+equal",
		handles: func(f protoreflect.FileDescriptor) bool { return f.Messages().Len() > 0 },
	},
	{
		tool:    "protoc-gen-go-grpc",
		handles: func(f protoreflect.FileDescriptor) bool { return f.Services().Len() > 0 },
	},
}

// output maps a slash-separated path below the module root to a file's content.
type output map[string][]byte

// generate compiles every .proto file below root and returns what the plugins make of them.
func generate(ctx context.Context, root string) (output, error) {
	names, err := protoFiles(root)
	if err != nil {
		return nil, err
	}
	files, err := compile(ctx, root, names)
	if err != nil {
		return nil, err
	}
	out := make(output)
	for _, p := range plugins {
		resp, err := p.run(ctx, request(p, files))
		if err != nil {
			return nil, err
		}
		for _, f := range resp.File {
			out[f.GetName()] = []byte(f.GetContent())
		}
	}
	return out, nil
}

func compile(ctx context.Context, root string, names []string) (linker.Files, error) {
	sources := make(map[string]string, len(names))
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("read proto file: %w", err)
		}
		sources[name] = string(text)
	}
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: protocompile.SourceAccessorFromMap(sources),
		}),
		SourceInfoMode: protocompile.SourceInfoStandard, // carries the comments into the Go files
	}
	files, err := c.Compile(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	return files, nil
}

// request asks p for the files it handles. Plugins require that an imported file
// stands BEFORE its importer in ProtoFile.
func request(p plugin, files linker.Files) *pluginpb.CodeGeneratorRequest {
	req := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("module=" + modulePath + p.options)}
	seen := make(map[string]bool)
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		req.ProtoFile = append(req.ProtoFile, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, f := range files {
		add(f)
		if p.handles(f) {
			req.FileToGenerate = append(req.FileToGenerate, f.Path())
		}
	}
	return req
}

// run starts the plugin: a CodeGeneratorRequest on its standard input, the response on its output.
func (p plugin) run(ctx context.Context, req *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	resp := new(pluginpb.CodeGeneratorResponse)
	if len(req.FileToGenerate) == 0 {
		return resp, nil
	}
	in, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode the request for %s: %w", p.tool, err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "tool", p.tool)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go tool %s: %w\n%s", p.tool, err, stderr.Bytes())
	}
	if err := proto.Unmarshal(stdout.Bytes(), resp); err != nil {
		return nil, fmt.Errorf("decode the answer of %s: %w", p.tool, err)
	}
	if resp.Error != nil {
		return nil, fmt.Errorf("%s: %s", p.tool, resp.GetError())
	}
	return resp, nil
}
