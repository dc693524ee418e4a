package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
)

// conversation is an exchange that goes on across steps, with a program that
// runs on (a watching etcdctl, a streaming curl) or over a gRPC stream.
//
// What the other side says waits until the script asks for it. So a script
// decides what comes first: it asks BEFORE it changes anything else.
type conversation struct {
	name  string
	heard <-chan saying                // closed at the end
	send  func(text string) error      // a line or a request
	close func() error                 // nothing more will be sent
	kill  func()                       // ends it at once; a second call does nothing
	ended func() (how string, e error) // once heard is closed
}

// saying is one line of a program, or one message of a stream.
type saying struct {
	text    string
	message proto.Message // nil for a line
}

// next waits for what is said next; ok is false at the end, and how tells of it.
func (c *conversation) next(ctx context.Context) (s saying, how string, ok bool, err error) {
	select {
	case s, ok = <-c.heard:
		if !ok {
			how, err = c.ended()
		}
		return s, how, ok, err
	case <-ctx.Done():
		return s, "", false, fmt.Errorf("%s says nothing more: %w", c.name, ctx.Err())
	}
}

// recv shows the next n things in their order, or fewer and how it ended.
func (c *conversation) recv(ctx context.Context, n int) (string, error) {
	var b strings.Builder
	for range n {
		s, how, ok, err := c.next(ctx)
		if err != nil {
			return "", fmt.Errorf("%w; so far:\n%s", err, b.String())
		}
		b.WriteString(s.text + how)
		if !ok {
			break
		}
	}
	return b.String(), nil
}

// finish says that nothing more will be sent, and shows everything until the end.
func (c *conversation) finish(ctx context.Context) (string, error) {
	if err := c.close(); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		s, how, ok, err := c.next(ctx)
		if err != nil {
			return "", fmt.Errorf("%w; so far:\n%s", err, b.String())
		}
		b.WriteString(s.text + how)
		if !ok {
			return b.String(), nil
		}
	}
}

// startProgram runs cmd and talks to it by lines. Its standard error is shown at
// its end.
func startProgram(name string, cmd *exec.Cmd) (*conversation, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second // a child of the program may hold standard error
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	heard, stopped := make(chan saying), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		readLines(stdout, heard, stopped)
		cmd.Wait() // its error is the exit status, read from ProcessState
		close(heard)
	}()
	return &conversation{
		name:  name,
		heard: heard,
		send: func(text string) error {
			_, err := io.WriteString(stdin, text+"\n")
			return err
		},
		close: stdin.Close,
		kill: sync.OnceFunc(func() {
			close(stopped)
			cmd.Process.Kill() // an error means it has ended already
			stdin.Close()
			stdout.Close() // so may a child
			<-done
		}),
		ended: func() (string, error) {
			return errorLines(stderr.String()) + fmt.Sprintf("[exit %d]\n", cmd.ProcessState.ExitCode()), nil
		},
	}, nil
}

// readLines passes lines on until the end, or until nobody listens any more.
func readLines(r io.Reader, to chan<- saying, stopped <-chan struct{}) {
	reader := bufio.NewReader(r)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			select {
			case to <- saying{text: wholeLines(line)}:
			case <-stopped:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wholeLines shows a missing newline at the end, which is part of an answer.
func wholeLines(output string) string {
	if output != "" && !strings.HasSuffix(output, "\n") {
		output += "⏎\n"
	}
	return output
}

func errorLines(stderr string) string {
	var b strings.Builder
	for line := range strings.Lines(stderr) {
		b.WriteString("stderr: " + line)
	}
	return wholeLines(b.String())
}

// converse plays the steps about conversations; text is what follows the name.
func (r *run) converse(ctx context.Context, step Step, text string) (string, error) {
	if step.Verb == "open" {
		return "", r.open(step.Name, step, text)
	}
	c := r.talks[step.Name]
	if c == nil {
		return "", fmt.Errorf("%q is not open", step.Name)
	}
	switch step.Verb {
	case "send":
		return "", c.send(text)
	case "close":
		delete(r.talks, step.Name)
		defer c.kill()
		return c.finish(ctx)
	case "stop":
		delete(r.talks, step.Name)
		c.kill()
		return "", nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("%s: want a number, not %q", step.Verb, text)
	}
	if step.Verb == "collect" {
		return c.collect(ctx, n)
	}
	return c.recv(ctx, n)
}

func (r *run) open(name string, step Step, command string) (err error) {
	if r.talks[name] != nil {
		return fmt.Errorf("%q is open already", name)
	}
	program, rest, _ := strings.Cut(command, " ")
	var c *conversation
	if program == "grpc" {
		c, err = startStream(r.server.Conn, rest)
	} else {
		var cmd *exec.Cmd
		if cmd, err = r.command(context.Background(), program, step.Env, rest); err == nil {
			c, err = startProgram(program, cmd)
		}
	}
	if err == nil {
		r.talks[name] = c
	}
	return err
}

// until runs a program that does not end by itself, gives it all its input, and
// stops it after so many lines of output.
func (r *run) until(ctx context.Context, step Step, command, input string) (string, error) {
	const name = "until"
	if err := r.open(name, step, command); err != nil {
		return "", err
	}
	c := r.talks[name]
	defer delete(r.talks, name)
	defer c.kill()
	for line := range strings.Lines(input) {
		if err := c.send(strings.TrimSuffix(line, "\n")); err != nil {
			return "", err
		}
	}
	return c.recv(ctx, step.Count)
}

// hangUp ends all conversations that the script left open.
func (r *run) hangUp() {
	for _, c := range r.talks {
		c.kill()
	}
}
