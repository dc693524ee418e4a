package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"insideetcd/ch01-intro/version"
	"insideetcd/ch05-wal-snap/wal"
	"insideetcd/ch07-server/etcdhttp"
	"insideetcd/ch07-server/etcdserver"
	"insideetcd/ch07-server/peerhttp"
	"insideetcd/ch08-client/gateway"
	"insideetcd/ch08-client/serve"
	"insideetcd/ch08-client/v3rpc"
)

// drainTimeout is how long calls in flight may take once Close was called.
const drainTimeout = 3 * time.Second

// Etcd is a running server.
type Etcd struct {
	Server  *etcdserver.EtcdServer
	Peers   []net.Listener
	Clients []net.Listener

	cfg    Config
	front  *serve.Server
	self   *grpc.ClientConn // of the JSON gateway, to a client URL of this server; nil: no gateway
	errc   chan error
	readyc chan struct{} // closed when clients are served
	closec chan struct{} // closed by Close
	wg     sync.WaitGroup
	once   sync.Once
}

// StartEtcd starts a server and returns while it is still starting: ReadyNotify tells when
// it serves clients. After an error nothing is left open, and the data directory is as
// it was. The configuration is copied.
func StartEtcd(cfg *Config) (e *Etcd, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e = &Etcd{cfg: *cfg, errc: make(chan error, 1), readyc: make(chan struct{}), closec: make(chan struct{})}
	defer func() {
		if err != nil {
			e.closeListeners()
			e.hangUp()
			e = nil
		}
	}()
	if e.Peers, err = listen(cfg.LPUrls); err != nil {
		return e, err
	}
	if e.Clients, err = listen(cfg.LCUrls); err != nil {
		return e, err
	}
	if e.self, err = e.dialSelf(e.Clients[0]); err != nil {
		return e, err
	}
	if e.Server, err = e.openMember(); err != nil {
		return e, err
	}
	e.start()
	return e, nil
}

func listen(urls []url.URL) ([]net.Listener, error) {
	var out []net.Listener
	for _, u := range urls {
		l, err := serve.Listen(u)
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	return out, nil
}

func (e *Etcd) openMember() (*etcdserver.EtcdServer, error) {
	peers, err := parseInitialCluster(e.cfg.initialCluster())
	if err != nil {
		return nil, err
	}
	sc := e.cfg.serverConfig(peers)
	if !wal.Exist(sc.WALDir()) {
		if err := e.cfg.checkNewMember(); err != nil {
			return nil, err
		}
	}
	return etcdserver.NewServer(sc)
}

// start runs the member, answers peers at once and clients as soon as the member is ready.
func (e *Etcd) start() {
	lg := e.cfg.logger()
	lg.Info("starting etcd", "version", version.Compatible, "inside-etcd", version.Own,
		"name", e.cfg.Name, "data-dir", e.cfg.dataDir(),
		"listen-peer-urls", urlStrings(e.cfg.LPUrls), "listen-client-urls", urlStrings(e.cfg.LCUrls))
	rpc := v3rpc.NewServer(e.Server, v3rpc.Options{
		MaxConcurrentStreams: e.cfg.MaxConcurrentStreams,
		KeepAliveMinTime:     e.cfg.GRPCKeepAliveMinTime,
		KeepAliveInterval:    e.cfg.GRPCKeepAliveInterval,
		KeepAliveTimeout:     e.cfg.GRPCKeepAliveTimeout,
		Draining:             e.closec,
		ElectionTimeout:      e.Server.Cfg.ElectionTimeout(),

		WatchProgressInterval: e.cfg.ExperimentalWatchProgressNotifyInterval,
	})
	e.front = serve.New(lg, rpc, e.clientHTTP(), peerhttp.NewHandler(lg, e.Server.Cluster()))
	for _, l := range e.Peers {
		e.front.ServePeers(l)
	}
	e.Server.Start()
	e.wg.Add(1)
	go func() {
		defer e.wg.Done()
		e.run()
	}()
}

// run serves clients when the member is ready, and passes on what ends the server.
func (e *Etcd) run() {
	select {
	case <-e.Server.Ready():
		for _, l := range e.Clients {
			e.front.ServeClients(l)
			e.cfg.logger().Info("ready to serve client requests", "address", l.Addr().String())
		}
		close(e.readyc)
	case <-e.Server.StoppingNotify():
		e.fail(memberStopped(e.Server))
		return
	case <-e.closec:
		return
	}
	select {
	case err := <-e.front.Err():
		e.fail(err)
	case <-e.Server.StoppingNotify():
		e.fail(memberStopped(e.Server))
	case <-e.closec:
	}
}

func memberStopped(s *etcdserver.EtcdServer) error {
	if err := s.Err(); err != nil {
		return fmt.Errorf("the member stopped by itself: %w", err)
	}
	return errors.New("the member was stopped")
}

func (e *Etcd) fail(err error) {
	select {
	case e.errc <- err:
	default:
	}
}

// clientHTTP is what a client URL answers to plain HTTP.
func (e *Etcd) clientHTTP() http.Handler {
	h := etcdhttp.NewHandler(e.cfg.logger(), e.Server)
	if e.cfg.EnablePprof {
		mux := http.NewServeMux()
		mux.Handle("/", h)
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		h = mux
	}
	if e.self != nil {
		// Twice the largest request, for base64 and names, and room to find out what is wrong.
		h = gateway.NewHandler(e.self, 2*int64(e.cfg.MaxRequestBytes)+1<<20, h)
	}
	return etcdhttp.CORS(e.cfg.CORS, h)
}

// dialSelf connects the JSON gateway to l as any client connects, so that no check and no
// metric is passed by. Nothing is sent before the first call. Without a gateway it is nil.
func (e *Etcd) dialSelf(l net.Listener) (*grpc.ClientConn, error) {
	if !e.cfg.EnableGRPCGateway {
		return nil, nil
	}
	address := l.Addr()
	conn, err := grpc.NewClient("passthrough:///"+address.String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, address.Network(), address.String())
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(v3rpc.Codec{}),
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)))
	if err != nil {
		return nil, fmt.Errorf("connection of the JSON gateway to %s: %w", address, err)
	}
	return conn, nil
}

func (e *Etcd) hangUp() {
	if e.self != nil {
		_ = e.self.Close() // its calls are over
	}
}

// Config returns the configuration the server was started with.
func (e *Etcd) Config() Config { return e.cfg }

// ReadyNotify is closed when the server answers clients.
func (e *Etcd) ReadyNotify() <-chan struct{} { return e.readyc }

// Err delivers the error that ended the server, if one did; Close does not.
func (e *Etcd) Err() <-chan error { return e.errc }

// Close stops the server cleanly and waits until everything is closed: calls in flight may
// finish (at most three seconds), then the member stops, then its peers lose it.
func (e *Etcd) Close() {
	e.once.Do(func() {
		close(e.closec)
		e.wg.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		e.front.StopClients(ctx)
		e.hangUp()
		e.Server.Stop()
		e.front.Stop()
		e.closeListeners() // those of clients were never served if the member was not ready
	})
}

func (e *Etcd) closeListeners() {
	for _, l := range append(e.Peers, e.Clients...) {
		_ = l.Close() // closed already, or never used
	}
}
