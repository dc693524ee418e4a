package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Level orders findings by how much they matter.
type Level int

const (
	OK   Level = iota
	Warn       // etcd runs, but not as it should, or not with defaults
	Fail       // etcd does not run here, or must not be trusted here
)

func (l Level) String() string { return [...]string{"ok", "warn", "FAIL"}[l] }

// MarshalText makes the level a word in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(strings.ToLower(l.String())), nil }

// Finding is one verdict.
//
// Invariant: Next is empty exactly when Level is OK. A warning that does not say what to do
// is noise.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Found string `json:"found"`
	Next  string `json:"next,omitempty"`
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Found: fmt.Sprintf(format, args...)}
}

func (f Finding) but(level Level, next string, args ...any) Finding {
	f.Level, f.Next = level, fmt.Sprintf(next, args...)
	return f
}

// Report is everything doctor has to say.
type Report struct {
	Ready    bool      `json:"ready"`
	Warnings int       `json:"warnings"`
	Failures int       `json:"failures"`
	Findings []Finding `json:"findings"`
	Facts    Facts     `json:"facts"`
}

func newReport(facts Facts, findings []Finding) *Report {
	r := &Report{Facts: facts, Findings: findings}
	for _, f := range findings {
		switch f.Level {
		case Warn:
			r.Warnings++
		case Fail:
			r.Failures++
		}
	}
	r.Ready = r.Failures == 0
	return r
}

// ExitStatus is 0 if the machine is ready.
func (r *Report) ExitStatus() int {
	if r.Ready {
		return 0
	}
	return 1
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Is this machine (%s) ready for etcd?\n\n", r.Facts.System)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-4s  %-9s  %s\n", f.Level, f.Check, f.Found)
		if f.Next != "" {
			fmt.Fprintf(&b, "%17s%s\n", "→ ", strings.Join(wrap(f.Next, 85), "\n"+strings.Repeat(" ", 17)))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.conclusion())
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text between words into lines of at most width characters; a longer word
// keeps a line for itself.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line+" "+word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

func (r *Report) conclusion() string {
	switch {
	case !r.Ready:
		return fmt.Sprintf("Not ready: mend what says FAIL (%d), then ask again.", r.Failures)
	case r.Warnings > 0:
		return fmt.Sprintf("Ready, but read the warnings (%d). Next: go run ./ch01-intro", r.Warnings)
	default:
		return "Ready. Next: go run ./ch01-intro"
	}
}
