package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Scenario is one script:
//
//	title: one line
//	proves: what equal transcripts show
//	server: extra flags of the server (optional); none: the script needs no server
//	identity: fixed (optional; see Scenario.FixedIdentity)
//
//	# a comment
//	etcdctl put foo bar        one command a line; $EP is the client address
//	= OK                       this text must be in the output
//	etcdctl txn
//	| mod("foo") > "0"         standard input of the command above
//	NAME=value etcdctl get a   … with a variable of its environment
//	grpc KV/Range key:"foo"    a bare gRPC call, request in protobuf's text form
//	sh head -c 9 db > cut      what a shell does to files in the run's directory
//	repeat 3 etcdctl put k v$I the same command with $I = 1, 2, 3
//	restart                    stop with SIGTERM, start again; kill: with SIGKILL
//	differs: S9                with the next command, our server must differ from
//	                           Debian's, see DIFFERS.md
//	etcdctl-differs: HELP      … or our etcdctl from Debian's, or both
//	=debian TEXT               … and this is what the reference says
//	=ours TEXT                 … and this is what is said where the marked is ours
//
// Conversations go on across commands (see conversation):
//
//	open w grpc Watch/Watch    a stream, named w; or: open w etcdctl watch -i
//	send w create_request:{}   a request in protobuf's text form, a line of input
//	recv w 3                   the next three messages or lines, in their order
//	collect w 3                the next three events of a watch, watcher by watcher
//	close w                    end of input; shows what follows and how it ended
//	stop w                     ends it at once and shows nothing
//	until 9 etcdctl watch a    open, all the input, recv 9, stop
//	await NAME VALUE           waits until /metrics says so
type Scenario struct {
	Name        string // file name without .txt
	Title       string
	Proves      string
	ServerFlags []string
	NoServer    bool

	// FixedIdentity makes both servers advertise the same URLs, whatever ports
	// they listen on. Member and cluster IDs are hashes of these URLs, so they
	// are compared too, and so are hashes over the whole database.
	FixedIdentity bool

	Steps []Step
}

// Step is one command of a scenario.
type Step struct {
	Line   int      // in the script, from 1
	Text   string   // as written
	Env    []string // NAME=value before the verb
	Verb   string   // one of verbs
	Name   string   // of the conversation
	Rest   string   // what follows verb and name
	Repeat int      // how often to run it, $I counts from 1
	Count  int      // of until
	Input  string   // standard input

	// IDs of DIFFERS.md; "" where Debian's and ours must agree.
	Differs    string // server
	CtlDiffers string // etcdctl

	Want       []string // texts in all outputs
	WantDebian []string // texts in the output of the reference (marked steps)
	WantOurs   []string // texts where all that is marked is ours (marked steps)
}

// marked reports whether the step may differ anywhere.
func (s Step) marked() bool { return s.Differs != "" || s.CtlDiffers != "" }

// callsEtcdctl reports whether it matters to the step whose etcdctl plays.
func (s Step) callsEtcdctl() bool {
	runsOn := s.Verb == "open" || s.Verb == "until"
	return s.Verb == "etcdctl" || runsOn && strings.HasPrefix(s.Rest, "etcdctl ")
}

// verbs tells of each verb whether the name of a conversation follows it.
var verbs = map[string]bool{
	"etcdctl": false, "curl": false, "grpc": false, "sh": false, "metrics": false, "await": false,
	"restart": false, "kill": false, "until": false,
	"open": true, "send": true, "recv": true, "collect": true, "close": true, "stop": true,
}

// LoadScenarios reads every *.txt of dir, in name order.
func LoadScenarios(dir string) ([]Scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt")) // sorted by Glob
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no scenario (*.txt) in %s", dir)
	}
	var all []Scenario
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		scenario, err := ParseScenario(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, scenario)
	}
	return all, nil
}

