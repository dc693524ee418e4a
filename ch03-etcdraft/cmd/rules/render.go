package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"insideetcd/ch02-raft/paper"
)

const head = `<!-- Made by: go run ./ch03-etcdraft/cmd/rules -w -->
# From the paper to the code

Every rule of Figure 2 of the Raft paper, of its later sections and of the dissertation (d.), with the line where
chapter 2 says it in the paper's words (` + "`ch02-raft/paper`" + `), the line where the library has it (` + "`raft`" + `), and what
the library does differently there.
`

// render makes the table from the sources under root.
func render(root string) (string, error) {
	words, err := load(filepath.Join(root, "ch02-raft", "paper"))
	if err != nil {
		return "", err
	}
	library, err := load(filepath.Join(root, "ch03-etcdraft", "raft"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	constants, box := words.constants(), ""
	for _, rule := range paper.Rules() {
		if rule.Box != box {
			box = rule.Box
			fmt.Fprintf(&b, "\n## %s\n\n| rule | | says | paper | raft | differs |\n|---|---|---|---|---|---|\n", box)
		}
		row, err := row(rule, constants[rule.Name], words, library)
		if err != nil {
			return "", fmt.Errorf("rule %q: %w", rule.Name, err)
		}
		b.WriteString(row)
	}
	if len(places) != len(paper.Rules()) {
		return "", fmt.Errorf("places.go has %d rules, the paper %d: one has no such name any more", len(places), len(paper.Rules()))
	}
	return b.String(), nil
}

func row(rule paper.RuleText, constant string, words, library *source) (string, error) {
	if constant == "" {
		return "", fmt.Errorf("rules.go of package paper does not name it")
	}
	fires := words.uses(constant, "rules.go")
	if len(fires) == 0 {
		return "", fmt.Errorf("%s fires nowhere in package paper", constant)
	}
	p, ok := places[rule.Name]
	if !ok {
		return "", fmt.Errorf("places.go does not say where the library has it")
	}
	at, err := library.find(p)
	if err != nil {
		return "", err
	}
	links := make([]string, len(fires))
	for i, f := range fires {
		links[i] = link("../ch02-raft/paper", f)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | `%s` %s | %s |\n", rule.Name, rule.Section, rule.Text,
		strings.Join(links, ", "), p.function, link("raft", at), p.differs), nil
}

// link leads to a line, from the folder of the table.
func link(folder string, s spot) string {
	return fmt.Sprintf("[%s:%d](%s/%[1]s#L%[2]d)", s.file, s.line, folder)
}
