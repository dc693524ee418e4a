package main

import (
	"errors"
	"fmt"
	"os"
)

// What the exit status says.
const (
	exitSuccess       = 0
	exitError         = 1   // something went wrong, usually at the server
	exitBadConnection = 2   // no client could be made, or a keep-alive found no lease
	exitInvalidInput  = 3   // lines on standard input that make no sense
	exitBadFeature    = 4   // an output format or option that there is not
	exitInterrupted   = 5   // a watch was ended by the server
	exitIO            = 6   // a local file
	exitBadArgs       = 128 // wrong number or form of arguments
)

// failure is an error with its exit code. An err of nil has been told already.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func fail(code int, err error) error { return &failure{code, err} }

func failf(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

func badArgs(format string, args ...any) error { return failf(exitBadArgs, format, args...) }

// told ends the command with a code; why is on standard error already.
func told(code int) error { return &failure{code, nil} }

// exitCode prints what was not told yet. An error without a code is the server's.
func exitCode(err error) int {
	if err == nil {
		return exitSuccess
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{exitError, err}
	}
	if f.err != nil {
		fmt.Fprintln(os.Stderr, "Error:", f.err)
	}
	return f.code
}
