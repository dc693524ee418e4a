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
//	server: extra flags of the server (optional)
//	identity: fixed (optional; see Scenario.FixedIdentity)
//
//	# a comment
//	etcdctl put foo bar        one command a line; $EP is the client address
//	= OK                       this text must be in the output
//	etcdctl txn
//	| mod("foo") > "0"         standard input of the command above
//	grpc KV/Range key:"foo"    a bare gRPC call, request in protobuf's text form
//	repeat 3 etcdctl put k v$I the same command with $I = 1, 2, 3
//	restart                    stop with SIGTERM, start again; kill: with SIGKILL
//	differs: S9                the next command must differ, see DIFFERS.md
//	=debian TEXT               … and this is what the reference says
//	=ours TEXT                 … and this is what we say
type Scenario struct {
	Name        string // file name without .txt
	Title       string
	Proves      string
	ServerFlags []string

	// FixedIdentity makes both servers advertise the same URLs, whatever ports
	// they listen on. Member and cluster IDs are hashes of these URLs, so they
	// are compared too, and so are hashes over the whole database.
	FixedIdentity bool

	Steps []Step
}

// Step is one command of a scenario.
type Step struct {
	Line    int    // in the script, from 1
	Text    string // as written
	Verb    string // etcdctl, curl, grpc, metrics, restart, kill
	Rest    string // what follows the verb
	Repeat  int    // how often to run it, $I counts from 1
	Input   string // standard input
	Differs string // ID of DIFFERS.md, "" when both must agree

	Want       []string // texts in the output of both
	WantDebian []string // texts in the output of the reference (marked steps)
	WantOurs   []string // texts in our output (marked steps)
}

var verbs = map[string]bool{"etcdctl": true, "curl": true, "grpc": true, "metrics": true, "restart": true, "kill": true}

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
	differs  string // mark waiting for its step
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

var headerLine = regexp.MustCompile(`^(title|proves|server|identity|differs): *(.*)$`)

func cutHeader(line string) (key, value string, ok bool) {
	m := headerLine.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

func (p *parser) header(key, value string) error {
	if key == "differs" {
		p.differs = value
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

func (p *parser) step(number int, line string) error {
	step := Step{Line: number, Text: line, Repeat: 1, Differs: p.differs}
	p.differs = ""
	verb, rest, _ := strings.Cut(line, " ")
	if verb == "repeat" {
		count, command, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return fmt.Errorf("repeat %q: want a count, then a command", count)
		}
		step.Repeat = n
		verb, rest, _ = strings.Cut(command, " ")
	}
	if !verbs[verb] {
		return fmt.Errorf("unknown command %q", verb)
	}
	step.Verb, step.Rest = verb, strings.TrimSpace(rest)
	p.scenario.Steps = append(p.scenario.Steps, step)
	return nil
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
	case p.differs != "":
		return s, fmt.Errorf("differs: %s marks no command", p.differs)
	case p.joined != "":
		return s, errors.New(`last line ends in \`)
	}
	for _, step := range s.Steps {
		if step.Differs == "" && len(step.WantDebian)+len(step.WantOurs) > 0 {
			return s, fmt.Errorf("line %d: =debian and =ours need a differs: mark", step.Line)
		}
		if step.Differs != "" && len(step.Want) > 0 {
			return s, fmt.Errorf("line %d: a marked command takes =debian and =ours", step.Line)
		}
	}
	return s, nil
}
