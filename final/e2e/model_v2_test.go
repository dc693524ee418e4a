package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	modelv2 "insideetcd/ch01-intro/model/v2"
)

var modelV2Steps = flag.Int("model.v2steps", 400, "steps of a history of the v2 API")

// v2Call is one request of the v2 keys API.
type v2Call struct {
	method, path string
	params       url.Values
}

func (c v2Call) String() string { return c.method + " " + c.path + "?" + c.params.Encode() }

// v2Answer is what both say in the end: an event or a refusal, and the index.
type v2Answer struct {
	Event *modelv2.Event
	Error *modelv2.Error
	Index uint64
}

func (a v2Answer) String() string {
	text, _ := json.Marshal(a)
	return string(text)
}

// TestV2ModelAgreesWithDebian runs random histories of the v2 API on the model and on
// Debian's etcd.
func TestV2ModelAgreesWithDebian(t *testing.T) {
	t.Parallel()
	binary := reference(t)
	for seed := *modelSeed; seed < *modelSeed+uint64(*modelHistories); seed++ {
		s, err := NewServer(binary, t.TempDir(), Options{Flags: []string{"--enable-v2"}})
		require.NoError(t, err)
		h := &v2History{t: t, s: s, seed: seed, Rand: rand.New(rand.NewPCG(seed, 3))}
		func() {
			defer s.Close()
			require.NoError(t, s.Start())
			h.begin()
			for range *modelV2Steps {
				h.step()
			}
			h.endWaits()
		}()
		t.Logf("seed %d: %d requests, %d waits, %d expiries, index %d", seed, h.requests, h.waited, h.expiries, h.tree.Index())
		require.Greater(t, h.requests, *modelV2Steps/2, "too little was compared")
	}
}

// v2History is one server and one model with the same history.
type v2History struct {
	t *testing.T
	*rand.Rand
	s     *Server
	seed  uint64
	tree  *modelv2.Tree
	calls []string
	waits []*v2Wait

	requests, waited, expiries int
}

// v2Wait is a request that waits for an event.
type v2Wait struct {
	watch  modelv2.Watch
	answer chan v2Answer
	cancel context.CancelFunc
}

func (h *v2History) begin() {
	_, index := h.send(context.Background(), v2Call{"GET", "/", nil})
	h.tree = modelv2.New(index, time.Now())
}

func (h *v2History) fail(call v2Call, want, got v2Answer) {
	h.t.Fatalf("the model and %s part:\n%s\n%s\n  model:  %s\n  target: %s\nreplay: go test ./final/e2e -run '^%s$' -model.seed=%d -model.histories=1 -model.v2steps=%d",
		h.s.Binary, strings.Join(h.calls, "\n"), call, want, got, h.t.Name(), h.seed, *modelV2Steps)
}

func (h *v2History) one(n int) bool { return h.IntN(n) == 0 }

func (h *v2History) path() string {
	return []string{"/a", "/b", "/d", "/d/a", "/d/b", "/d/e/f", "/_h", "/d/_h", "/d/_h/a", "/a/b", "/"}[h.IntN(11)]
}

func (h *v2History) value() string { return []string{"", "x", "y"}[h.IntN(3)] }

func (h *v2History) step() {
	switch n := h.IntN(100); {
	case n < 4:
		h.wait()
	case n == 4:
		h.expire()
	default:
		h.ask(h.call(n))
	}
}

// call draws a request.
func (h *v2History) call(n int) v2Call {
	c := v2Call{"GET", h.path(), url.Values{}}
	flags := func(names ...string) {
		for _, name := range names {
			if h.one(2) {
				c.params.Set(name, "true")
			}
		}
	}
	switch {
	case n < 25:
		flags("recursive", "sorted", "quorum")
		return c
	case n < 45:
		c.method = "DELETE"
		flags("recursive", "dir")
		if h.one(2) {
			h.compareParams(c)
		}
		return c
	case n < 55:
		c.method = "POST"
	default:
		c.method = "PUT"
		switch h.IntN(4) {
		case 0:
			c.params.Set("prevExist", strconv.FormatBool(h.one(2)))
		case 1:
			h.compareParams(c)
		}
	}
	c.params.Set("value", h.value())
	if h.one(8) {
		c.params.Set("dir", "true")
	}
	if h.one(4) {
		c.params.Set("ttl", "10000")
		if h.one(3) && c.method == "PUT" {
			c.params.Set("refresh", "true")
			c.params.Del("value")
		}
	}
	return c
}

