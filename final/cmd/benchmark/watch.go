package main

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

// watching is many watchers of all keys, one stream a connection. It knows how many of
// them were told of each revision.
type watching struct {
	end func() // closes the streams and waits for their receivers

	mu      sync.Mutex
	missing map[int64]int // revision → watchers that have not been told
	waiting map[int64]chan struct{}
	all     int
}

// putAndAwait is done when every watcher knows. A revision belongs to one put.
func putAndAwait(ctx context.Context, c *client, _ int) error {
	answer, err := c.kv.Put(ctx, &pb.PutRequest{Key: c.randomKey(), Value: c.value})
	if err != nil {
		return err
	}
	select {
	case <-c.watching.done(answer.Header.Revision):
		c.watching.forget(answer.Header.Revision)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watch opens the watchers, as many on each connection as on the others, or one more. What
// ends a stream before end is called is told to fail.
func watch(ctx context.Context, fail context.CancelCauseFunc, conns []*grpc.ClientConn, watchers int) (*watching, error) {
	w := &watching{missing: map[int64]int{}, waiting: map[int64]chan struct{}{}, all: watchers}
	ctx, cancel := context.WithCancel(ctx)
	var receiving sync.WaitGroup
	w.end = func() { cancel(); receiving.Wait() }
	for i, conn := range conns {
		stream, err := stub.NewWatchClient(conn).Watch(ctx)
		if err == nil {
			err = create(stream, (watchers+i)/len(conns))
		}
		if err != nil {
			w.end()
			return nil, fmt.Errorf("open watchers: %w", err)
		}
		receiving.Go(func() {
			if err := w.receive(stream); ctx.Err() == nil {
				fail(fmt.Errorf("watch: %w", err))
			}
		})
	}
	return w, nil
}

// create returns when so many watchers were confirmed.
func create(stream stub.Watch_WatchClient, watchers int) error {
	request := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{Key: prefix, RangeEnd: prefixEnd}}}
	for range watchers {
		if err := stream.Send(request); err != nil {
			return err
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if !answer.Created || answer.Canceled {
			return fmt.Errorf("refused: %v", answer)
		}
	}
	return nil
}

func (w *watching) receive(stream stub.Watch_WatchClient) error {
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if answer.Canceled {
			return fmt.Errorf("watcher %d was canceled: %v", answer.WatchId, answer)
		}
		w.mu.Lock()
		for _, e := range answer.Events {
			w.told(e.Kv.ModRevision)
		}
		w.mu.Unlock()
	}
}

// told counts one delivery. The caller holds mu.
func (w *watching) told(revision int64) {
	left, isKnown := w.missing[revision]
	if !isKnown {
		left = w.all
	}
	w.missing[revision] = left - 1
	if left == 1 {
		close(w.wait(revision))
	}
}

// wait returns the channel that is closed at the last delivery. The caller holds mu.
func (w *watching) wait(revision int64) chan struct{} {
	if w.waiting[revision] == nil {
		w.waiting[revision] = make(chan struct{})
	}
	return w.waiting[revision]
}

func (w *watching) done(revision int64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait(revision)
}

func (w *watching) forget(revision int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.missing, revision)
	delete(w.waiting, revision)
}
