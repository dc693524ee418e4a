package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// stepTimeout bounds one command; etcdctl itself gives up after five seconds.
const stepTimeout = 30 * time.Second

// Transcript is what one run of a scenario showed, an entry for each step.
type Transcript []Entry

// Entry is the masked output of one step.
type Entry struct {
	Step   Step
	Output string
}

// Run plays the scenario with etcdctl against a fresh server of etcd, both
// binaries; its files go below tmp. The error means that the run itself failed:
// the server did not start or died, a command could not be run. log is what the
// server wrote.
func Run(s Scenario, etcd, etcdctl, tmp string) (t Transcript, log string, err error) {
	server, err := NewServer(etcd, tmp, Options{Flags: s.ServerFlags, FixedIdentity: s.FixedIdentity})
	if err != nil {
		return nil, "", err
	}
	defer server.Close()
	if !s.NoServer {
		if err := server.Start(); err != nil {
			return nil, "", err
		}
	}
	run := &run{server: server, etcdctl: etcdctl, mask: server.Mask(s.FixedIdentity), dir: tmp, talks: map[string]*conversation{}}
	defer run.hangUp()
	for _, step := range s.Steps {
		output, err := run.step(step)
		if err != nil {
			return t, server.Log(), fmt.Errorf("line %d: %s: %w", step.Line, step.Text, err)
		}
		t = append(t, Entry{step, output})
		if !s.NoServer && server.Exited() {
			return t, server.Log(), fmt.Errorf("line %d: %s: the server ended: %s", step.Line, step.Text, server.cmd.ProcessState)
		}
	}
	return t, server.Log(), nil
}

type run struct {
	server  *Server
	etcdctl string
	mask    *Mask
	dir     string
	leases  []string                 // hex IDs of the leases granted so far: $LEASE1, …
	talks   map[string]*conversation // those that are open, by name
}

func (r *run) step(step Step) (string, error) {
	var output strings.Builder
	for i := 1; i <= step.Repeat; i++ {
		text, err := r.once(step, i)
		if err != nil {
			return "", err
		}
		output.WriteString(r.visible(step, text))
	}
	return output.String(), nil
}

// values is what stands for $EP, $I and the like in the i-th round of a step.
func (r *run) values(i int) *strings.Replacer {
	pairs := []string{"$EP", r.server.ClientAddr, "$PEER", r.server.PeerAddr, "$I", strconv.Itoa(i), "$DIR", r.dir}
	for n := len(r.leases); n > 0; n-- { // $LEASE12 before $LEASE1
		pairs = append(pairs, fmt.Sprintf("$LEASE%d", n), r.leases[n-1])
	}
	return strings.NewReplacer(pairs...)
}

func (r *run) once(step Step, i int) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	values := r.values(i)
	rest, input := expand(step.Rest, values), expand(step.Input, values)
	switch step.Verb {
	case "etcdctl", "curl", "sh":
		return r.program(ctx, step, rest, input)
	case "until":
		return r.until(ctx, step, rest, input)
	case "open", "send", "recv", "collect", "close", "stop":
		return r.converse(ctx, step, rest)
	case "grpc":
		return callGRPC(ctx, r.server.Conn, rest)
	case "metrics":
		return r.metrics(ctx, strings.Fields(rest))
	case "await":
		return r.await(ctx, rest)
	case "restart":
		ended, err := r.server.Stop()
		if err != nil {
			return "", err
		}
		return "server ended: " + ended + "\n", r.server.Start()
	case "kill":
		r.server.Kill()
		return "", r.server.Start()
	}
	return "", fmt.Errorf("unknown command %q", step.Verb)
}

// program runs a client program to its end. Its streams and exit status are all shown.
func (r *run) program(ctx context.Context, step Step, rest, input string) (string, error) {
	cmd, err := r.command(ctx, step.Verb, step.Env, rest)
	if err != nil {
		return "", err
	}
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w", step.Verb, err)
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("%s did not end: %w\n%s%s", step.Verb, err, &stdout, &stderr)
	}
	return wholeLines(stdout.String()) + errorLines(stderr.String()) + fmt.Sprintf("[exit %d]\n", cmd.ProcessState.ExitCode()), nil
}

// command prepares etcdctl, curl or, for what a shell does best, sh.
func (r *run) command(ctx context.Context, program string, env []string, rest string) (*exec.Cmd, error) {
	words, err := splitWords(rest)
	if err != nil {
		return nil, err
	}
	settings := append(cleanEnv(), "ETCDCTL_API=3")
	switch program {
	case "etcdctl":
		program = r.etcdctl
		if !strings.Contains(rest, "--endpoints") {
			settings = append(settings, "ETCDCTL_ENDPOINTS="+r.server.ClientAddr)
		}
	case "curl":
		words = append([]string{"--silent", "--show-error"}, words...)
	case "sh":
		words = []string{"-c", rest}
	default:
		return nil, fmt.Errorf("unknown program %q", program)
	}
	cmd := exec.CommandContext(ctx, program, words...)
	cmd.Dir, cmd.Env = r.dir, append(settings, env...)
	return cmd, nil
}

