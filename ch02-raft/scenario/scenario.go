// Package scenario tells Raft as scripts: a cluster in which nothing happens unless a line
// of the script lets it happen. Under each command stands what it led to, so a script with
// its output reads as an account of the protocol, and is a test of it: [Run] plays a script
// and compares.
//
// A script is a sequence of comments, commands and outputs in the form of
// cockroachdb/datadriven:
//
//	# Server 1's patience ends first. It asks the others for their votes.
//	campaign 1
//	deliver
//	----
//	S1 pre-candidate, term 0
//	…
//
// A cluster that nobody made has three servers with default settings. Commands (N: a
// server; words in brackets may be left out; FILTER: any of n=COUNT from=N to=N kind=NAME):
//
//	cluster nodes=3 [election=10] [heartbeat=1] [seed=1] [prevote] [checkquorum] [lease] [drift=PERCENT]
//	show|hide WORD…          what is told: messages sends terms roles saves commits applies
//	                         rules requests; at first all but sends, terms, saves and rules
//	tick N|all [COUNT]       clocks tick, messages stay where they are
//	run COUNT                all clocks tick, all messages arrive, COUNT times
//	campaign N               N's clock ticks until it asks for votes
//	elect N                  the same, and messages arrive until N leads
//	deliver [FILTER]         messages arrive, and with no FILTER also what they lead to
//	drop [FILTER]            messages are lost
//	wire                     lists the messages under way
//	partition 1 2 | 3 4 5    groups that cannot reach each other; lost is what tries
//	isolate N | cut FROM TO  N reaches nobody | one direction only
//	heal                     all cuts end
//	slow N | sync N | fast N N's disk takes until sync N, or fast N
//	crash N [keep=RECORDS]   N stops; of what it is writing survive the first RECORDS (0)
//	restart N
//	propose N KEY=VALUE      a client writes at N
//	cas N KEY OLD NEW        a client replaces OLD ("-": nothing) by NEW
//	read N KEY [local]       a client reads; local: N answers from its own state, asking nobody
//	timeout REQUEST          the client stops waiting for request number REQUEST
//	transfer N TO            N is asked to hand leadership over
//	compact N                N makes a snapshot and forgets its log up to it
//	logs | status | state | history
//	expect leader N | no leader | role N ROLE | term N T | commit N INDEX | applied N INDEX |
//	       last N INDEX | first N INDEX | value N KEY=VALUE | answer REQUEST TEXT… |
//	       wire COUNT | linearizable | not linearizable
//
// An invariant that is violated on the way is told where it happens and ends the script.
package scenario

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"insideetcd/ch02-raft/sim"
)

//go:embed testdata
var files embed.FS

// Names are the scripts that come with this package, sorted.
func Names() []string {
	found, err := fs.Glob(files, "testdata/*.txt")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, name := range found {
		found[i] = strings.TrimSuffix(path.Base(name), ".txt")
	}
	return found
}

// Text is the script of that name. The error lists the names there are.
func Text(name string) (string, error) {
	text, err := files.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		return "", fmt.Errorf("scenario: there is no script %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return string(text), nil
}

// Run plays a script and returns it with the output that the engine makes of it. The error
// joins what went otherwise than the script tells: an expectation, an invariant, or an
// output that differs from the recorded one (if the script records any).
func Run(engine sim.Engine, script string) (output string, err error) {
	var out strings.Builder
	var problems []error
	p := NewPlayer(engine)
	for _, b := range blocks(script) {
		out.WriteString(b.comment)
		if b.command == "" {
			continue
		}
		got, err := p.Play(b.command)
		if err != nil {
			problems = append(problems, err)
		}
		fmt.Fprintf(&out, "%s\n----\n%s", b.command, got)
		if b.recorded && strings.TrimRight(got, "\n") != strings.TrimRight(b.output, "\n") {
			problems = append(problems, fmt.Errorf("scenario: %q led to\n%s\ninstead of\n%s", b.command, got, b.output))
		}
	}
	return out.String(), errors.Join(problems...)
}

// block is a command with what stands before and after it.
type block struct {
	comment  string // comments and empty lines before it
	command  string // one or more lines
	recorded bool
	output   string
}

// blocks cuts a script into its commands. Output ends with an empty line.
func blocks(script string) []block {
	var list []block
	var b block
	inOutput := false
	for line := range strings.Lines(script) {
		text := strings.TrimRight(line, "\r\n")
		switch {
		case inOutput && text != "":
			b.output += text + "\n"
		case inOutput:
			list, b, inOutput = append(list, b), block{comment: "\n"}, false
		case text == "----":
			b.recorded, inOutput = true, true
		case b.command == "" && (text == "" || strings.HasPrefix(text, "#")):
			b.comment += text + "\n"
		case text == "":
			list, b = append(list, b), block{comment: "\n"}
		default:
			b.command = strings.TrimPrefix(b.command+"\n"+text, "\n")
		}
	}
	return append(list, b)
}
