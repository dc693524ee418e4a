package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Mask hides what two servers may not agree on, and nothing else.
//
//  1. An ID, an address or a version is hidden by its exact value, which the
//     harness learned from that server, never by its looks.
//  2. A number is hidden only under the name of its field.
//  3. A mask leaves its name in the text, so a missing field still shows.
//  4. Only two things go without a trace of their content: help texts, which are
//     each program's own words, and what etcdctl 3.4 logs about its progress.
//  5. Revisions, versions of keys, counts, keys, values and hashes pass.
type Mask struct {
	literals []literal
}

// literal hides one exact value where it stands as a whole word.
type literal struct {
	value   string
	pattern *regexp.Regexp
	with    string
}

// Hide replaces value by name from now on. An empty value hides nothing.
func (m *Mask) Hide(value, name string) {
	if value == "" {
		return
	}
	// \b does not see the dots of an address or a version.
	pattern := regexp.MustCompile(`(^|[^0-9A-Za-z.])` + regexp.QuoteMeta(value) + `($|\.?[^0-9A-Za-z.]|\.$)`)
	m.literals = append(m.literals, literal{value, pattern, "${1}" + strings.ReplaceAll(name, "$", "$$") + "${2}"})
}

// HideID hides an ID in the two forms that clients print: hex and decimal.
func (m *Mask) HideID(id uint64, name string) {
	if id == 0 {
		return
	}
	m.Hide(strconv.FormatUint(id, 16), name)
	m.Hide(fmt.Sprintf("%016x", id), name)
	m.Hide(strconv.FormatUint(id, 10), name)
}

// Apply returns text with every mask in place.
func (m *Mask) Apply(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(m.line(line))
	}
	return b.String()
}

// line searches for plain words first, which keeps values of megabytes cheap.
func (m *Mask) line(line string) string {
	for _, l := range m.literals {
		// Twice: neighbours share the character between them.
		for range 2 {
			if strings.Contains(line, l.value) {
				line = l.pattern.ReplaceAllString(line, l.with)
			}
		}
	}
	for _, f := range fieldMasks {
		if slices.ContainsFunc(f.words, func(word string) bool { return strings.Contains(line, word) }) {
			line = f.pattern.ReplaceAllString(line, f.with)
		}
	}
	return line
}

type fieldMask struct {
	name    string   // for the tests: every mask has its own
	words   []string // one of them is in every line that the pattern matches
	pattern *regexp.Regexp
	with    string
}

