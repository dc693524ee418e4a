package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
	pollInterval = 10 * time.Millisecond
)

// Options say how a server starts. Everything has a default.
type Options struct {
	Dir   string   // data directory; "" takes a fresh one
	Flags []string // further flags, after the harness's own

	// FixedIdentity advertises URLs that do not depend on the ports.
	FixedIdentity bool
}

// Server is one member as a process of its own, seen through its ports.
type Server struct {
	Binary     string
	Dir        string // data directory
	ClientAddr string // host:port
	PeerAddr   string
	Conn       *grpc.ClientConn // reconnects by itself after a restart

	// Known once it was ready.
	MemberID, ClusterID uint64
	Version             string

	args []string
	log  *os.File
	cmd  *exec.Cmd
	done chan struct{} // closed when the process ended
}

// NewServer prepares a server whose files go below tmp. Start runs it.
func NewServer(binary, tmp string, o Options) (*Server, error) {
	s := &Server{Binary: binary, Dir: o.Dir}
	if s.Dir == "" {
		s.Dir = filepath.Join(tmp, "data")
	}
	log, err := os.CreateTemp(tmp, "server-*.log")
	if err != nil {
		return nil, fmt.Errorf("server log: %w", err)
	}
	s.log = log
	s.ClientAddr, s.PeerAddr = FreeAddr(), FreeAddr()
	if err := s.connect(); err != nil {
		return nil, err
	}
	client, peer := "http://"+s.ClientAddr, "http://"+s.PeerAddr
	s.args = []string{"--data-dir", s.Dir, "--listen-client-urls", client, "--listen-peer-urls", peer}
	if o.FixedIdentity {
		client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	}
	s.args = append(s.args, "--advertise-client-urls", client, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer,
		// One member elects itself; waiting a second for it proves nothing.
		"--heartbeat-interval", "10", "--election-timeout", "100")
	s.args = append(s.args, o.Flags...)
	return s, nil
}

func (s *Server) connect() (err error) {
	s.Conn, err = grpc.NewClient("passthrough:///"+s.ClientAddr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30), grpc.WaitForReady(true)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second,
			Backoff: backoff.Config{BaseDelay: pollInterval, Multiplier: 1, MaxDelay: pollInterval}}))
	if err != nil {
		return fmt.Errorf("client of %s: %w", s.ClientAddr, err)
	}
	return nil
}

// move gives a server that found its ports taken others.
func (s *Server) move() error {
	client, peer := FreeAddr(), FreeAddr()
	for i := range s.args {
		s.args[i] = strings.NewReplacer(s.ClientAddr, client, s.PeerAddr, peer).Replace(s.args[i])
	}
	s.ClientAddr, s.PeerAddr = client, peer
	s.Conn.Close()
	return s.connect()
}

var nextPort atomic.Int64

// FreeAddr is a loopback address nobody listens on. Ports stay below the range
// from which systems draw client ports, so that none of them can take one
// between this check and the server's start.
func FreeAddr() string {
	const first, count = 20000, 12000
	for range count {
		port := first + (int64(os.Getpid())*61+nextPort.Add(1))%count
		addr := net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	panic("no free loopback port between 20000 and 32000")
}

// Start runs the process and returns when it answers a linearizable read and
// has decided its cluster version. Another test's server may take a port between
// the moment when it was seen free and the moment when it is used; then there are others.
func (s *Server) Start() error {
	for attempt := 1; ; attempt++ {
		err := s.startHere()
		if err == nil || attempt == 4 || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		if err := s.move(); err != nil {
			return err
		}
	}
}

func (s *Server) startHere() error {
	if err := s.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	err := s.ready(ctx)
	for err != nil {
		select {
		case <-s.done:
			return fmt.Errorf("%s ended before it was ready: %s\n%s", s.Binary, s.cmd.ProcessState, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("%s not ready after %s: %w\n%s", s.Binary, readyTimeout, err, s.Log())
		case <-tick.C:
			err = s.ready(ctx)
		}
	}
	return nil
}

func (s *Server) launch() error {
	s.cmd = exec.Command(s.Binary, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = cleanEnv()
	if runtime.GOARCH != "amd64" {
		s.cmd.Env = append(s.cmd.Env, "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH) // 3.4 asks for it
	}
	dieWithParent(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.Binary, err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		cmd.Wait() // its error is the exit status, read from ProcessState
		close(done)
	}(s.cmd, s.done)
	return nil
}

func (s *Server) ready(ctx context.Context) error {
	version, err := s.httpVersion(ctx)
	if err != nil {
		return err
	}
	read, err := stub.NewKVClient(s.Conn).Range(ctx, &etcdserverpb.RangeRequest{Key: []byte("ready?")})
	if err != nil {
		return fmt.Errorf("first read: %w", err)
	}
	s.Version, s.MemberID, s.ClusterID = version, read.Header.MemberId, read.Header.ClusterId
	return nil
}

// httpVersion asks /version, and fails until the cluster version is decided.
func (s *Server) httpVersion(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.ClientAddr+"/version", nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return "", err
	}
	var versions struct{ Etcdserver, Etcdcluster string }
	if err := json.Unmarshal(body, &versions); err != nil {
		return "", fmt.Errorf("/version: %w: %q", err, body)
	}
	if !strings.Contains(versions.Etcdcluster, ".") {
		return "", fmt.Errorf("/version: cluster version %q", versions.Etcdcluster)
	}
	return versions.Etcdserver, nil
}

// Stop ends the process with SIGTERM, as a service manager does, and tells how
// it ended.
func (s *Server) Stop() (string, error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", fmt.Errorf("stop %s: %w", s.Binary, err)
	}
	select {
	case <-s.done:
		return s.cmd.ProcessState.String(), nil
	case <-time.After(stopTimeout):
		s.Kill()
		return "", fmt.Errorf("%s still runs %s after SIGTERM\n%s", s.Binary, stopTimeout, s.Log())
	}
}

// Kill ends the process with SIGKILL and waits for its end.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil { // was not started
		return
	}
	s.cmd.Process.Kill() // an error means it has ended already
	<-s.done
}

// Exited reports whether the process has ended.
func (s *Server) Exited() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Close ends everything that belongs to the server; its data directory stays.
func (s *Server) Close() {
	s.Kill()
	s.Conn.Close()
	s.log.Close()
}

// Log is what the server wrote so far, its last 16 KiB.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	const keep = 16 << 10
	if cut := len(text) - keep; cut > 0 {
		text = append([]byte("…"), text[cut:]...)
	}
	return string(text)
}

// Mask hides this server's identity and addresses, and nothing when the
// identity is fixed but the ports.
func (s *Server) Mask(fixedIdentity bool) *Mask {
	m := &Mask{}
	m.Hide(s.ClientAddr, "$EP")
	m.Hide(s.PeerAddr, "$PEER")
	m.Hide(s.Version, "<version>")
	if !fixedIdentity {
		m.HideID(s.MemberID, "<member>")
		m.HideID(s.ClusterID, "<cluster>")
	}
	return m
}
