package scenarios

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// patience is how long a scenario may take, a restart of the server included.
const patience = 30 * time.Second

// Server is what a scenario knows of the server it plays on.
type Server struct {
	Endpoint string       // host:port
	Restart  func() error // ends the process and starts it again; nil: not possible
}

// stage is where one scenario plays.
type stage struct {
	ctx    context.Context
	server Server
	client *clientv3.Client
	more   []*clientv3.Client // opened by the scenario
	prefix string             // of all its keys
	base   int64              // revision at its begin
	lines  []string
}

// broken is what a scenario panics with when it cannot go on; play catches it.
type broken struct{ error }

// setUp opens a client, and clears what an earlier run may have left.
func setUp(ctx context.Context, server Server, name string) (*stage, error) {
	s := &stage{ctx: ctx, server: server, prefix: "interop/" + name + "/"}
	client, err := clientv3.New(s.config())
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", server.Endpoint, err)
	}
	s.client = client
	if _, err := client.Delete(ctx, s.prefix, clientv3.WithPrefix()); err != nil {
		return nil, errors.Join(fmt.Errorf("clear %s: %w", s.prefix, err), client.Close())
	}
	r, err := client.Get(ctx, s.prefix)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("find the revision to count from: %w", err), client.Close())
	}
	s.base = r.Header.Revision
	return s, nil
}

func (s *stage) tearDown() {
	for _, c := range append(s.more, s.client) {
		_ = c.Close() // it reports the context that ended with the scenario
	}
}

func (s *stage) config() clientv3.Config {
	return clientv3.Config{Endpoints: []string{s.server.Endpoint}, DialTimeout: patience / 2, Context: s.ctx, Logger: silent}
}

// another is a client with a connection of its own.
func (s *stage) another() *clientv3.Client {
	c, err := clientv3.New(s.config())
	s.must(err)
	s.more = append(s.more, c)
	return c
}

// must ends the scenario when something fails that only prepares what is to be seen.
func (s *stage) must(err error) {
	if err != nil {
		panic(broken{err})
	}
}

// next waits for what comes from c; ok is false when it was closed.
func next[T any](s *stage, c <-chan T) (v T, ok bool) {
	select {
	case v, ok = <-c:
		return v, ok
	case <-s.ctx.Done():
		panic(broken{fmt.Errorf("nothing came: %w", s.ctx.Err())})
	}
}

// say adds a line to the transcript.
func (s *stage) say(format string, args ...any) {
	s.lines = append(s.lines, strings.ReplaceAll(fmt.Sprintf(format, args...), s.prefix, ""))
}

// tried is how a call went: "ok", or the words and the code of the error.
func tried(err error) string {
	if err == nil {
		return "ok"
	}
	var known rpctypes.EtcdError
	if errors.As(err, &known) {
		return fmt.Sprintf("[%s] %s", known.Code(), known.Error())
	}
	return err.Error()
}

func (s *stage) key(name string) string { return s.prefix + name }

// rev counts a revision from the begin of the scenario; 0 stays 0.
func (s *stage) rev(revision int64) string {
	if revision == 0 {
		return "0"
	}
	return fmt.Sprintf("%+d", revision-s.base)
}

// at is the revision that rev writes as +n.
func (s *stage) at(n int64) int64 { return s.base + n }

func (s *stage) kv(kv *mvccpb.KeyValue) string {
	if kv == nil {
		return "nothing"
	}
	text := fmt.Sprintf("%s=%q create %s mod %s version %d", kv.Key, kv.Value, s.rev(kv.CreateRevision), s.rev(kv.ModRevision), kv.Version)
	if kv.Lease != 0 {
		text += " leased"
	}
	return text
}

// put writes and says how that went.
func (s *stage) put(name, value string, opts ...clientv3.OpOption) {
	r, err := s.client.Put(s.ctx, s.key(name), value, opts...)
	if err != nil {
		s.say("put %s: %s", name, tried(err))
		return
	}
	text := ""
	if r.PrevKv != nil {
		text = ", before: " + s.kv(r.PrevKv)
	}
	s.say("put %s at %s%s", name, s.rev(r.Header.Revision), text)
}

// get reads and says what was there. The label tells the options.
func (s *stage) get(label, name string, opts ...clientv3.OpOption) {
	r, err := s.client.Get(s.ctx, s.key(name), opts...)
	if err != nil {
		s.say("get %s: %s", label, tried(err))
		return
	}
	s.said("get "+label, r)
}

func (s *stage) said(label string, r *clientv3.GetResponse) {
	s.say("%s: count %d more %t, as of %s", label, r.Count, r.More, s.rev(r.Header.GetRevision()))
	for _, kv := range r.Kvs {
		s.say("  %s", s.kv(kv))
	}
}

// delete removes and says what was there.
func (s *stage) delete(label, name string, opts ...clientv3.OpOption) {
	r, err := s.client.Delete(s.ctx, s.key(name), opts...)
	if err != nil {
		s.say("delete %s: %s", label, tried(err))
		return
	}
	s.say("delete %s: %d at %s", label, r.Deleted, s.rev(r.Header.Revision))
	for _, kv := range r.PrevKvs {
		s.say("  %s", s.kv(kv))
	}
}

// events says the next n events of a watch, however the server has packed them.
func (s *stage) events(label string, w clientv3.WatchChan, n int) {
	for n > 0 {
		r, ok := next(s, w)
		if !ok {
			s.say("%s is over", label)
			return
		}
		if err := r.Err(); err != nil {
			s.say("%s ended: %s, compact revision %s", label, tried(err), s.rev(r.CompactRevision))
			return
		}
		for _, e := range r.Events {
			s.say("%s %s: %s%s", label, e.Type, s.kv(e.Kv), s.before(e))
			n--
		}
	}
	if n < 0 {
		s.say("%s told %d events too many", label, -n)
	}
}

func (s *stage) before(e *clientv3.Event) string {
	if e.PrevKv == nil {
		return ""
	}
	return ", before: " + s.kv(e.PrevKv)
}

// created waits for the announcement of a watch that asked for one.
func (s *stage) created(label string, w clientv3.WatchChan) {
	r, ok := next(s, w)
	s.say("%s created %t, open %t", label, r.Created, ok)
}
