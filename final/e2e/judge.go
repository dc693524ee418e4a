package e2e

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Judge compares both transcripts of a scenario and returns every complaint:
//
//	J1  unmarked steps are equal
//	J2  marked steps differ, and the mark is known to DIFFERS.md
//	J3  the texts that the script asks for are there
//	J4  the transcripts show something beside masks
func Judge(s Scenario, reference, ours Transcript, reasons map[string]string) []string {
	if len(reference) != len(s.Steps) || len(ours) != len(s.Steps) {
		return []string{fmt.Sprintf("J1: the script has %d steps, the transcripts %d and %d", len(s.Steps), len(reference), len(ours))}
	}
	var complaints []string
	for i, step := range s.Steps {
		complaints = append(complaints, judgeStep(step, reference[i].Output, ours[i].Output, reasons)...)
	}
	if !showsSomething(reference) || !showsSomething(ours) {
		complaints = append(complaints, "J4: nothing is left of the output under the masks: the scenario proves nothing")
	}
	return complaints
}

func judgeStep(step Step, reference, ours string, reasons map[string]string) []string {
	var complaints []string
	complain := func(rule, format string, args ...any) {
		where := fmt.Sprintf("%s: line %d: %s: ", rule, step.Line, step.Text)
		complaints = append(complaints, where+fmt.Sprintf(format, args...))
	}
	switch {
	case step.Differs == "" && reference != ours:
		complain("J1", "the servers differ")
	case step.Differs != "" && reasons[step.Differs] == "":
		complain("J2", "mark %q has no row in DIFFERS.md", step.Differs)
	case step.Differs != "" && reference == ours:
		complain("J2", "marked %s, but both servers answer the same; take the mark away", step.Differs)
	}
	for _, text := range append(step.Want[:len(step.Want):len(step.Want)], step.WantDebian...) {
		if !strings.Contains(reference, text) {
			complain("J3", "the reference does not say %q", text)
		}
	}
	for _, text := range append(step.Want[:len(step.Want):len(step.Want)], step.WantOurs...) {
		if !strings.Contains(ours, text) {
			complain("J3", "our server does not say %q", text)
		}
	}
	return complaints
}

var (
	frame   = regexp.MustCompile(`(?m)^\[(exit 0|OK)\]$`)
	content = regexp.MustCompile(`[\p{L}\p{N}]`)
)

// showsSomething reports whether any output is left without masks and frames.
func showsSomething(t Transcript) bool {
	for _, entry := range t {
		rest := frame.ReplaceAllString(maskName.ReplaceAllString(entry.Output, ""), "")
		if content.MatchString(rest) {
			return true
		}
	}
	return false
}

// String is the transcript as a reader sees it.
func (t Transcript) String() string {
	var b strings.Builder
	for _, entry := range t {
		fmt.Fprintf(&b, "> %s\n%s", entry.Step.Text, entry.Output)
	}
	return b.String()
}

// Diff shows where two transcripts of one scenario part.
func Diff(reference, ours Transcript) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(reference.String()), FromFile: "reference etcd 3.4.23",
		B: difflib.SplitLines(ours.String()), ToFile: "our server",
		Context: 3,
	})
	if err != nil {
		return err.Error()
	}
	return text
}

var differsRow = regexp.MustCompile(`(?m)^\| *([A-Za-z0-9-]+) *\| *([^|]*[^|\s-][^|]*?) *\|`)

// ParseDiffers reads the table of DIFFERS.md: ID → reason.
func ParseDiffers(markdown string) map[string]string {
	reasons := map[string]string{}
	for _, row := range differsRow.FindAllStringSubmatch(markdown, -1) {
		if row[1] != "ID" {
			reasons[row[1]] = row[2]
		}
	}
	return reasons
}
