// Command raftexample is the replicated store of book §3.3 on the log and the snapshots of
// this chapter: it can be killed at any moment and forgets nothing that it has acknowledged.
//
//	go run ./ch05-wal-snap/cmd/raftexample
//	curl -X PUT --data-binary hello http://127.0.0.1:9121/kv/greeting
//	curl http://127.0.0.1:9121/kv/greeting
//
// Three members, each in its own terminal:
//
//	C=1=http://127.0.0.1:9121,2=http://127.0.0.1:9122,3=http://127.0.0.1:9123
//	go run ./ch05-wal-snap/cmd/raftexample -id 1 -cluster $C
//	go run ./ch05-wal-snap/cmd/raftexample -id 2 -cluster $C
//	go run ./ch05-wal-snap/cmd/raftexample -id 3 -cluster $C
//
// A fourth one joins: first the cluster is told, then it starts.
//
//	curl -X POST -d http://127.0.0.1:9124 http://127.0.0.1:9121/members/4
//	go run ./ch05-wal-snap/cmd/raftexample -id 4 -join -cluster $C,4=http://127.0.0.1:9124
//
// Clients and members talk to the same address, without TLS or passwords: this is for a
// network that you trust. A member that lost its directory must not start again under its
// ID: remove it (DELETE /members/ID) and let a new ID join.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"insideetcd/ch03-etcdraft/raftexample"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "raftexample:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	id        uint64
	cluster   map[uint64]string
	dir       string
	listen    string
	join      bool
	snapCount uint64
	tick      time.Duration
	timeout   time.Duration
	verbose   bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("raftexample", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Uint64Var(&o.id, "id", 1, "ID of this member, above 0")
	cluster := f.String("cluster", "1=http://127.0.0.1:9121", "all members and where they listen: ID=URL,ID=URL")
	f.StringVar(&o.dir, "dir", "", "directory of this member (default raftexample-ID)")
	f.StringVar(&o.listen, "listen", "", "host:port to listen on (default that of this member in -cluster)")
	f.BoolVar(&o.join, "join", false, "join a cluster that runs, and was told of this member by POST /members/ID")
	f.Uint64Var(&o.snapCount, "snap-count", 10_000, "entries between snapshots")
	f.DurationVar(&o.tick, "tick", 100*time.Millisecond, "between heartbeats; an election takes 10 to 20 of them")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "how long a request may take")
	f.BoolVar(&o.verbose, "v", false, "say more")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag; all settings are, see -help", f.Arg(0))
	}
	if o.cluster, err = parseCluster(*cluster); err != nil {
		return o, err
	}
	own, listed := o.cluster[o.id]
	if !listed {
		return o, fmt.Errorf("-cluster has no member %d; add %d=http://HOST:PORT to it, or choose another -id", o.id, o.id)
	}
	if o.listen == "" {
		u, _ := url.Parse(own) // parseCluster has checked it
		o.listen = u.Host
	}
	if o.dir == "" {
		o.dir = fmt.Sprintf("raftexample-%d", o.id)
	}
	return o, nil
}

func parseCluster(s string) (map[uint64]string, error) {
	members := map[uint64]string{}
	for _, word := range strings.Split(s, ",") {
		number, address, _ := strings.Cut(word, "=")
		id, err := strconv.ParseUint(number, 10, 64)
		u, urlErr := url.Parse(address)
		if err != nil || id == 0 || urlErr != nil || u.Scheme != "http" || u.Port() == "" {
			return nil, fmt.Errorf("-cluster: %q is not of the form ID=http://HOST:PORT, with an ID above 0", word)
		}
		if _, twice := members[id]; twice {
			return nil, fmt.Errorf("-cluster names member %d twice; each ID belongs to one member", id)
		}
		members[id] = strings.TrimSuffix(address, "/")
	}
	return members, nil
}

// run wires the parts together and serves until ctx is done or the member fails.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	lg := logger(stderr, o.verbose)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("cannot listen; choose another address with -listen, or in -cluster: %w", err)
	}
	defer listener.Close()
	log, err := openLog(lg, o.dir, o.id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	transport := raftexample.NewHTTPTransport(lg, nil)
	member, err := raftexample.Start(raftexample.Config{
		ID: o.id, Peers: o.cluster, Join: o.join, Log: log, Transport: transport, Logger: lg,
		Tick: o.tick, RequestTimeout: o.timeout, SnapCount: o.snapCount, CatchUpEntries: o.snapCount / 2,
	})
	if err != nil {
		return err
	}
	defer member.Stop() // BEFORE the log is closed
	fmt.Fprintf(stdout, "member %d of %d listens on http://%s, with its log in %s\n", o.id, len(o.cluster), listener.Addr(), o.dir)
	return serve(ctx, listener, member, transport)
}

func logger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func serve(ctx context.Context, listener net.Listener, member *raftexample.Server, transport *raftexample.HTTPTransport) error {
	mux := http.NewServeMux()
	mux.Handle("/", raftexample.NewHTTPHandler(member))
	mux.Handle("/raft", transport.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer server.Close()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case <-member.Done():
		return member.Err()
	}
}
