// Package server runs an etcd, ours or another, as a process that can be restarted.
package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
	pollInterval = 10 * time.Millisecond
)

// Process is one member on loopback. Its methods are for one goroutine.
type Process struct {
	Endpoint string // host:port of clients

	binary string
	args   []string
	log    string // path
	cmd    *exec.Cmd
	ended  chan struct{}
}

// Root is the folder of this project that the working directory lies in.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		text, readErr := os.ReadFile(filepath.Join(dir, "go.mod"))
		if readErr == nil && bytes.HasPrefix(text, []byte("module insideetcd\n")) {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("the working directory is not below the module insideetcd")
	}
	return "", err
}

// Build builds this project's server into dir.
func Build(ctx context.Context, dir string) (binary string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary = filepath.Join(dir, "etcd")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./final/cmd/etcd")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build final/cmd/etcd: %w\n%s", err, out)
	}
	return binary, nil
}

// Start runs binary with its data below dir, and returns when it serves clients.
func Start(binary, dir string) (*Process, error) {
	client, peer, err := twoFreeAddresses()
	if err != nil {
		return nil, err
	}
	p := &Process{Endpoint: client, binary: binary, log: filepath.Join(dir, "server.log")}
	p.args = []string{"--name", "default", "--data-dir", filepath.Join(dir, "data"),
		"--listen-client-urls", "http://" + client, "--advertise-client-urls", "http://" + client,
		"--listen-peer-urls", "http://" + peer, "--initial-advertise-peer-urls", "http://" + peer,
		"--initial-cluster", "default=http://" + peer,
		// One member elects itself, and a lease may last one second.
		"--heartbeat-interval", "10", "--election-timeout", "100",
		"--experimental-watch-progress-notify-interval", "200ms"}
	return p, p.launch()
}

// twoFreeAddresses are held together, so that they differ.
func twoFreeAddresses() (string, string, error) {
	var found [2]string
	for i := range found {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", fmt.Errorf("free port: %w", err)
		}
		defer l.Close()
		found[i] = l.Addr().String()
	}
	return found[0], found[1], nil
}

// launch starts the process and waits until it has decided its cluster version.
func (p *Process) launch() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("server log: %w", err)
	}
	defer log.Close() // the process has its own
	p.cmd = exec.Command(p.binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ETCD_") {
			p.cmd.Env = append(p.cmd.Env, variable)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH)
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.binary, err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // its error is the exit status
		close(ended)
	}(p.cmd, p.ended)
	return p.waitReady()
}

func (p *Process) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready: %s\n%s", p.binary, p.cmd.ProcessState, p.Log())
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("%s not ready after %s: %w\n%s", p.binary, readyTimeout, err, p.Log())
		}
	}
}

func (p *Process) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Endpoint+"/version", nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var versions struct{ Etcdcluster string }
	if err := json.NewDecoder(response.Body).Decode(&versions); err != nil {
		return fmt.Errorf("/version: %w", err)
	}
	if !strings.Contains(versions.Etcdcluster, ".") {
		return fmt.Errorf("/version: cluster version %q", versions.Etcdcluster)
	}
	return nil
}

// Restart ends the process as a service manager does, and starts it again.
func (p *Process) Restart() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil { // Windows has no such signal
		p.Kill()
	}
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.Kill()
		return fmt.Errorf("%s still ran %s after SIGTERM\n%s", p.binary, stopTimeout, p.Log())
	}
	return p.launch()
}

// Kill ends the process and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // an error means it has ended already
	<-p.ended
}

// Log is the end of what the server has written.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const keep = 16 << 10
	return string(text[max(0, len(text)-keep):])
}
