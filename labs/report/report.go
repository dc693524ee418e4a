// Package report is what a grading says, in one struct, and the forms that platforms want
// it in. All points are whole numbers.
package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the outcome of grading one submission.
type Report struct {
	Lab     string // e.g. "2.1"
	Title   string
	Student string // "" if not known
	Took    time.Duration
	Items   []Item
	Notes   []string // what the reader should know, e.g. what was not graded
}

// Item is one thing that gives points.
type Item struct {
	Number string // e.g. "2.1.3"
	Name   string
	Points int
	Max    int
	Status string // passed, failed, todo, timeout, …
	Output string // for the student: why not
	Hidden bool   // shown to students after the due date only
	Tags   []string
}

// Passed tells whether the item has all its points.
func (i Item) Passed() bool { return i.Points == i.Max && i.Status == "passed" }

// Points is the sum of what was reached, Max of what could be.
func (r Report) Points() (sum int) {
	for _, i := range r.Items {
		sum += i.Points
	}
	return sum
}

// Max is the sum of what could be reached.
func (r Report) Max() (sum int) {
	for _, i := range r.Items {
		sum += i.Max
	}
	return sum
}

// Formats are the names that Write knows.
var Formats = []string{"text", "gradescope", "junit", "csv", "classroom50"}

// Write writes the report in the format of that name.
func Write(w io.Writer, format string, r Report) error {
	switch format {
	case "text":
		return Text(w, r)
	case "gradescope":
		return Gradescope(w, r)
	case "junit":
		return JUnit(w, r)
	case "csv":
		return CSV(w, r)
	case "classroom50":
		return Classroom50(w, r)
	}
	return fmt.Errorf("report: there is no format %q; there are %s", format, strings.Join(Formats, ", "))
}

// Text is a table for people.
func Text(w io.Writer, r Report) error {
	fmt.Fprintf(w, "Lab %s, %s\n\n", r.Lab, r.Title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range r.Items {
		fmt.Fprintf(t, "%s\t%s\t%3d / %d\t%s\n", i.Number, i.Name, i.Points, i.Max, i.Status)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	fmt.Fprintf(w, "\n%d of %d points in %s\n", r.Points(), r.Max(), r.Took.Round(100*time.Millisecond))
	for _, note := range r.Notes {
		fmt.Fprintln(w, note)
	}
	return nil
}
