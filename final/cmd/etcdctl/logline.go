package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
)

// jsonLines logs warnings as etcdctl 3.4 does: one JSON object a line, the keys level,
// ts, caller and msg first.
func jsonLines(w io.Writer) *slog.Logger { return slog.New(&lineHandler{w: w}) }

type lineHandler struct {
	mu sync.Mutex
	w  io.Writer
}

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	fmt.Fprintf(&b, `{"level":%s,"ts":%s,"caller":%s,"msg":%s`, quoted("warn"),
		quoted(r.Time.UTC().Format("2006-01-02T15:04:05.000Z0700")),
		quoted(fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(frame.File)), filepath.Base(frame.File), frame.Line)),
		quoted(r.Message))
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, ",%s:%s", quoted(a.Key), quoted(a.Value.Any()))
		return true
	})
	b.WriteString("}\n")
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b.Bytes())
	return err
}

func quoted(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`"?"`)
	}
	return b
}

// The client logs without groups and bound attributes.
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *lineHandler) WithGroup(string) slog.Handler      { return h }