func (h *v2History) compareParams(c v2Call) {
	if v := h.value(); v != "" {
		c.params.Set("prevValue", v)
	}
	if h.one(2) {
		index := h.tree.Index() - uint64(h.IntN(20))
		if e, err := h.tree.Get(c.path, false); err == nil && h.one(2) {
			index = e.Node.ModifiedIndex
		}
		c.params.Set("prevIndex", fmt.Sprint(index))
	}
}

// ask does a request to both and compares.
func (h *v2History) ask(c v2Call) {
	h.requests++
	want := h.model(c)
	got, index := h.send(context.Background(), c)
	got.Index = index
	if !sameV2(want, got) {
		h.fail(c, want, got)
	}
	h.calls = append(h.calls, c.String())
}

// model does what the request means.
func (h *v2History) model(c v2Call) v2Answer {
	e, err := h.doModel(c)
	a := v2Answer{Event: e, Index: h.tree.Index()}
	if errors.As(err, &a.Error) {
		a.Event = nil
	}
	return a
}

func (h *v2History) doModel(c v2Call) (*modelv2.Event, error) {
	p := c.params
	index, _ := strconv.ParseUint(p.Get("prevIndex"), 10, 64)
	compares := p.Get("prevValue") != "" || index != 0
	w := modelv2.Write{Dir: p.Get("dir") != "", Value: p.Get("value"), Refresh: p.Get("refresh") != ""}
	if ttl, err := strconv.Atoi(p.Get("ttl")); err == nil {
		w.Expires = time.Now().Add(time.Duration(ttl) * time.Second)
	}
	switch {
	case c.method == "GET":
		return h.tree.Get(c.path, p.Get("recursive") != "")
	case c.method == "POST":
		return h.tree.CreateInOrder(c.path, w)
	case c.method == "DELETE" && compares:
		return h.tree.CompareAndDelete(c.path, p.Get("prevValue"), index)
	case c.method == "DELETE":
		return h.tree.Delete(c.path, p.Get("dir") != "", p.Get("recursive") != "")
	case compares:
		return h.tree.CompareAndSwap(c.path, p.Get("prevValue"), index, w)
	case p.Get("prevExist") == "true":
		return h.tree.Update(c.path, w)
	case p.Get("prevExist") == "false":
		return h.tree.Create(c.path, w)
	}
	return h.tree.Set(c.path, w)
}

// send does a request to the server. The index stands in a header.
func (h *v2History) send(ctx context.Context, c v2Call) (v2Answer, uint64) {
	a, index, err := sendV2(ctx, h.s.ClientAddr, c, nil)
	require.NoError(h.t, err, "%v", c)
	return a, index
}

func sendV2(ctx context.Context, addr string, c v2Call, begun func(index uint64)) (a v2Answer, index uint64, err error) {
	target := "http://" + addr + "/v2/keys" + c.path + "?" + c.params.Encode()
	r, err := http.NewRequestWithContext(ctx, c.method, target, nil)
	if err != nil {
		return a, 0, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, 0, err
	}
	defer resp.Body.Close()
	index, err = strconv.ParseUint(resp.Header.Get("X-Etcd-Index"), 10, 64)
	if err != nil {
		return a, 0, fmt.Errorf("status %s: %w", resp.Status, err)
	}
	if begun != nil {
		begun(index)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, 0, err
	}
	if bytes.Contains(body, []byte(`"errorCode"`)) {
		err = json.Unmarshal(body, &a.Error)
	} else {
		err = json.Unmarshal(body, &a.Event)
	}
	return a, index, err
}

