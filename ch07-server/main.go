// The demo of chapter 7: one member, from an empty directory to a restart.
//
//	go run ./ch07-server
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/etcdserver"
)

func main() {
	if err := demo(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "the demo does not hold:", err)
		os.Exit(1)
	}
}

func demo(out io.Writer) error {
	dir, err := os.MkdirTemp("", "ch07-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	s, err := start(out, dir)
	if err != nil {
		return err
	}
	if err := write(out, s); err != nil {
		s.Stop()
		return err
	}
	s.Stop()
	fmt.Fprintf(out, "\nThe member stopped. It starts again: the log is replayed, but the database says that\n"+
		"it already holds everything up to its consistent index, so nothing is applied twice.\n\n")

	if s, err = start(out, dir); err != nil {
		return err
	}
	defer s.Stop()
	if err := read(out, s); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nTry next: ch07-server/etcdserver/applyloop.go, then `go run ./final/cmd/etcd` and etcdctl.\n")
	return nil
}

func start(out io.Writer, dir string) (*etcdserver.EtcdServer, error) {
	s, err := etcdserver.NewServer(etcdserver.ServerConfig{
		Name: "demo", DataDir: dir, InitialClusterToken: "demo",
		PeerURLs:           []string{"http://127.0.0.1:2380"},
		InitialPeerURLsMap: map[string][]string{"demo": {"http://127.0.0.1:2380"}},
		Logger:             slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	<-s.Ready()
	fmt.Fprintf(out, "member %s is leader of cluster %s at term %d; entries up to %d are applied\n",
		s.ID(), s.ClusterID(), s.Term(), s.AppliedIndex())
	return s, nil
}

func write(out io.Writer, s *etcdserver.EtcdServer) error {
	ctx := context.Background()
	fmt.Fprintf(out, "\n%-34s %9s %13s %8s\n", "request", "revision", "raft index", "result")
	tell := func(what string, rev int64, result string) {
		fmt.Fprintf(out, "%-34s %9d %13d %8s\n", what, rev, s.AppliedIndex(), result)
	}
	for _, v := range []string{"one", "two"} {
		r, err := s.Put(ctx, &pb.PutRequest{Key: []byte("k"), Value: []byte(v)})
		if err != nil {
			return err
		}
		tell("put k "+v, r.Header.Revision, "OK")
	}
	for _, expected := range []string{"two", "stale"} {
		r, err := s.Txn(ctx, compareAndSwap("k", expected, "three"))
		if err != nil {
			return err
		}
		if r.Succeeded != (expected == "two") {
			return fmt.Errorf("compare with %q succeeded: %v", expected, r.Succeeded)
		}
		tell("txn if k="+expected+" then put k three", r.Header.Revision, fmt.Sprint(r.Succeeded))
	}
	fmt.Fprintf(out, "The second transaction has a raft index of its own, but it changed nothing: no revision.\n")
	return nil
}

func compareAndSwap(key, expected, value string) *pb.TxnRequest {
	return &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: []byte(key), Target: pb.Compare_VALUE,
			TargetUnion: &pb.Compare_Value{Value: []byte(expected)}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{
			RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}}}},
	}
}

func read(out io.Writer, s *etcdserver.EtcdServer) error {
	for rev, want := range map[int64]string{0: "three", 2: "one"} {
		r, err := s.Range(context.Background(), &pb.RangeRequest{Key: []byte("k"), Revision: rev})
		if err != nil {
			return err
		}
		if got := string(r.Kvs[0].Value()); got != want {
			return fmt.Errorf("at revision %d k is %q, not %q", rev, got, want)
		}
	}
	fmt.Fprintf(out, "k is \"three\" now and was \"one\" at revision 2.\n")
	return nil
}
