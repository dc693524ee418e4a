package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// events is what the JSON events of one run say.
type events struct {
	passed map[string]bool // tests and subtests that said so
	failed bool            // something said that it failed
	output string
}

// readEvents has `go tool test2json` turn a test binary's output into events.
func readEvents(ctx context.Context, raw []byte) (events, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	if err != nil {
		return events{}, fmt.Errorf("runner: go tool test2json: %w", err)
	}
	read := events{passed: map[string]bool{}}
	var text strings.Builder
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var e struct{ Action, Test, Output string }
		if err := decoder.Decode(&e); err == io.EOF {
			read.output = text.String()
			return read, nil
		} else if err != nil {
			return events{}, fmt.Errorf("runner: an event of go tool test2json: %w", err)
		}
		switch e.Action {
		case "pass":
			read.passed[e.Test] = true
		case "fail":
			read.failed = true
		case "output":
			text.WriteString(e.Output)
		}
	}
}
