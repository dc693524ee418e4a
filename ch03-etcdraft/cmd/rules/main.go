// Command rules leads from each rule of the Raft paper to its line in the paper as a
// program (chapter 2) and in the production library (chapter 3), and says what the library
// does differently there.
//
//	go run ./ch03-etcdraft/cmd/rules        prints the table
//	go run ./ch03-etcdraft/cmd/rules -w     writes ch03-etcdraft/RULES.md
//
// The rules and their texts are those of package paper, which names each where it fires. For
// the library the table in places.go names a function and a piece of one of its lines. Both
// are looked up in the source, and a rule without a line is an error; so is a table that
// is not up to date (the test of this package).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// target is the file with the table, from the top of the project.
const target = "ch03-etcdraft/RULES.md"

func main() {
	write := flag.Bool("w", false, "write "+target+" instead of printing it")
	root := flag.String("root", ".", "the top of the project")
	flag.Parse()
	if err := run(*root, *write); err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		os.Exit(1)
	}
}

func run(root string, write bool) error {
	table, err := render(root)
	if err != nil {
		return err
	}
	if !write {
		fmt.Print(table)
		return nil
	}
	return os.WriteFile(filepath.Join(root, target), []byte(table), 0o644)
}