// fieldMasks know a value by the field it stands in: JSON ("raft_term":2),
// etcdctl's fields ("RaftTerm" : 2), protobuf text (raft_term: 2), the comma
// and table forms of endpoint status, and the log lines of etcdctl itself.
var fieldMasks = []fieldMask{
	field("term", `raft_term|raftTerm|RaftTerm`, `\d+`),
	field("index", `raftIndex|raftAppliedIndex|RaftIndex|RaftAppliedIndex`, `\d+`),
	field("dbsize", `dbSize|dbSizeInUse|DBSize|DBSizeInUse`, `\d+`),
	field("took", `took|Took`, `"?[0-9.]+(?:ns|µs|ms|s)"?`),
	{"took-simple", []string{"took = "}, regexp.MustCompile(`took = [0-9.]+(ns|µs|ms|s)\b`), "took = <took>"},
	{"took-table", []string{"$EP |"}, regexp.MustCompile(`(?m)^(\| +(?:https?://)?\$EP \| +(?:true|false) \|) +[0-9.]+(?:ns|µs|ms|s) \|`), "$1 <took> |"},
	{"status-simple", []string{"$EP, "}, regexp.MustCompile(`(?m)^((?:https?://)?\$EP, [^,]+, [^,]+), [0-9.]+ [kMG]?B, (true|false), (true|false), \d+, \d+, \d+,`),
		"$1, <dbsize>, $2, $3, <term>, <index>, <index>,"},
	{"status-table", []string{"$EP |"}, regexp.MustCompile(`(?m)^\| +((?:https?://)?\$EP) \| +([^ |]+) \| +([^ |]+) \| +[0-9.]+ [kMG]?B \| +(true|false) \| +(true|false) \| +\d+ \| +\d+ \| +\d+ \|`),
		"| $1 | $2 | $3 | <dbsize> | $4 | $5 | <term> | <index> | <index> |"},
	{"log-time", []string{`"ts"`}, regexp.MustCompile(`("ts"):(?:"[-0-9T:.Z+]+"|[0-9.]+)`), `$1:"<time>"`},
	{"log-date", []string{"stderr: 2"}, regexp.MustCompile(`^stderr: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+`), "stderr: <time>"},
	{"log-progress", []string{`{"level":"info"`}, regexp.MustCompile(`^stderr: \{"level":"info".*\n`), ""},
	{"log-caller", []string{`"caller"`}, regexp.MustCompile(`"caller":"[^"]*"`), `"caller":"<caller>"`},
	{"log-target", []string{`"target"`}, regexp.MustCompile(`"target":"[a-z-]+://[^/"]*/`), `"target":"<resolver>/`},
	{"remaining", []string{"remaining("}, regexp.MustCompile(`remaining\(\d+s\)`), "remaining(<ttl>)"},
	{"remaining-fields", []string{`"TTL" : `}, regexp.MustCompile(`"TTL" : \d{2,}`), `"TTL" : <ttl>`},
	{"remaining-json", []string{"granted-ttl", "grantedTTL"}, regexp.MustCompile(`"(ttl|TTL)":"?\d+"?`), `"$1":<ttl>`},
	{"file-size", []string{" kB"}, regexp.MustCompile(`(?m)^([0-9a-f]+, \d+, \d+), [0-9.]+ kB$`), "$1, <size>"},
	{"file-size-table", []string{" kB "}, regexp.MustCompile(`(?m)^(\| +[0-9a-f]+ \| +\d+ \| +\d+ \|) +[0-9.]+ kB +\|$`), "$1 <size> |"},
	{"file-size-fields", []string{`"Size" : `, `"totalSize":`}, regexp.MustCompile(`("Size" : |"totalSize":)\d+`), "$1<size>"},
	{"snapshot-hash", []string{"expected sha256 "}, regexp.MustCompile(`expected sha256 \[[\d ]+\], got \[[\d ]+\]`), "expected sha256 <hash>, got <hash>"},
	{"http-date", []string{"Date: ", "date: "}, regexp.MustCompile(`(?m)^(Date|date): .*$`), "$1: <time>"},
}

// field hides value after "NAME": or NAME:, keeping the name.
func field(mask, names, value string) fieldMask {
	return fieldMask{mask, strings.Split(names, "|"), regexp.MustCompile(`(\b(?:` + names + `)"? ?: ?)"?` + value + `"?`), "${1}<" + mask + ">"}
}

// squeezeTable undoes the layout of etcdctl's tables, whose column widths
// follow the widths of masked values. Only for commands with -w table.
func squeezeTable(text string) string {
	text = tableRule.ReplaceAllStringFunc(text, func(rule string) string {
		return strings.Repeat("+-", strings.Count(rule, "+")-1) + "+"
	})
	return tableBlanks.ReplaceAllString(text, " ")
}

var (
	tableRule   = regexp.MustCompile(`(?m)^\+(?:-+\+)+$`)
	tableBlanks = regexp.MustCompile(` {2,}`)
)

// hideHelp cuts the help that etcdctl prints, from its first heading to the end.
func hideHelp(text string) string { return help.ReplaceAllString(text, "<help>\n$1") }

var help = regexp.MustCompile(`(?s)(?:stderr: )?NAME:\n.*?(\[exit \d+\]\n)`)

// maskName is what masks leave behind.
var maskName = regexp.MustCompile(`<[a-z0-9]+>|\$EP|\$PEER|\$DIR`)
