package clientv3

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"

	"google.golang.org/grpc/resolver"
)

// endpoint is a place of a member, taken apart.
type endpoint struct {
	network string // "tcp" or "unix"
	address string // host:port, or a path
	secure  bool   // the URL asks for TLS
}

// parseEndpoint accepts a URL or host:port. What it cannot understand it takes for an
// address: connecting will say what is wrong with it.
func parseEndpoint(s string) endpoint {
	for _, scheme := range []string{"unixs:", "unix:"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return endpoint{"unix", strings.TrimPrefix(rest, "//"), scheme == "unixs:"}
		}
	}
	if u, err := url.Parse(s); err == nil && strings.Contains(s, "://") {
		return endpoint{"tcp", u.Host, u.Scheme == "https"}
	}
	return endpoint{"tcp", s, false}
}

// host is the name that a certificate of the endpoint has to carry.
func (e endpoint) host() string {
	if e.network == "unix" {
		return "localhost"
	}
	if h, _, err := net.SplitHostPort(e.address); err == nil {
		return h
	}
	return e.address
}

// forResolver is the endpoint as gRPC carries it to dial. The network travels in front
// of the address.
func (e endpoint) forResolver() resolver.Address {
	return resolver.Address{Addr: e.network + ":" + e.address, ServerName: e.host()}
}

// dial connects to what forResolver made. It takes no proxy from the environment: a
// member is reached directly.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	network, address, _ := strings.Cut(addr, ":")
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// endpointList tells gRPC the endpoints of one client. It is the client's own resolver:
// nothing is registered globally.
type endpointList struct {
	serverName string // that all certificates have to carry; "": each the host of its endpoint

	mu        sync.Mutex
	endpoints []string
	conn      resolver.ClientConn // nil until gRPC asks
}

const endpointScheme = "etcd-endpoints"

// target names the first endpoint, so that it appears in errors and as :authority.
func (l *endpointList) target() string {
	return endpointScheme + ":///" + url.PathEscape(parseEndpoint(l.get()[0]).address)
}

// Scheme implements resolver.Builder.
func (*endpointList) Scheme() string { return endpointScheme }

// OverrideAuthority implements resolver.AuthorityOverrider: HTTP/2 wants host:port,
// and a path is neither.
func (l *endpointList) OverrideAuthority(resolver.Target) string {
	if e := parseEndpoint(l.get()[0]); e.network == "tcp" {
		return e.address
	}
	return "localhost"
}

// Build implements resolver.Builder. gRPC calls it once for each ClientConn, and there
// is one.
func (l *endpointList) Build(_ resolver.Target, conn resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	return nopResolver{}, l.publish()
}

func (l *endpointList) get() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.endpoints...)
}

func (l *endpointList) set(endpoints []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endpoints = append([]string(nil), endpoints...)
	if l.conn != nil {
		_ = l.publish() // a refused update leaves the former addresses in use
	}
}

// publish is called with mu held.
func (l *endpointList) publish() error {
	state := resolver.State{}
	for _, s := range l.endpoints {
		a := parseEndpoint(s).forResolver()
		if l.serverName != "" { // gRPC prefers the name of the address to that of the credentials
			a.ServerName = l.serverName
		}
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{a}})
	}
	return l.conn.UpdateState(state)
}

type nopResolver struct{}

func (nopResolver) ResolveNow(resolver.ResolveNowOptions) {}
func (nopResolver) Close()                                {}
