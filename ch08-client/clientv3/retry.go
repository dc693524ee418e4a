package clientv3

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"insideetcd/ch08-client/v3rpc/rpctypes"
	"insideetcd/ch08-client/v3rpc/stub"
)

const (
	maxAttempts = 100                    // of one read
	firstPause  = 25 * time.Millisecond  // after every endpoint was tried once
	longPause   = 500 * time.Millisecond // pauses double up to this
)

// repeatable marks a call that changes nothing, so that sending it twice is harmless.
// It is a call option only to travel beside the call; gRPC sees an empty one.
type repeatable struct{ grpc.EmptyCallOption }

func isRepeatable(options []grpc.CallOption) bool {
	for _, o := range options {
		if _, ok := o.(repeatable); ok {
			return true
		}
	}
	return false
}

// retryUnary sends reads again that failed because a member was not available, and any
// call once more that was refused because its token was too old: a refused call took no
// effect. The balancer picks the next member for each attempt.
func (c *Client) retryUnary(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	signedIn := false
	for attempt := 0; ; attempt++ {
		err := invoke(ctx, method, req, reply, conn, options...)
		if err == nil {
			return nil
		}
		c.cfg.Logger.Warn("retrying of unary invoker failed", "target", conn.CanonicalTarget(), "attempt", attempt, "error", err.Error())
		if c.cfg.DisableRetry || ctx.Err() != nil {
			return err
		}
		if !signedIn && method != stub.Auth_Authenticate_FullMethodName && c.token.refused(err) {
			signedIn = true
			if c.fetchToken(ctx) == nil {
				continue
			}
			return err
		}
		if !isRepeatable(options) || status.Code(err) != codes.Unavailable || attempt+1 >= maxAttempts {
			return err
		}
		if !c.pause(ctx, attempt) {
			return err
		}
	}
}

// pause waits before the next attempt, unless there is an endpoint that was not tried
// yet; false when the context ended first.
func (c *Client) pause(ctx context.Context, attempt int) bool {
	round := (attempt + 1) / max(1, len(c.endpoints.get()))
	if (attempt+1)%max(1, len(c.endpoints.get())) != 0 {
		return true
	}
	return sleep(ctx, backoffFor(round-1))
}

// backoffFor is the pause before round+1: doubling, with a jitter of a tenth so that
// clients that failed together do not come back together.
func backoffFor(round int) time.Duration {
	d := longPause
	if round < 5 {
		d = min(longPause, firstPause<<max(0, round))
	}
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isNoLeader is the failure that a caller of WithRequireLeader asked to see.
func isNoLeader(err error) bool { return errors.Is(rpctypes.Error(err), rpctypes.ErrNoLeader) }
