package bugs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"insideetcd/labs/overlay"
	"insideetcd/labs/runner"
)

// Verdict is what became of a planted bug.
type Verdict string

// Only Caught is good.
const (
	Caught    Verdict = "caught"
	Survived  Verdict = "SURVIVED"             // the test passes with the bug in
	Stale     Verdict = "STALE"                // the place is not in the file any more
	NoBuild   Verdict = "DOES NOT BUILD"       // the bug, or the reference
	NoEnd     Verdict = "TIME-OUT"             // counts as not caught
	Nameless  Verdict = "RULE NOT NAMED"       // fails, without an assertion that names the rule
	Unsteady  Verdict = "TWO DIFFERENT RUNS"   // the second run is not like the first
	Reference Verdict = "FAILS WITHOUT IT TOO" // the test does not pass on the reference
)

// Catch is one bug and what became of it.
type Catch struct {
	Bug     Bug
	Verdict Verdict
	Seeds   int    // that the test tried until it failed; 1 for a test without seeds
	Output  string // of the run that decided
	Elapsed time.Duration
}

// timeLimit is for one run of one test.
const timeLimit = 60 * time.Second

// Hunter plants bugs into the tree at Root.
type Hunter struct {
	Root string

	mu    sync.Mutex
	clean map[string]*reference // by folder and test: does it pass without a bug?
}

type reference struct {
	once sync.Once
	err  error
}

// NewHunter returns a hunter for the tree at root.
func NewHunter(root string) *Hunter { return &Hunter{Root: root, clean: map[string]*reference{}} }

// Hunt plants one bug and runs its test. The error is about the machine or the context,
// not about the bug.
func (h *Hunter) Hunt(ctx context.Context, b Bug) (Catch, error) {
	start := time.Now()
	c := Catch{Bug: b}
	err := h.hunt(ctx, &c)
	c.Elapsed = time.Since(start)
	return c, err
}

func (h *Hunter) hunt(ctx context.Context, c *Catch) error {
	o := overlay.New(h.Root)
	if err := o.Replace(c.Bug.Package+"/"+c.Bug.File, c.Bug.Find, c.Bug.Replace); err != nil {
		c.Verdict, c.Output = Stale, err.Error()
		return nil
	}
	folder, test := c.Bug.Test()
	if err := h.passesWithout(ctx, folder, test, c.Bug.Flags); err != nil {
		c.Verdict, c.Output = Reference, err.Error()
		return ctx.Err()
	}
	binary, err := runner.Build(ctx, o, folder, runner.Options{})
	if refused := (*runner.BuildError)(nil); errors.As(err, &refused) {
		c.Verdict, c.Output = NoBuild, refused.Output
		return nil
	} else if err != nil {
		return err
	}
	defer binary.Close()
	var first string
	for i := range 2 {
		result, err := binary.Run(ctx, test, runner.Limits{Time: timeLimit}, c.Bug.Flags...)
		if err != nil {
			return err
		}
		c.Output = result.Output
		if c.Verdict = judge(c.Bug, result); c.Verdict != Caught {
			return nil
		}
		if i == 0 {
			first = signature(result.Output)
		} else if now := signature(result.Output); now != first {
			c.Verdict, c.Output = Unsteady, fmt.Sprintf("first:\n%s\nsecond:\n%s\n%s", first, now, result.Output)
		}
		c.Seeds = seedsOf(result.Output)
	}
	return nil
}

// passesWithout runs the test on the reference, once for all bugs that it catches.
func (h *Hunter) passesWithout(ctx context.Context, folder, test string, flags []string) error {
	key := strings.Join(append([]string{folder, test}, flags...), " ")
	h.mu.Lock()
	known := h.clean[key]
	if known == nil {
		known = &reference{}
		h.clean[key] = known
	}
	h.mu.Unlock()
	known.once.Do(func() {
		var binary *runner.Binary
		if binary, known.err = runner.Build(ctx, overlay.New(h.Root), folder, runner.Options{}); known.err != nil {
			return
		}
		defer binary.Close()
		result, err := binary.Run(ctx, test, runner.Limits{Time: timeLimit}, flags...)
		if err == nil && result.Status != runner.Passed {
			err = fmt.Errorf("the reference: %s is %s\n%s", test, result.Status, result.Output)
		}
		known.err = err
	})
	return known.err
}

var (
	// assertion is the line of a test, or of a helper, that said what is wrong, or the end
	// of what an Example printed.
	assertion = regexp.MustCompile(`(?m)^\s+(Error Trace:\s+)?\S+\.go:\d+|^want:$`)
	panicked  = regexp.MustCompile(`(?m)^\s*(panic|fatal error): .*(\n.*)?`)
	failLine  = regexp.MustCompile(`(?m)^ *--- FAIL: \S+`)
	seedsLine = regexp.MustCompile(`(?i)\bseeds tried: (\d+)`)
)

// judge looks at one run of a bug's test.
func judge(b Bug, result runner.Result) Verdict {
	switch result.Status {
	case runner.Passed:
		return Survived
	case runner.TimedOut, runner.TooMuch:
		return NoEnd
	case runner.Failed:
	default:
		return Nameless
	}
	said := result.Output
	if strings.Contains(said, "panic: test timed out") {
		return NoEnd
	}
	if m := panicked.FindString(said); m != "" {
		said = m // an assertion in the code itself; a mere crash does not name a rule
	} else if !assertion.MatchString(said) {
		return Nameless
	}
	if !names(said, b.Name()) {
		return Nameless
	}
	return Caught
}

// names tells whether the text holds the rule's name, as words of their own. Names of
// tests count: TestRegression_S7_… names S7, and TestLaterTermOverwrites names "later term
// overwrites".
func names(text, rule string) bool {
	word := regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(rule) + `($|[^\pL\pN])`)
	return word.MatchString(text) || strings.Contains(rule, " ") && strings.Contains(letters(text), letters(rule))
}

// letters leaves out everything but letters and digits, and the difference of case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// signature is what two runs of one seed have in common: which tests failed, where it was
// seen, after how many seeds. Sorted, because a test may go through a map of cases.
func signature(output string) string {
	lines := slices.Concat(failLine.FindAllString(output, -1), assertion.FindAllString(output, -1))
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	slices.Sort(lines)
	return strings.Join(append(slices.Compact(lines), fmt.Sprint("seeds tried: ", seedsOf(output))), "\n")
}

// seedsOf reads how many seeds a test tried until it failed.
func seedsOf(output string) int {
	if m := seedsLine.FindStringSubmatch(output); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return 1
}
