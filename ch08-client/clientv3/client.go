package clientv3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"insideetcd/ch08-client/v3rpc"
	"insideetcd/ch08-client/v3rpc/rpctypes"
)

// Client speaks with one cluster. All its methods may be called from many goroutines.
//
//	C1  After Close no goroutine of the client is left, and every watch and keep-alive
//	    channel is closed.
//	C2  A write leaves the client at most once.
type Client struct {
	KV
	Lease
	Watcher
	Cluster
	Maintenance

	cfg       Config
	conn      *grpc.ClientConn
	endpoints *endpointList
	token     *token

	ctx        context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup
}

// New makes a client. It does not wait for a connection, unless it has to sign in.
func New(cfg Config) (*Client, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, ErrNoAvailableEndpoints
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg, endpoints: &endpointList{endpoints: slices.Clone(cfg.Endpoints)}}
	c.ctx, c.cancel = context.WithCancel(cfg.Context)
	if cfg.TLS != nil {
		c.endpoints.serverName = cfg.TLS.ServerName
	}
	c.token = newToken(cfg.Username, cfg.Password)

	conn, err := grpc.NewClient(c.endpoints.target(), c.dialOptions()...)
	if err != nil {
		c.cancel()
		return nil, fmt.Errorf("etcdclient: %w", err)
	}
	c.conn = conn
	c.KV = NewKV(c)
	c.Lease = NewLease(c)
	c.Watcher = NewWatcher(c)
	c.Cluster = NewCluster(c)
	c.Maintenance = NewMaintenance(c)

	if err := c.signIn(); err != nil {
		c.Close()
		return nil, err
	}
	if cfg.AutoSyncInterval > 0 {
		c.background.Go(c.autoSync)
	}
	return c, nil
}

// NewFromURL makes a client of one endpoint and no options.
func NewFromURL(url string) (*Client, error) { return New(Config{Endpoints: []string{url}}) }

// connectParams: an attempt takes at most MinConnectTimeout, or gRPC's own 20 s; gRPC would
// read a zero as the backoff, a tenth of a second.
func connectParams(dialTimeout time.Duration) grpc.ConnectParams {
	if dialTimeout == 0 {
		dialTimeout = 20 * time.Second
	}
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
		MinConnectTimeout: dialTimeout,
	}
}

func (c *Client) dialOptions() []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithResolvers(c.endpoints),
		grpc.WithContextDialer(dial),
		grpc.WithConnectParams(connectParams(c.cfg.DialTimeout)),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithTransportCredentials(c.transportCredentials()),
		grpc.WithPerRPCCredentials(c.token),
		grpc.WithDisableRetry(), // retry.go decides, not gRPC
		grpc.WithChainUnaryInterceptor(c.retryUnary),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(v3rpc.Codec{}),
			grpc.WaitForReady(!c.cfg.DisableRetry),
			grpc.MaxCallSendMsgSize(c.cfg.MaxCallSendMsgSize),
			grpc.MaxCallRecvMsgSize(c.cfg.MaxCallRecvMsgSize),
		),
	}
	if c.cfg.DialKeepAliveTime > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                c.cfg.DialKeepAliveTime,
			Timeout:             c.cfg.DialKeepAliveTimeout,
			PermitWithoutStream: c.cfg.PermitWithoutStream,
		}))
	}
	return append(options, c.cfg.DialOptions...)
}

// transportCredentials: one connection serves all endpoints, so one secure endpoint
// makes all of them secure.
func (c *Client) transportCredentials() credentials.TransportCredentials {
	if c.cfg.TLS != nil {
		return credentials.NewTLS(c.cfg.TLS.Clone())
	}
	for _, s := range c.cfg.Endpoints {
		if parseEndpoint(s).secure {
			return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
		}
	}
	return insecure.NewCredentials()
}

// Close ends watches, keep-alives and calls, waits for the client's goroutines, and
// closes the connections. The error is that of the client's context, if that ended first.
func (c *Client) Close() error {
	before := c.ctx.Err()
	c.cancel()
	_ = c.Watcher.Close()
	_ = c.Lease.Close()
	c.background.Wait()
	if err := c.conn.Close(); err != nil && before == nil {
		return fmt.Errorf("etcdclient: close: %w", err)
	}
	return before
}

// Ctx ends when the client is closed.
func (c *Client) Ctx() context.Context { return c.ctx }

// ActiveConnection is the gRPC connection, for stubs of other services.
func (c *Client) ActiveConnection() *grpc.ClientConn { return c.conn }

// Endpoints returns the endpoints in use.
func (c *Client) Endpoints() []string { return c.endpoints.get() }

// SetEndpoints replaces them. An empty list is ignored: the client could never come back.
func (c *Client) SetEndpoints(endpoints ...string) {
	if len(endpoints) > 0 {
		c.endpoints.set(endpoints)
	}
}

// Sync replaces the endpoints by the client URLs of the cluster's voting members.
func (c *Client) Sync(ctx context.Context) error {
	list, err := c.MemberList(ctx)
	if err != nil {
		return err
	}
	var urls []string
	for _, m := range list.Members {
		if m.Name != "" && !m.IsLearner {
			urls = append(urls, m.ClientURLs...)
		}
	}
	c.SetEndpoints(urls...)
	return nil
}

func (c *Client) autoSync() {
	ticker := time.NewTicker(c.cfg.AutoSyncInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
			if err := c.Sync(ctx); err != nil && c.ctx.Err() == nil {
				c.cfg.Logger.Warn("could not read the member list for new endpoints", "error", err.Error())
			}
			cancel()
		}
	}
}

// toErr makes of a failed call what its caller compares: the error of the context if
// that ended, a value of rpctypes if the server said so, else err as it is.
func toErr(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	mapped := rpctypes.Error(err)
	var known rpctypes.EtcdError
	if errors.As(mapped, &known) {
		return mapped
	}
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Canceled:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if status.Code(err) == codes.DeadlineExceeded {
			return context.DeadlineExceeded // gRPC's clock may be a little ahead of the context's
		}
	}
	return mapped
}

// isHaltErr tells the failures that another try cannot mend from those it may: a member
// that is away (Unavailable) or broke off (Internal).
func isHaltErr(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	if ctx != nil && ctx.Err() != nil {
		return true
	}
	code := status.Code(err)
	return code != codes.Unavailable && code != codes.Internal
}