// ParseScenario reads one script. Errors name the line.
func ParseScenario(name, text string) (Scenario, error) {
	p := parser{scenario: Scenario{Name: name}}
	lines := bufio.NewScanner(strings.NewReader(text))
	number := 0
	for lines.Scan() {
		number++
		if err := p.line(number, lines.Text()); err != nil {
			return Scenario{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return Scenario{}, err
	}
	return p.finish()
}

type parser struct {
	scenario Scenario
	marks    Step   // whose marks wait for their step
	joined   string // text of lines that ended in a backslash
}

func (p *parser) line(number int, line string) error {
	if strings.HasPrefix(line, "|") {
		return p.input(strings.TrimPrefix(strings.TrimPrefix(line, "|"), " "))
	}
	line = strings.TrimSpace(line)
	if head, more := strings.CutSuffix(line, `\`); more {
		p.joined += strings.TrimSpace(head) + " "
		return nil
	}
	line, p.joined = p.joined+line, ""
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, "="):
		return p.want(line)
	}
	if key, value, ok := cutHeader(line); ok {
		return p.header(key, value)
	}
	return p.step(number, line)
}

var headerLine = regexp.MustCompile(`^(title|proves|server|identity|differs|etcdctl-differs): *(.*)$`)

func cutHeader(line string) (key, value string, ok bool) {
	m := headerLine.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

func (p *parser) header(key, value string) error {
	switch key {
	case "differs":
		p.marks.Differs = value
		return nil
	case "etcdctl-differs":
		p.marks.CtlDiffers = value
		return nil
	}
	if len(p.scenario.Steps) > 0 {
		return fmt.Errorf("%s: stands above the first command", key)
	}
	switch key {
	case "title":
		p.scenario.Title = value
	case "proves":
		p.scenario.Proves = strings.TrimSpace(p.scenario.Proves + " " + value)
	case "server":
		if value == "none" {
			p.scenario.NoServer = true
			return nil
		}
		flags, err := splitWords(value)
		p.scenario.ServerFlags = append(p.scenario.ServerFlags, flags...)
		return err
	case "identity":
		if value != "fixed" {
			return fmt.Errorf("identity: %q, want fixed", value)
		}
		p.scenario.FixedIdentity = true
	}
	return nil
}

func (p *parser) step(number int, line string) (err error) {
	step := p.marks
	p.marks = Step{}
	step.Line, step.Text, step.Repeat = number, line, 1
	word, rest := cutBlank(line)
	if word == "repeat" {
		if step.Repeat, rest, err = cutCount(rest); err != nil {
			return fmt.Errorf("repeat: %w", err)
		}
		word, rest = cutBlank(rest)
	}
	if word == "until" {
		if step.Count, rest, err = cutCount(rest); err != nil {
			return fmt.Errorf("until: %w", err)
		}
		word, rest = cutBlank(rest)
	}
	for setting.MatchString(word) {
		step.Env = append(step.Env, word)
		word, rest = cutBlank(rest)
	}
	if step.Count > 0 {
		word, rest = "until", word+" "+rest
	}
	named, known := verbs[word]
	if !known {
		return fmt.Errorf("unknown command %q", word)
	}
	if step.Verb = word; named {
		if step.Name, rest = cutBlank(rest); step.Name == "" {
			return fmt.Errorf("%s: want the name of a conversation", word)
		}
	}
	step.Rest = rest
	p.scenario.Steps = append(p.scenario.Steps, step)
	return nil
}

var setting = regexp.MustCompile(`^[A-Z_]+=`)

// cutBlank takes the first word off.
func cutBlank(text string) (word, rest string) {
	word, rest, _ = strings.Cut(text, " ")
	return word, strings.TrimSpace(rest)
}

// cutCount takes a number off that stands before a command.
func cutCount(text string) (n int, rest string, err error) {
	count, rest := cutBlank(text)
	if n, err = strconv.Atoi(count); err != nil || n < 1 {
		return 0, "", fmt.Errorf("%q: want a count, then a command", count)
	}
	return n, rest, nil
}

func (p *parser) last() (*Step, error) {
	if n := len(p.scenario.Steps); n > 0 {
		return &p.scenario.Steps[n-1], nil
	}
	return nil, errors.New("stands before any command")
}

func (p *parser) input(line string) error {
	step, err := p.last()
	if err == nil {
		step.Input += line + "\n"
	}
	return err
}

func (p *parser) want(line string) error {
	step, err := p.last()
	if err != nil {
		return err
	}
	who, text, _ := strings.Cut(line, " ")
	switch who {
	case "=":
		step.Want = append(step.Want, text)
	case "=debian":
		step.WantDebian = append(step.WantDebian, text)
	case "=ours":
		step.WantOurs = append(step.WantOurs, text)
	default:
		return fmt.Errorf("%q: want =, =debian or =ours, a blank, then text", who)
	}
	return nil
}

func (p *parser) finish() (Scenario, error) {
	s := p.scenario
	switch {
	case s.Title == "" || s.Proves == "":
		return s, errors.New("title: and proves: are required")
	case len(s.Steps) == 0:
		return s, errors.New("no commands")
	case p.marks.marked():
		return s, fmt.Errorf("differs: %s marks no command", p.marks.Differs+p.marks.CtlDiffers)
	case p.joined != "":
		return s, errors.New(`last line ends in \`)
	}
	for _, step := range s.Steps {
		if !step.marked() && len(step.WantDebian)+len(step.WantOurs) > 0 {
			return s, fmt.Errorf("line %d: =debian and =ours need a differs: mark", step.Line)
		}
		if step.marked() && len(step.Want) > 0 {
			return s, fmt.Errorf("line %d: a marked command takes =debian and =ours", step.Line)
		}
	}
	return s, nil
}
