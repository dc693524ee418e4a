// The demo of chapter 8: what travels between a client and a server.
//
//	go run ./ch08-client
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch07-server/etcdhttp"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch07-server/peerhttp"
	"insideetcd/ch08-client/serve"
	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/stub"
)

func main() {
	if err := demo(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "the demo does not hold:", err)
		os.Exit(1)
	}
}

func demo(out io.Writer) error {
	dir, err := os.MkdirTemp("", "ch08-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	quiet := slog.New(slog.DiscardHandler)
	s, err := etcdserver.NewServer(etcdserver.ServerConfig{
		Name: "demo", DataDir: dir, InitialClusterToken: "demo",
		InitialPeerURLsMap: map[string][]string{"demo": {"http://127.0.0.1:2380"}}, Logger: quiet,
	})
	if err != nil {
		return err
	}
	s.Start()
	defer s.Stop()
	<-s.Ready()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	front := serve.New(quiet, v3rpc.NewServer(s, v3rpc.Options{}), etcdhttp.NewHandler(quiet, s), peerhttp.NewHandler(quiet, s.Cluster()))
	front.ServeClients(l)
	defer front.Stop()

	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(v3rpc.Codec{})))
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, scene := range []func(io.Writer, *etcdserver.EtcdServer, stub.KVClient) error{aPut, storedBytes, refusals} {
		if err := scene(out, s, stub.NewKVClient(conn)); err != nil {
			return err
		}
	}
	return alsoHTTP(out, l.Addr().String())
}

// aPut shows a request as the bytes that travel.
func aPut(out io.Writer, _ *etcdserver.EtcdServer, kv stub.KVClient) error {
	r := &pb.PutRequest{Key: []byte("hello"), Value: []byte("world")}
	wire, err := v3rpc.Codec{}.Marshal(r)
	if err != nil {
		return err
	}
	resp, err := kv.Put(context.Background(), r)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "1. Put hello world travels as %d bytes:\n   % x\n", wire.Len(), wire.Materialize())
	fmt.Fprintf(out, "   0a: field 1, 5 bytes (the key); 12: field 2, 5 bytes (the value). Answered at revision %d.\n\n", resp.Header.Revision)
	return nil
}

// storedBytes shows that an answer carries what is stored, unchanged.
func storedBytes(out io.Writer, s *etcdserver.EtcdServer, _ stub.KVClient) error {
	answer, err := s.Range(context.Background(), &pb.RangeRequest{Key: []byte("hello")})
	if err != nil {
		return err
	}
	wire, err := v3rpc.Codec{}.Marshal(answer)
	if err != nil {
		return err
	}
	at := bytes.Index(wire.Materialize(), answer.Kvs[0])
	if at < 0 {
		return fmt.Errorf("the stored bytes do not stand in the answer")
	}
	fmt.Fprintf(out, "2. The database holds %d bytes for it. The answer to a get has %d, and from byte %d on they are\n"+
		"   those of the database: encoded once, when it was put, and never again.\n\n", len(answer.Kvs[0]), wire.Len(), at)
	return nil
}

// refusals shows what never reaches the log.
func refusals(out io.Writer, s *etcdserver.EtcdServer, kv stub.KVClient) error {
	fmt.Fprintln(out, "3. What is refused before it is proposed:")
	_, noKey := kv.Put(context.Background(), &pb.PutRequest{})
	_, twice := kv.Txn(context.Background(), &pb.TxnRequest{Success: []*pb.RequestOp{
		{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte{0}}}},
		{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte("hello")}}},
	}})
	for _, c := range []struct {
		what string
		err  error
	}{{"put without a key", noKey}, {"delete all from a on, put hello", twice}} {
		if c.err == nil {
			return fmt.Errorf("%s: accepted", c.what)
		}
		fmt.Fprintf(out, "   %-32s %s: %s\n", c.what, status.Code(c.err), status.Convert(c.err).Message())
	}
	if rev := s.KV().Rev(); rev != 2 {
		return fmt.Errorf("refused requests made revision %d", rev)
	}
	fmt.Fprintln(out, "   The store is still at revision 2.")
	return nil
}

// alsoHTTP asks the same port in another language.
func alsoHTTP(out io.Writer, addr string) error {
	resp, err := http.Get("http://" + addr + "/version")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/version: %s, %w", resp.Status, err)
	}
	fmt.Fprintf(out, "\n4. The same port speaks HTTP/1: GET /version answers\n   %s\n\n", body)
	fmt.Fprintln(out, "Try next: ch08-client/v3rpc/key.go, then `go run ./final/cmd/etcd` and `etcdctl put hello world`.")
	return nil
}
