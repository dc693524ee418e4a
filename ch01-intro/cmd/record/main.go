// Command record writes down what a real etcd writes: it starts the etcd that is installed
// on this machine with a fresh data directory on free loopback ports, sends it one request
// of nearly every kind, and prints
//
//	answer  METHOD  MESSAGE  HEX     what came back on the wire, undecoded
//	entry   INDEX   KIND     HEX     the data of every normal entry of its log
//	stored  BUCKET  MESSAGE  HEX     what its backend keeps as a message
//
// The output is committed as ch01-intro/api/testdata/recorded.txt and is what the
// message types are tested with: they must decode these bytes and encode them again
// without losing or moving one.
//
//	go run ./ch01-intro/cmd/record > ch01-intro/api/testdata/recorded.txt
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	dir, err := os.MkdirTemp("", "record-etcd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	out := bufio.NewWriter(w)
	version, err := exec.CommandContext(ctx, "etcd", "--version").Output()
	if err != nil {
		return fmt.Errorf("this needs etcd in PATH (Debian: apt-get install etcd-server): %w", err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	fmt.Fprintf(out, "# %s\n# recorded by go run ./ch01-intro/cmd/record, whose package comment tells the columns\n", strings.TrimSpace(first))
	if err := live(ctx, out, dir); err != nil {
		return err
	}
	if err := entries(out, filepath.Join(dir, "member", "wal")); err != nil {
		return err
	}
	if err := stored(out, filepath.Join(dir, "member", "snap", "db")); err != nil {
		return err
	}
	return out.Flush()
}

// live runs the server for as long as the requests take and waits until it has exited, so
// that its files are complete.
func live(ctx context.Context, out io.Writer, dir string) (err error) {
	client, err := freeAddr()
	if err != nil {
		return err
	}
	peer, err := freeAddr()
	if err != nil {
		return err
	}
	clientURL, peerURL := "http://"+client, "http://"+peer
	cmd := exec.CommandContext(ctx, "etcd", "--name", "m1", "--data-dir", dir, "--enable-v2",
		"--listen-client-urls", clientURL, "--advertise-client-urls", clientURL,
		"--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL,
		"--initial-cluster", "m1="+peerURL, "--log-level", "error")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // a server that is told to stop exits by that signal
		if err != nil {
			err = fmt.Errorf("%w\nthe log of etcd:\n%s", err, &log)
		}
	}()
	return (&caller{out: out, addr: client}).scenario(ctx)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
