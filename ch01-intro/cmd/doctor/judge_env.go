package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// etcdFlags has a line for each flag of the etcd server, from 3.3 to 3.7:
//
//	name [first minor version of etcd 3 if after 3.3] [-last minor version if gone since]
//
//go:embed etcd-flags.txt
var etcdFlags string

// supported is the minor version whose flags this project's server follows: etcd 3.4.
const supported = 4

// lifetime says in which etcd 3.x a flag exists.
type lifetime struct{ first, last int }

// knownVariables maps a variable to the lifetime of its flag: --data-dir is ETCD_DATA_DIR.
var knownVariables = readFlags(etcdFlags)

func readFlags(text string) map[string]lifetime {
	known := map[string]lifetime{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		life := lifetime{first: 3, last: 99}
		for _, f := range fields[1:] {
			if last, gone := strings.CutPrefix(f, "-"); gone {
				life.last, _ = strconv.Atoi(last)
			} else {
				life.first, _ = strconv.Atoi(f)
			}
		}
		known[variable(fields[0])] = life
	}
	return known
}

func variable(flag string) string {
	return "ETCD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// judgeEnv judges names only. etcd warns of a variable that it does not know and starts
// without it: a spelling mistake then shows as a setting that does nothing.
func judgeEnv(names []string) Finding {
	if len(names) == 0 {
		return ok("env", "no ETCD_ variables are set: flags and defaults decide")
	}
	found := ok("env", "%s (values are not shown)", strings.Join(names, ", "))
	var advice []string
	for _, name := range names {
		switch life, known := knownVariables[name]; {
		case name == "ETCD_CONFIG_FILE" && len(names) > 1:
			advice = append(advice, name+" makes etcd ignore all the others")
		case !known:
			advice = append(advice, name+" belongs to no flag of etcd"+meant(name))
		case life.first > supported:
			advice = append(advice, fmt.Sprintf("%s came with etcd 3.%d: see whether etcd --help of your server has the flag", name, life.first))
		case life.last < supported:
			advice = append(advice, fmt.Sprintf("%s went away after etcd 3.%d", name, life.last))
		}
	}
	if advice == nil {
		return found
	}
	return found.but(Warn, "%s; unset what is not meant", strings.Join(advice, "; "))
}

// meant guesses which name was to be typed: the nearest, if at most three keys are wrong.
// Among equally near ones the first in the alphabet, so that the answer is always the same.
func meant(name string) string {
	best, distance := "", 4
	names := make([]string, 0, len(knownVariables))
	for known := range knownVariables {
		names = append(names, known)
	}
	slices.Sort(names)
	for _, known := range names {
		if d := typos(name, known); d < distance {
			best, distance = known, d
		}
	}
	if best == "" {
		return ""
	}
	return " (meant: " + best + "?)"
}

// typos is the Levenshtein distance: characters to insert, delete or change.
func typos(a, b string) int {
	row := make([]int, len(b)+1) // distances of a's first i characters to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