// wait begins a watch that is answered now or later.
func (h *v2History) wait() {
	w := modelv2.Watch{Path: h.path(), Recursive: h.one(2), Begun: h.tree.Index()}
	c := v2Call{"GET", w.Path, url.Values{"wait": {"true"}, "recursive": {strconv.FormatBool(w.Recursive)}}}
	if h.one(2) {
		w.Since = max(1, h.tree.Index()+3-h.Uint64N(min(20, h.tree.Index()+2)))
		c.params.Set("waitIndex", fmt.Sprint(w.Since))
	}
	if len(h.waits) > 8 && w.Since == 0 {
		return
	}
	h.calls = append(h.calls, c.String())
	h.waited++
	ctx, cancel := context.WithCancel(context.Background())
	begun, answer := make(chan uint64, 1), make(chan v2Answer, 1)
	go func() {
		a, _, err := sendV2(ctx, h.s.ClientAddr, c, func(index uint64) { begun <- index })
		if err == nil {
			answer <- a
		}
	}()
	select {
	case index := <-begun:
		require.Equal(h.t, w.Begun, index, "%v", c)
	case <-time.After(10 * time.Second):
		h.t.Fatalf("%v is not answered", c)
	}
	h.waits = append(h.waits, &v2Wait{w, answer, cancel})
}

// endWaits compares what all watches were told, after a change that concerns everybody.
func (h *v2History) endWaits() {
	for range 25 { // and beyond the future that anybody waits for
		for _, p := range []string{"/a", "/b", "/d"} {
			h.ask(v2Call{"DELETE", p, url.Values{"recursive": {"true"}}})
			h.ask(v2Call{"PUT", p + "/x", url.Values{"value": {"end"}}})
		}
	}
	for _, w := range h.waits {
		e, err := h.tree.First(w.watch)
		want := v2Answer{Event: e}
		errors.As(err, &want.Error)
		var got v2Answer
		if e != nil || err != nil {
			select {
			case got = <-w.answer:
			case <-time.After(5 * time.Second):
			}
		} else {
			select {
			case got = <-w.answer:
			default:
			}
		}
		w.cancel()
		if !sameV2(want, got) {
			h.fail(v2Call{"GET", fmt.Sprintf("waits: %+v", w.watch), nil}, want, got)
		}
	}
}

// expire lets a node end by itself.
func (h *v2History) expire() {
	if !h.one(4) {
		return
	}
	h.expiries++
	c := v2Call{"PUT", h.path(), url.Values{"value": {"short"}, "ttl": {"1"}}}
	h.ask(c)
	index := h.tree.Index()
	if h.tree.Advance(time.Now().Add(2 * time.Second)); h.tree.Index() == index {
		return // it was refused
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		if _, now := h.send(context.Background(), v2Call{"GET", "/", nil}); now > index {
			break
		}
		if time.Since(begin) > 20*time.Second {
			h.t.Fatalf("%v has not ended", c)
		}
	}
	h.ask(v2Call{"GET", "/", url.Values{"recursive": {"true"}}})
}

// sameV2 compares but for the order of unsorted listings and the exact time.
func sameV2(a, b v2Answer) bool { return comparableV2(a) == comparableV2(b) }

func comparableV2(a v2Answer) string {
	if a.Event != nil {
		e := *a.Event
		e.Node, e.PrevNode = comparableNode(e.Node), comparableNode(e.PrevNode)
		a.Event = &e
	}
	return a.String()
}

// comparableNode keeps of the time whether there is one, and how long it is, roughly.
func comparableNode(n *modelv2.Node) *modelv2.Node {
	if n == nil {
		return nil
	}
	c := *n
	if c.Expiration != nil {
		c.Expiration = &time.Time{}
		c.TTL = (c.TTL + 5000) / 10000
	}
	c.Nodes = nil
	for _, child := range n.Nodes {
		c.Nodes = append(c.Nodes, comparableNode(child))
	}
	slices.SortFunc(c.Nodes, func(x, y *modelv2.Node) int { return strings.Compare(x.Key, y.Key) })
	return &c
}