// cleanEnv is the environment without settings for etcd and its clients.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return strings.HasPrefix(name, "ETCD") || strings.HasSuffix(strings.ToLower(name), "_proxy")
	})
}

// metrics shows for each asked name whether GET /metrics has it and of which
// type; for NAME=, its samples too.
func (r *run) metrics(ctx context.Context, names []string) (string, error) {
	exposition, err := r.exposition(ctx)
	if err != nil {
		return "", err
	}
	return pickMetrics(exposition, names), nil
}

// await polls until a sample of /metrics, name and labels, has the value. It is
// how a script knows that a watch of etcdctl, which says nothing before its first
// event, has arrived.
func (r *run) await(ctx context.Context, sample string) (string, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		exposition, err := r.exposition(ctx)
		if err != nil {
			return "", err
		}
		if strings.Contains(exposition, "\n"+sample+"\n") {
			return sample + "\n", nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			name, _, _ := strings.Cut(sample, " ")
			return "", fmt.Errorf("%w; at last:\n%s", ctx.Err(), pickMetrics(exposition, []string{name + "="}))
		}
	}
}

func (r *run) exposition(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.server.ClientAddr+"/metrics", nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read /metrics: %w", err)
	}
	return string(body), nil
}

func pickMetrics(exposition string, names []string) string {
	var b strings.Builder
	for _, name := range names {
		name, values := strings.CutSuffix(name, "=")
		kind := "absent"
		if m := regexp.MustCompile(`(?m)^# TYPE ` + name + ` (\w+)$`).FindStringSubmatch(exposition); m != nil {
			kind = m[1]
		}
		fmt.Fprintf(&b, "%s %s\n", name, kind)
		if values {
			samples := regexp.MustCompile(`(?m)^`+name+`(\{.*\})? .*$`).FindAllString(exposition, -1)
			slices.Sort(samples)
			for _, sample := range samples {
				b.WriteString(sample + "\n")
			}
		}
	}
	return b.String()
}

// leaseGranted finds the ID in etcdctl's answer to lease grant, leaseID in that
// of the bare call, of the gateway, and of etcdctl's other formats.
var (
	leaseGranted = regexp.MustCompile(`(?m)^lease ([0-9a-f]{16}) granted with TTL`)
	leaseID      = regexp.MustCompile(`(?m)^ID: (\d+)$|"(?:ID|id)" ?: ?"?(\d+)`)
	grantsLease  = regexp.MustCompile(`^Lease/LeaseGrant|^lease grant|/lease/grant`)
)

// learnLeases makes new lease IDs known to masks and to $LEASE1, $LEASE2, …
func (r *run) learnLeases(step Step, text string) {
	if !grantsLease.MatchString(step.Rest) {
		return
	}
	var ids []uint64
	for _, m := range leaseGranted.FindAllStringSubmatch(text, -1) {
		if id, err := strconv.ParseUint(m[1], 16, 64); err == nil {
			ids = append(ids, id)
		}
	}
	for _, m := range leaseID.FindAllStringSubmatch(text, -1) {
		if id, err := strconv.ParseUint(m[1]+m[2], 10, 64); err == nil && id>>32 != 0 { // not one that a script chose
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if hex := strconv.FormatUint(id, 16); !slices.Contains(r.leases, hex) {
			r.leases = append(r.leases, hex)
			r.mask.HideID(id, fmt.Sprintf("<lease%d>", len(r.leases)))
		}
	}
}

// visible turns raw output into transcript lines: masked, printable, and with
// long lines cut down to their head, length and hash.
func (r *run) visible(step Step, text string) string {
	r.learnLeases(step, text)
	var b strings.Builder
	text = strings.ReplaceAll(r.mask.Apply(text), r.dir, "$DIR")
	if step.Verb == "etcdctl" {
		text = hideHelp(text)
	}
	if strings.Contains(step.Rest, "-w table") {
		text = squeezeTable(text)
	}
	for line := range strings.Lines(text) {
		b.WriteString(printable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

func printable(line string) string {
	const longest, head = 2000, 60
	if len(line) > longest {
		return fmt.Sprintf("%s… (%d bytes, sha256 %x)", printable(line[:head]), len(line), sha256.Sum256([]byte(line)))
	}
	odd := strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) && c != '\t' })
	if odd || !utf8.ValidString(line) {
		return strconv.Quote(line)
	}
	return line
}
