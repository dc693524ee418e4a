package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// newLogger returns a logger of readable text lines, and makes it slog's default for
// packages that were not handed one.
func newLogger(o *options, stdout, stderr io.Writer) (*slog.Logger, error) {
	level, err := parseLevel(o.logLevel)
	if err != nil {
		return nil, err
	}
	if o.debug {
		level = slog.LevelDebug
	}
	var outputs []io.Writer
	for _, name := range o.logOutputs {
		switch name {
		case "default", "stderr":
			outputs = append(outputs, stderr)
		case "stdout":
			outputs = append(outputs, stdout)
		case "systemd/journal":
			return nil, fmt.Errorf("--log-outputs systemd/journal is not built yet; standard error of a service goes to the journal anyway")
		default:
			f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			if err != nil {
				return nil, fmt.Errorf("--log-outputs: %w", err)
			}
			outputs = append(outputs, f)
		}
	}
	lg := slog.New(slog.NewTextHandler(io.MultiWriter(outputs...), &slog.HandlerOptions{Level: level}))
	slog.SetDefault(lg)
	return lg, nil
}

// parseLevel knows 3.4's names; slog has no level above error.
func parseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error", "dpanic", "panic", "fatal":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("--log-level %q is none of debug, info, warn, error, panic, fatal", name)
}
