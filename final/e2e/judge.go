package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Judge compares the transcripts of all combinations of a scenario and returns
// every complaint:
//
//	J1  along an axis without a mark, steps are equal
//	J2  along a marked axis they differ somewhere, and DIFFERS.md knows the mark
//	J3  the texts that the script asks for are there
//	J4  the transcripts show something beside masks
func Judge(s Scenario, played map[Combo]Transcript, reasons map[string]string) []string {
	for combo, t := range played {
		if len(t) != len(s.Steps) {
			return []string{fmt.Sprintf("J1: the script has %d steps, the transcript of %s %d", len(s.Steps), combo, len(t))}
		}
	}
	var complaints []string
	for i, step := range s.Steps {
		outputs := map[Combo]string{}
		for combo, t := range played {
			outputs[combo] = t[i].Output
		}
		j := judgement{step: step, outputs: outputs}
		j.compare(ServerAxis, step.Differs, reasons)
		j.compare(ClientAxis, step.CtlDiffers, reasons)
		j.texts()
		complaints = append(complaints, j.complaints...)
	}
	if !allShowSomething(played) {
		complaints = append(complaints, "J4: nothing is left of the output under the masks: the scenario proves nothing")
	}
	return complaints
}

// judgement is about one step.
type judgement struct {
	step       Step
	outputs    map[Combo]string
	complaints []string
}

func (j *judgement) complain(rule, format string, args ...any) {
	where := fmt.Sprintf("%s: line %d: %s: ", rule, j.step.Line, j.step.Text)
	j.complaints = append(j.complaints, where+fmt.Sprintf(format, args...))
}

func (j *judgement) compare(axis Axis, mark string, reasons map[string]string) {
	all := pairs(j.outputs, axis)
	differing := slices.DeleteFunc(slices.Clone(all), func(p [2]Combo) bool { return j.outputs[p[0]] == j.outputs[p[1]] })
	switch {
	case mark == "":
		for _, p := range differing {
			j.complain("J1", "the %s differ: %s, %s", axis, p[0], p[1])
		}
	case reasons[mark] == "":
		j.complain("J2", "mark %q has no row in DIFFERS.md", mark)
	case len(all) == 0:
		j.complain("J2", "marked %s, but the scenario has only one side of the %s", mark, axis)
	case len(differing) == 0:
		j.complain("J2", "marked %s, but the %s answer the same; take the mark away", mark, axis)
	}
}

// texts looks for =debian in the reference, for =ours where everything that is
// marked is ours, and for = in all.
func (j *judgement) texts() {
	for _, combo := range inOrder(j.outputs) {
		want := slices.Clone(j.step.Want)
		if combo == Reference {
			want = append(want, j.step.WantDebian...)
		}
		if (j.step.Differs == "" || combo.Server == Ours) && (j.step.CtlDiffers == "" || combo.Client == Ours) {
			want = append(want, j.step.WantOurs...)
		}
		for _, text := range want {
			if !strings.Contains(j.outputs[combo], text) {
				j.complain("J3", "%s does not say %q", combo, text)
			}
		}
	}
}

var (
	frame   = regexp.MustCompile(`(?m)^\[(exit 0|OK)\]$`)
	content = regexp.MustCompile(`[\p{L}\p{N}]`)
)

func allShowSomething(played map[Combo]Transcript) bool {
	for _, t := range played {
		if !showsSomething(t) {
			return false
		}
	}
	return true
}

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

// Diff shows where the transcript of name parts from the reference.
func Diff(reference, other Transcript, name string) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(reference.String()), FromFile: "reference",
		B: difflib.SplitLines(other.String()), ToFile: name,
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
