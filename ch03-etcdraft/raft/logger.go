package raft

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sync"
)

// Logger receives what a node has to say. Panic and Panicf must panic and Fatal
// and Fatalf must end the process: raft counts on not going on.
type Logger interface {
	Debug(v ...any)
	Debugf(format string, v ...any)

	Error(v ...any)
	Errorf(format string, v ...any)

	Info(v ...any)
	Infof(format string, v ...any)

	Warning(v ...any)
	Warningf(format string, v ...any)

	Fatal(v ...any)
	Fatalf(format string, v ...any)

	Panic(v ...any)
	Panicf(format string, v ...any)
}

var packageLogger = struct {
	sync.Mutex
	Logger
}{Logger: newDefaultLogger()}

func newDefaultLogger() Logger {
	return &DefaultLogger{Logger: log.New(os.Stderr, "raft", log.LstdFlags)}
}

// SetLogger sets the logger of nodes that are built later without one of their own.
func SetLogger(l Logger) {
	packageLogger.Lock()
	defer packageLogger.Unlock()
	packageLogger.Logger = l
}

// ResetDefaultLogger undoes SetLogger.
func ResetDefaultLogger() { SetLogger(newDefaultLogger()) }

func defaultLogger() Logger {
	packageLogger.Lock()
	defer packageLogger.Unlock()
	return packageLogger.Logger
}

// DefaultLogger writes to a *log.Logger, with the level before each line. Debug
// lines are left out until EnableDebug.
type DefaultLogger struct {
	*log.Logger
	debug bool
}

// callerDepth skips the logger's own frames when the log shows file and line.
const callerDepth = 3

// EnableTimestamps adds date and time to each line.
func (l *DefaultLogger) EnableTimestamps() { l.SetFlags(l.Flags() | log.Ldate | log.Ltime) }

// EnableDebug turns debug lines on.
func (l *DefaultLogger) EnableDebug() { l.debug = true }

func (l *DefaultLogger) write(level, text string) {
	_ = l.Output(callerDepth, level+": "+text) // a log that cannot be written has nowhere to say so
}

func (l *DefaultLogger) Debug(v ...any) {
	if l.debug {
		l.write("DEBUG", fmt.Sprint(v...))
	}
}

func (l *DefaultLogger) Debugf(format string, v ...any) {
	if l.debug {
		l.write("DEBUG", fmt.Sprintf(format, v...))
	}
}

func (l *DefaultLogger) Info(v ...any)                    { l.write("INFO", fmt.Sprint(v...)) }
func (l *DefaultLogger) Infof(format string, v ...any)    { l.write("INFO", fmt.Sprintf(format, v...)) }
func (l *DefaultLogger) Warning(v ...any)                 { l.write("WARN", fmt.Sprint(v...)) }
func (l *DefaultLogger) Warningf(format string, v ...any) { l.write("WARN", fmt.Sprintf(format, v...)) }
func (l *DefaultLogger) Error(v ...any)                   { l.write("ERROR", fmt.Sprint(v...)) }
func (l *DefaultLogger) Errorf(format string, v ...any)   { l.write("ERROR", fmt.Sprintf(format, v...)) }

func (l *DefaultLogger) Fatal(v ...any) {
	l.write("FATAL", fmt.Sprint(v...))
	os.Exit(1)
}

func (l *DefaultLogger) Fatalf(format string, v ...any) {
	l.write("FATAL", fmt.Sprintf(format, v...))
	os.Exit(1)
}

func (l *DefaultLogger) Panic(v ...any)                 { l.Logger.Panic(v...) }
func (l *DefaultLogger) Panicf(format string, v ...any) { l.Logger.Panicf(format, v...) }

// slogLogger writes to a *slog.Logger. A line is put together only if its level is
// enabled.
type slogLogger struct{ lg *slog.Logger }

// NewSlogLogger returns a Logger that writes to lg; nil means slog.Default().
func NewSlogLogger(lg *slog.Logger) Logger {
	if lg == nil {
		lg = slog.Default()
	}
	return slogLogger{lg}
}

func (l slogLogger) print(level slog.Level, v []any) {
	if ctx := context.Background(); l.lg.Enabled(ctx, level) {
		l.lg.Log(ctx, level, fmt.Sprint(v...))
	}
}

func (l slogLogger) printf(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.lg.Enabled(ctx, level) {
		l.lg.Log(ctx, level, fmt.Sprintf(format, v...))
	}
}

func (l slogLogger) Debug(v ...any)                   { l.print(slog.LevelDebug, v) }
func (l slogLogger) Debugf(format string, v ...any)   { l.printf(slog.LevelDebug, format, v) }
func (l slogLogger) Info(v ...any)                    { l.print(slog.LevelInfo, v) }
func (l slogLogger) Infof(format string, v ...any)    { l.printf(slog.LevelInfo, format, v) }
func (l slogLogger) Warning(v ...any)                 { l.print(slog.LevelWarn, v) }
func (l slogLogger) Warningf(format string, v ...any) { l.printf(slog.LevelWarn, format, v) }
func (l slogLogger) Error(v ...any)                   { l.print(slog.LevelError, v) }
func (l slogLogger) Errorf(format string, v ...any)   { l.printf(slog.LevelError, format, v) }

func (l slogLogger) Fatal(v ...any) {
	l.Error(v...)
	os.Exit(1)
}

func (l slogLogger) Fatalf(format string, v ...any) {
	l.Errorf(format, v...)
	os.Exit(1)
}

func (l slogLogger) Panic(v ...any) {
	l.Error(v...)
	panic(fmt.Sprint(v...))
}

func (l slogLogger) Panicf(format string, v ...any) {
	l.Errorf(format, v...)
	panic(fmt.Sprintf(format, v...))
}

// DiscardLogger says nothing, but still panics. For tests and demonstrations.
func DiscardLogger() Logger {
	return &DefaultLogger{Logger: log.New(io.Discard, "", 0)}
}
