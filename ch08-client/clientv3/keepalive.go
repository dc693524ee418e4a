package clientv3

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// ErrKeepAliveHalted is returned by KeepAlive after Close.
var ErrKeepAliveHalted = errors.New("etcdclient: leases keep alive halted")

// keptAnswers is how many answers wait for a slow reader; further ones are dropped.
const keptAnswers = 16

// keeper renews all leases of a client on one stream. Who runs what:
//
//	run      owns the table of renewals; takes everything from the inbox, minds the clock
//	receive  one for each connection: opens it, passes answers to the inbox
//	send     one for each connection: empties the outbox into it
//
// They begin with the first KeepAlive and end with close.
type keeper struct {
	remote   stub.LeaseClient
	patience time.Duration

	ctx     context.Context
	cancel  context.CancelFunc
	inbox   *queue[keeperInput]
	start   sync.Once
	running sync.WaitGroup
	mu      sync.Mutex // orders start against close
	closed  bool

	// Of run alone:
	table    *renewals
	readers  map[LeaseID][]*leaseReader
	outbox   *queue[*pb.LeaseKeepAliveRequest]
	failures int
}

type keeperInput struct {
	add       *leaseReader
	leave     *leaseReader
	connected *queue[*pb.LeaseKeepAliveRequest]
	answer    *pb.LeaseKeepAliveResponse
	failed    error
}

// leaseReader is one call of KeepAlive. Only run sends on and closes out.
type leaseReader struct {
	id   LeaseID
	out  chan *LeaseKeepAliveResponse
	stop func() bool // ends the look at the caller's context
}

func newKeeper(c *Client, remote stub.LeaseClient) *keeper {
	k := &keeper{remote: remote, patience: 5 * time.Second, inbox: newQueue[keeperInput](),
		table: newRenewals(), readers: map[LeaseID][]*leaseReader{}}
	if c.cfg.DialTimeout > 0 {
		k.patience = c.cfg.DialTimeout
	}
	k.patience += time.Second
	k.ctx, k.cancel = context.WithCancel(c.ctx)
	return k
}

func (k *keeper) keepAlive(ctx context.Context, id LeaseID) (<-chan *LeaseKeepAliveResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.ctx.Err() != nil {
		return nil, ErrKeepAliveHalted
	}
	k.start.Do(func() { k.running.Go(k.run) })
	r := &leaseReader{id: id, out: make(chan *LeaseKeepAliveResponse, keptAnswers)}
	r.stop = context.AfterFunc(ctx, func() { k.inbox.push(keeperInput{leave: r}) })
	k.inbox.push(keeperInput{add: r})
	return r.out, nil
}

func (k *keeper) close() {
	k.mu.Lock()
	k.closed = true
	k.cancel()
	k.mu.Unlock()
	k.running.Wait()
}

func (k *keeper) run() {
	var connections sync.WaitGroup
	defer connections.Wait()
	defer k.endAll()
	connections.Go(func() { k.receive(0) })
	for {
		in, ok := k.next()
		if ok {
			k.take(in) // also at the end: endAll closes what it brought
		}
		if k.ctx.Err() != nil {
			return
		}
		if in.failed != nil {
			failures := k.failures
			k.failures++
			connections.Go(func() { k.receive(failures) })
		}
		now := time.Now()
		for _, id := range k.table.overdue(now) {
			k.end(id)
		}
		if k.outbox != nil {
			for _, id := range k.table.due(now) {
				k.outbox.push(&pb.LeaseKeepAliveRequest{ID: int64(id)})
			}
		}
	}
}

// next waits for an input or for the clock (ok false). Without a connection nothing can
// be asked for, so only deadlines matter; they are looked at every askAgain.
func (k *keeper) next() (keeperInput, bool) {
	ctx, cancel := k.ctx, context.CancelFunc(func() {})
	if at, ok := k.table.wakeAt(); ok {
		if k.outbox == nil {
			at = time.Now().Add(askAgain)
		}
		ctx, cancel = context.WithDeadline(k.ctx, at)
	}
	defer cancel()
	return k.inbox.pop(ctx)
}

func (k *keeper) take(in keeperInput) {
	switch {
	case in.add != nil:
		k.readers[in.add.id] = append(k.readers[in.add.id], in.add)
		k.table.add(in.add.id, time.Now(), k.patience)
	case in.leave != nil:
		k.leave(in.leave)
	case in.connected != nil:
		k.outbox = in.connected
	case in.answer != nil:
		k.failures = 0
		k.answered(in.answer)
	case in.failed != nil:
		k.outbox = nil
		k.table.broken(time.Now())
	}
}

func (k *keeper) answered(a *pb.LeaseKeepAliveResponse) {
	id := LeaseID(a.ID)
	if a.TTL <= 0 { // gone
		k.table.remove(id)
		k.end(id)
		return
	}
	k.table.answered(id, a.TTL, time.Now())
	for _, r := range k.readers[id] {
		select {
		case r.out <- &LeaseKeepAliveResponse{a.Header, id, a.TTL}:
		default: // the reader is slow; the lease is renewed all the same
		}
	}
}

func (k *keeper) leave(r *leaseReader) {
	all := k.readers[r.id]
	for i, x := range all {
		if x == r {
			close(r.out)
			k.readers[r.id] = append(all[:i:i], all[i+1:]...)
		}
	}
	if len(k.readers[r.id]) == 0 {
		delete(k.readers, r.id)
		k.table.remove(r.id)
	}
}

// end closes the channels of a lease that is gone or given up.
func (k *keeper) end(id LeaseID) {
	for _, r := range k.readers[id] {
		r.stop()
		close(r.out)
	}
	delete(k.readers, id)
}

func (k *keeper) endAll() {
	for id := range k.readers {
		k.end(id)
	}
	for { // calls of KeepAlive that run has not seen
		in, ok := k.inbox.pop(k.ctx)
		if !ok {
			return
		}
		if in.add != nil {
			in.add.stop()
			close(in.add.out)
		}
	}
}

// receive is the life of one connection, after a pause if others failed before it.
func (k *keeper) receive(failures int) {
	if failures > 0 && !sleep(k.ctx, backoffFor(failures-1)) {
		return
	}
	k.inbox.push(keeperInput{failed: k.connection()})
}

func (k *keeper) connection() error {
	ctx, cancel := context.WithCancel(k.ctx)
	var sender sync.WaitGroup
	defer sender.Wait()
	defer cancel()
	stream, err := k.remote.LeaseKeepAlive(ctx)
	if err != nil {
		return err
	}
	outbox := newQueue[*pb.LeaseKeepAliveRequest]()
	sender.Go(func() {
		for r, ok := outbox.pop(ctx); ok; r, ok = outbox.pop(ctx) {
			if stream.Send(r) != nil {
				return // Recv tells why
			}
		}
	})
	k.inbox.push(keeperInput{connected: outbox})
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return errStreamEnded
		}
		if err != nil {
			return err
		}
		k.inbox.push(keeperInput{answer: answer})
	}
}
