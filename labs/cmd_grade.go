package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"insideetcd/labs/grade"
	"insideetcd/labs/lab"
	"insideetcd/labs/report"

	"github.com/pmezard/go-difflib/difflib"
)

// runGrade exits with status 0 whatever the points are: a platform reads them in the file.
func runGrade(ctx context.Context, p *program, args []string) error {
	set := p.flags("grade")
	submission := set.String("submission", p.root, "folder with the learner's files at their places")
	labID := set.String("lab", "", "the lab, if the submission does not say it")
	student := set.String("student", "", "the student's ID")
	keyFile := set.String("key", "", "file with the teacher's secret key, for the hidden seeds")
	format := set.String("format", "text", strings.Join(report.Formats, ", "))
	output := set.String("o", "", "file to write the report to, instead of here")
	if err := set.Parse(args); err != nil {
		return err
	}
	g, s, err := p.grading(*submission, *labID, *student, *keyFile)
	if err != nil {
		return err
	}
	r, err := g.Grade(ctx, s)
	if err != nil {
		return err
	}
	var written bytes.Buffer
	if err := report.Write(&written, *format, r); err != nil {
		return err
	}
	if *output == "" {
		_, err = p.out.Write(written.Bytes())
		return err
	}
	if err := os.WriteFile(*output, written.Bytes(), 0o644); err != nil {
		return fmt.Errorf("labs: %w", err)
	}
	fmt.Fprintf(p.out, "%d of %d points; %s\n", r.Points(), r.Max(), *output)
	return nil
}

func (p *program) grading(dir, labID, student, keyFile string) (grade.Grader, grade.Submission, error) {
	s := grade.Submission{Dir: dir, Student: student}
	if labID == "" {
		state, err := lab.ReadState(dir)
		if err != nil {
			return grade.Grader{}, s, fmt.Errorf("labs: which lab is %s? Name it with -lab (%w)", dir, err)
		}
		labID = state.Lab
	}
	clone, err := p.clone()
	if err != nil {
		return grade.Grader{}, s, err
	}
	if s.Dir, err = filepath.Abs(dir); err != nil {
		return grade.Grader{}, s, fmt.Errorf("labs: %w", err)
	}
	if keyFile != "" {
		if s.Key, err = os.ReadFile(keyFile); err != nil {
			return grade.Grader{}, s, fmt.Errorf("labs: the teacher's key: %w", err)
		}
		if s.Key = bytes.TrimSpace(s.Key); len(s.Key) < 16 || student == "" {
			return grade.Grader{}, s, errors.New("labs: -key names a file of at least 16 secret characters, and needs -student")
		}
	}
	l, err := lab.Find(clone, labID)
	return grade.Grader{Root: clone, Lab: l}, s, err
}

func runQuestion(ctx context.Context, p *program, args []string) error {
	set := p.flags("question")
	student := set.String("student", "", "your ID: everybody gets a trace of their own")
	if err := set.Parse(args); err != nil {
		return err
	}
	l, _, err := p.workspace()
	if err != nil {
		return err
	}
	clone, err := p.clone()
	if err != nil {
		return err
	}
	trace, _, err := grade.Ask(ctx, clone, l, *student)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s\n", trace)
	for i, asked := range l.Questions.Asked {
		fmt.Fprintf(p.out, "%d. %s\n", i+1, asked)
	}
	fmt.Fprintf(p.out, "\nWrite your ID and the answers, as texts, into %s/%s.\n", l.Folder, l.Questions.File)
	return nil
}

// runReveal compares the files of the lab with the reference. Before every task of a file
// is green it shows nothing of it.
func runReveal(_ context.Context, p *program, _ []string) error {
	l, state, err := p.workspace()
	if err != nil {
		return err
	}
	clone, err := p.clone()
	if err != nil {
		return err
	}
	files, err := l.Files(clone)
	if err != nil {
		return err
	}
	for _, f := range files {
		if t, ok := openTask(f, state); ok {
			fmt.Fprintf(p.out, "%s: not yet, task %s is not green (as of the last check)\n", f.Path, t)
			continue
		}
		mine, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(f.Path)))
		if err != nil {
			return fmt.Errorf("labs: %w", err)
		}
		reference, err := os.ReadFile(filepath.Join(clone, filepath.FromSlash(f.Path)))
		if err != nil {
			return fmt.Errorf("labs: %w", err)
		}
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: difflib.SplitLines(string(mine)), B: difflib.SplitLines(string(reference)),
			FromFile: "yours/" + f.Path, ToFile: "reference/" + f.Path, Context: 3,
		})
		if err != nil {
			return fmt.Errorf("labs: %w", err)
		}
		if text == "" {
			text = f.Path + ": the same as the reference\n"
		}
		fmt.Fprint(p.out, text)
	}
	return nil
}

// openTask is a task that a function of the file belongs to and that is not green.
func openTask(f lab.File, state lab.State) (string, bool) {
	done := map[string]bool{}
	for _, id := range state.Done {
		done[id] = true
	}
	first := ""
	for _, id := range f.Functions {
		if !done[id] && (first == "" || id < first) {
			first = id
		}
	}
	return first, first != ""
}
