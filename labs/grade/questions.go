package grade

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"insideetcd/labs/lab"
	"insideetcd/labs/overlay"
	"insideetcd/labs/report"
	"insideetcd/labs/runner"
)

// answersMark begins the last line that a test of questions prints: the right answers, as
// a JSON list of strings.
const answersMark = "ANSWERS "

// Ask runs the reference on the student's open seed, and returns the trace to be explained
// and the right answers.
func Ask(ctx context.Context, root string, l lab.Lab, student string) (trace string, answers []string, err error) {
	binary, err := runner.Build(ctx, overlay.New(root), l.Folder, runner.Options{})
	if err != nil {
		return "", nil, err
	}
	defer binary.Close()
	result, err := binary.Run(ctx, l.Questions.Test, runner.Limits{}, fmt.Sprintf("-lab.seed=%d", OpenSeed(l.ID, student)))
	if err != nil {
		return "", nil, err
	}
	before, after, found := strings.Cut(result.Output, answersMark)
	if result.Status != runner.Passed || !found {
		return "", nil, fmt.Errorf("grade: %s of the reference is %s:\n%s", l.Questions.Test, result.Status, result.Output)
	}
	line, _, _ := strings.Cut(after, "\n")
	if err := json.Unmarshal([]byte(line), &answers); err != nil {
		return "", nil, fmt.Errorf("grade: the answers of %s: %w", l.Questions.Test, err)
	}
	if len(answers) != len(l.Questions.Asked) {
		return "", nil, fmt.Errorf("grade: %d answers to %d questions", len(answers), len(l.Questions.Asked))
	}
	return clean(before), answers, nil
}

// clean takes the frame of go test off a test's log.
func clean(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "=== ") || strings.Contains(line, "_test.go:") && strings.HasSuffix(strings.TrimSpace(line), ":") {
			continue
		}
		b.WriteString(strings.TrimPrefix(line, "        "))
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// questions grades the answers to what was asked about the student's own trace.
func (g Grader) questions(ctx context.Context, _ *overlay.Overlay, _ string, s Submission, r *report.Report) error {
	q := g.Lab.Questions
	if q.File == "" {
		return nil
	}
	var given struct {
		Student string   `json:"student"`
		Answers []string `json:"answers"`
	}
	problem := ""
	if text, err := overlay.New(s.Dir).Read(path.Join(g.Lab.Folder, q.File)); err != nil {
		problem = err.Error()
	} else if err := json.Unmarshal(text, &given); err != nil {
		problem = q.File + ": " + err.Error()
	}
	student := given.Student
	if s.Student != "" { // the teacher knows who it is
		student = s.Student
	}
	_, right, err := Ask(ctx, g.Root, g.Lab, student)
	if err != nil {
		return err
	}
	for i, asked := range q.Asked {
		item := report.Item{Number: fmt.Sprintf("%s.q%d", g.Lab.ID, i+1), Name: asked, Max: share(q.Points, len(q.Asked), i), Tags: []string{"question"}}
		switch {
		case problem != "":
			item.Status, item.Output = string(runner.Failed), problem
		case i >= len(given.Answers) || strings.TrimSpace(given.Answers[i]) == "":
			item.Status = string(runner.Todo)
		case strings.EqualFold(strings.TrimSpace(given.Answers[i]), right[i]):
			item.Status, item.Points = string(runner.Passed), item.Max
		default:
			item.Status, item.Output = string(runner.Failed), fmt.Sprintf("not %q", given.Answers[i])
		}
		r.Items = append(r.Items, item)
	}
	return nil
}
