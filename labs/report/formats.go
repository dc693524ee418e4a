package report

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// gradescope is results.json of Gradescope's autograder.
type gradescope struct {
	Score            int              `json:"score"`
	ExecutionTime    float64          `json:"execution_time"` // seconds
	Output           string           `json:"output"`
	Visibility       string           `json:"visibility"`
	StdoutVisibility string           `json:"stdout_visibility"`
	Tests            []gradescopeTest `json:"tests"`
	Leaderboard      []struct{}       `json:"leaderboard"`
}

type gradescopeTest struct {
	Score        int      `json:"score"`
	MaxScore     int      `json:"max_score"`
	Status       string   `json:"status"` // passed, failed
	Name         string   `json:"name"`
	Number       string   `json:"number"`
	Output       string   `json:"output"`
	OutputFormat string   `json:"output_format"`
	Tags         []string `json:"tags"`
	Visibility   string   `json:"visibility"`
}

// Gradescope writes results.json.
func Gradescope(w io.Writer, r Report) error {
	g := gradescope{
		Score: r.Points(), ExecutionTime: r.Took.Seconds(), Output: strings.Join(r.Notes, "\n"),
		Visibility: "visible", StdoutVisibility: "hidden", Leaderboard: []struct{}{},
	}
	for _, i := range r.Items {
		t := gradescopeTest{
			Score: i.Points, MaxScore: i.Max, Status: passedOrFailed(i), Name: i.Name, Number: i.Number,
			Output: i.Status + "\n" + i.Output, OutputFormat: "text", Tags: append([]string{}, i.Tags...), Visibility: "visible",
		}
		if i.Hidden {
			t.Visibility = "after_due_date"
		}
		g.Tests = append(g.Tests, t)
	}
	return writeJSON(w, g)
}

func passedOrFailed(i Item) string {
	if i.Passed() {
		return "passed"
	}
	return "failed"
}

// classroom50 is result.json of Classroom 50.
type classroom50 struct {
	Schema   string            `json:"schema"`
	Score    int               `json:"score"`
	MaxScore int               `json:"max-score"`
	Tests    []classroom50Test `json:"tests"`
}

type classroom50Test struct {
	Name     string `json:"test-name"`
	Passed   bool   `json:"passed"`
	Score    int    `json:"score"`
	MaxScore int    `json:"max-score"`
}

// Classroom50 writes result.json.
func Classroom50(w io.Writer, r Report) error {
	c := classroom50{Schema: "classroom50/result/v1", Score: r.Points(), MaxScore: r.Max(), Tests: []classroom50Test{}}
	for _, i := range r.Items {
		c.Tests = append(c.Tests, classroom50Test{i.Number + " " + i.Name, i.Passed(), i.Points, i.Max})
	}
	return writeJSON(w, c)
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// The elements of a JUnit file.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"` // seconds
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the XML that CI systems read. Points stand in the names.
func JUnit(w io.Writer, r Report) error {
	suite := junitSuite{Name: "lab " + r.Lab + ", " + r.Title, Tests: len(r.Items), Time: strconv.FormatFloat(r.Took.Seconds(), 'f', 3, 64)}
	for _, i := range r.Items {
		c := junitCase{Class: "lab" + r.Lab, Name: fmt.Sprintf("%s %s (%d of %d points)", i.Number, i.Name, i.Points, i.Max)}
		if !i.Passed() {
			suite.Failures++
			c.Failure = &junitFailure{Message: i.Status, Text: i.Output}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suite: suite}); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// CSV writes one line an item, for a spreadsheet.
func CSV(w io.Writer, r Report) error {
	c := csv.NewWriter(w)
	c.Write([]string{"lab", "student", "number", "name", "points", "max", "status", "seconds"})
	for _, i := range r.Items {
		c.Write([]string{r.Lab, r.Student, i.Number, i.Name, strconv.Itoa(i.Points), strconv.Itoa(i.Max), i.Status, ""})
	}
	seconds := strconv.FormatFloat(r.Took.Round(time.Millisecond).Seconds(), 'f', 3, 64)
	c.Write([]string{r.Lab, r.Student, "", "sum", strconv.Itoa(r.Points()), strconv.Itoa(r.Max()), "", seconds})
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
