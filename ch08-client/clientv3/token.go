package clientv3

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/credentials"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

// token is what a user shows with every call. It is gRPC's PerRPCCredentials: empty, it
// adds nothing.
type token struct {
	username, password string

	mu    sync.Mutex
	value string
}

func newToken(username, password string) *token {
	return &token{username: username, password: password}
}

// GetRequestMetadata implements credentials.PerRPCCredentials. Signing in goes without a
// token: an old one would be refused.
func (t *token) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	if info, ok := credentials.RequestInfoFromContext(ctx); ok && info.Method == stub.Auth_Authenticate_FullMethodName {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == "" {
		return nil, nil
	}
	return map[string]string{"token": t.value}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: etcd's users may
// work without TLS, as in 3.4.
func (*token) RequireTransportSecurity() bool { return false }

func (t *token) set(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.value = value
}

// refused reports whether a call failed for want of a good token: none, one that ended,
// or one older than the last change of users.
func (t *token) refused(err error) bool {
	if t.username == "" {
		return false
	}
	mapped := rpctypes.Error(err)
	return errors.Is(mapped, rpctypes.ErrInvalidAuthToken) ||
		errors.Is(mapped, rpctypes.ErrUserEmpty) && t.empty() ||
		errors.Is(mapped, rpctypes.ErrAuthOldRevision)
}

func (t *token) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value == ""
}

// signIn fetches the first token. A cluster that knows no users yet is served without.
func (c *Client) signIn() error {
	if c.token.username == "" {
		return nil
	}
	ctx, cancel := c.ctx, context.CancelFunc(func() {})
	if c.cfg.DialTimeout > 0 {
		ctx, cancel = context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	}
	defer cancel()
	err := c.fetchToken(ctx)
	if errors.Is(err, rpctypes.ErrAuthNotEnabled) {
		return nil
	}
	return err
}

// fetchToken asks for a new token.
func (c *Client) fetchToken(ctx context.Context) error {
	answer, err := c.Authenticate(ctx, c.token.username, c.token.password)
	if err != nil {
		return err
	}
	c.token.set(answer.Token)
	return nil
}

// AuthenticateResponse carries the token of a user.
type AuthenticateResponse pb.AuthenticateResponse

// Authenticate exchanges a name and a password for a token.
func (c *Client) Authenticate(ctx context.Context, name, password string) (*AuthenticateResponse, error) {
	answer, err := stub.NewAuthClient(c.conn).Authenticate(ctx, &pb.AuthenticateRequest{Name: name, Password: password})
	if err != nil {
		return nil, toErr(ctx, err)
	}
	if answer.Token == "" {
		return nil, fmt.Errorf("etcdclient: the server answered an empty token for user %q", name)
	}
	return (*AuthenticateResponse)(answer), nil
}
