package raftexample

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch02-raft/sim"
	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// hub connects the Transports of Servers in one process, in virtual time.
type hub struct {
	mu    sync.Mutex
	rafts map[uint64]Raft
	cut   map[uint64]bool
	tasks sync.WaitGroup
}

// link is the Transport of one Server: each message is delivered by a goroutine of its own,
// 1 ms later.
type link struct {
	*hub
	id uint64
}

func (l link) SetPeers(map[uint64]string) {}
func (l link) Start(r Raft) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rafts[l.id] = r
}

func (l link) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.rafts, l.id)
}

func (l link) Send(messages []pb.Message) {
	for _, m := range messages {
		l.tasks.Go(func() { l.deliver(m) })
	}
}

func (l link) deliver(m pb.Message) {
	time.Sleep(time.Millisecond)
	l.mu.Lock()
	to, from := l.rafts[m.To], l.rafts[l.id]
	if l.cut[m.To] || l.cut[l.id] {
		to = nil
	}
	l.mu.Unlock()
	arrived := to != nil && to.Process(context.Background(), m) == nil
	if from == nil {
		return
	}
	if !arrived {
		from.ReportUnreachable(m.To)
	}
	if m.Type == pb.MsgSnap {
		status := raft.SnapshotFinish
		if !arrived {
			status = raft.SnapshotFailure
		}
		from.ReportSnapshot(m.To, status)
	}
}

func (h *hub) setCut(id uint64, cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut[id] = cut
}

// servers are three members in a bubble of virtual time.
type servers struct {
	t       *testing.T
	hub     *hub
	config  Config
	servers map[uint64]*Server
}

func inVirtualTime(t *testing.T, test func(*servers)) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{t: t, servers: map[uint64]*Server{}, hub: &hub{rafts: map[uint64]Raft{}, cut: map[uint64]bool{}}}
		s.config = Config{
			Peers: map[uint64]string{1: "http://one", 2: "http://two", 3: "http://three"}, SnapCount: 20, CatchUpEntries: 5,
			Logger: slog.New(slog.DiscardHandler), raftLog: raft.DiscardLogger(),
		}
		for id := range s.config.Peers {
			s.start(id, NewMemoryLog())
		}
		defer func() {
			for _, server := range s.servers {
				server.Stop()
			}
			s.hub.tasks.Wait()
		}()
		time.Sleep(3 * time.Second) // of the bubble: more than an election takes
		test(s)
	})
}

func (s *servers) start(id uint64, log Log) {
	c := s.config
	c.ID, c.Log, c.Transport = id, log, link{s.hub, id}
	server, err := Start(c)
	require.NoError(s.t, err)
	s.servers[id] = server
}

func (s *servers) lead() uint64 {
	status, err := s.servers[1].Status(s.t.Context())
	require.NoError(s.t, err)
	require.NotZero(s.t, status.Lead)
	return status.Lead
}

// http asks a member as a client does.
func (s *servers) http(id uint64, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	NewHTTPHandler(s.servers[id]).ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func (s *servers) wants(code int, text string, id uint64, method, path, body string) {
	s.t.Helper()
	gotCode, gotText := s.http(id, method, path, body)
	require.Equal(s.t, code, gotCode, "%s %s: %s", method, path, gotText)
	require.Contains(s.t, gotText, text)
}

func TestHTTP(t *testing.T) {
	inVirtualTime(t, func(s *servers) {
		s.wants(404, "no such key", 1, "GET", "/kv/a", "")
		s.wants(200, "", 1, "PUT", "/kv/a", "1")
		s.wants(200, "1", 2, "GET", "/kv/a", "")
		s.wants(412, "1", 3, "PUT", "/kv/a?prev=0", "2")
		s.wants(200, "1", 3, "PUT", "/kv/a?prev=1", "2")
		s.wants(200, "2", 1, "GET", "/kv/a", "")
		s.wants(200, "", 1, "PUT", "/kv/dir/with%2Fslash%ff", "\xff")
		s.wants(200, "\xff", 2, "GET", "/kv/dir/with%2Fslash%ff", "")
		s.wants(413, "", 1, "PUT", "/kv/a", strings.Repeat("x", maxValueBytes+1))
		s.wants(200, `{"1":"http://one","2":"http://two","3":"http://three"}`, 1, "GET", "/members", "")
		s.wants(400, "from 1 to", 1, "POST", "/members/0", "http://four")
		s.wants(400, "listens", 1, "POST", "/members/4", "four")
		s.wants(204, "", 1, "POST", "/members/4?learner=true", "http://four")
		s.wants(200, `"learners":[4]`, s.lead(), "GET", "/status", "")
		s.wants(409, "no member", 1, "DELETE", "/members/9", "")
	})
}

func TestHTTPARemovedMemberSaysSo(t *testing.T) {
	inVirtualTime(t, func(s *servers) {
		out := s.lead()
		other := out%3 + 1
		s.wants(204, "", out, "DELETE", fmt.Sprint("/members/", out), "")
		time.Sleep(3 * time.Second)
		s.wants(410, "ask another", out, "GET", "/kv/a", "")
		s.wants(200, "", other, "PUT", "/kv/a", "1")
		s.wants(409, "never used", other, "POST", fmt.Sprint("/members/", out), "http://again")
	})
}

func TestHTTPTellsWhatIsKnownOfAWrite(t *testing.T) {
	inVirtualTime(t, func(s *servers) {
		lead := s.lead()
		s.hub.setCut(lead, true)
		s.wants(504, "may", lead, "PUT", "/kv/a", "1")
		s.wants(503, "nothing was done", lead, "PUT", "/kv/a", "1") // it has stepped down meanwhile
		s.servers[lead].Stop()
		s.wants(504, "stopped", lead, "GET", "/kv/a", "")
	})
}

// history is what clients asked for and were told.
type history struct {
	mu    sync.Mutex
	ops   []sim.Op
	event int64
}

func (h *history) begin(op sim.Op) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.event++
	op.ID, op.Call = uint64(len(h.ops)+1), h.event
	h.ops = append(h.ops, op)
	return len(h.ops) - 1
}

// end notes an answer: what it showed, and what its status says of the request.
func (h *history) end(i, code int, seen string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.event++
	op := &h.ops[i]
	switch code {
	case http.StatusOK, http.StatusPreconditionFailed:
		op.Seen, op.Outcome, op.Return = seen, sim.Answered, h.event
	case http.StatusNotFound:
		op.Outcome, op.Return = sim.Answered, h.event
	case http.StatusServiceUnavailable:
		op.Outcome = sim.Refused
	default:
		op.Outcome = sim.Unknown
	}
}

// client sends requests to one member after the other; each value is written once.
func (s *servers) client(name int, h *history) {
	seen := ""
	for round := range 60 {
		id := uint64(1 + (name+round)%3)
		op := sim.Op{Node: id, Key: "a", Kind: []string{"put", "get", "cas"}[round%3], New: fmt.Sprint(name, "/", round), Old: seen}
		method, path := "PUT", "/kv/a"
		switch op.Kind {
		case "get":
			method = "GET"
		case "cas":
			path += "?prev=" + op.Old
		}
		i := h.begin(op)
		code, text := s.http(id, method, path, op.New)
		h.end(i, code, text)
		if code == http.StatusOK {
			seen = text
		}
		time.Sleep(time.Duration(20+name) * time.Millisecond)
	}
}

// Three Servers with their goroutines, six clients, one member after the other cut off: the
// history is linearizable.
func TestClientsOfServersAreLinearizable(t *testing.T) {
	inVirtualTime(t, func(s *servers) {
		var h history
		var clients sync.WaitGroup
		for name := range 6 {
			clients.Go(func() { s.client(name, &h) })
		}
		for n := range 8 {
			s.hub.setCut(uint64(n%3+1), true)
			time.Sleep(2 * time.Second)
			s.hub.setCut(uint64(n%3+1), false)
			time.Sleep(time.Second)
		}
		clients.Wait()
		answered := 0
		for _, op := range h.ops {
			require.NotEqual(t, sim.Waiting, op.Outcome)
			if op.Outcome == sim.Answered {
				answered++
			}
		}
		require.Greater(t, answered, 100)
		require.NoError(t, sim.Linearizable(h.ops), "linearizable reads")
	})
}

func TestConfigErrorsSayWhatToDo(t *testing.T) {
	_, err := Start(Config{})
	require.ErrorContains(t, err, "from 1 to 65535")
	_, err = Start(Config{ID: 1})
	require.ErrorContains(t, err, "needs a Log and a Transport")
	_, err = Start(Config{ID: 1, Log: NewMemoryLog(), Transport: link{}, Peers: map[uint64]string{2: ""}})
	require.ErrorContains(t, err, "do not include")
	lost := NewMemoryLog()
	require.NoError(t, lost.Save(pb.HardState{Term: 1, Commit: 9}, nil))
	_, err = Start(Config{ID: 1, Log: lost, Transport: link{}, Peers: map[uint64]string{1: ""}})
	require.ErrorIs(t, err, ErrLost)
	require.ErrorContains(t, err, "Commit is 9, the log ends at 0")
}

// TestHTTPTransport: three members over real sockets; one is stopped, misses the log, and
// comes back by a snapshot.
func TestHTTPTransport(t *testing.T) {
	lg := slog.New(slog.DiscardHandler)
	peers, transports, logs := map[uint64]string{}, map[uint64]*HTTPTransport{}, map[uint64]*MemoryLog{}
	handlers := map[uint64]http.Handler{}
	var mu sync.Mutex
	for id := uint64(1); id <= 3; id++ {
		listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			h := handlers[id]
			mu.Unlock()
			h.ServeHTTP(w, r)
		}))
		defer listener.Close()
		peers[id], logs[id] = listener.URL, NewMemoryLog()
		handlers[id] = http.NotFoundHandler()
	}
	start := func(id uint64) *Server {
		transports[id] = NewHTTPTransport(lg, nil)
		server, err := Start(Config{
			ID: id, Peers: peers, Log: logs[id], Transport: transports[id], Tick: 10 * time.Millisecond,
			RequestTimeout: time.Second, SnapCount: 20, CatchUpEntries: 5, Logger: lg, raftLog: raft.DiscardLogger(),
		})
		require.NoError(t, err)
		mu.Lock()
		handlers[id] = transports[id].Handler()
		mu.Unlock()
		return server
	}
	one, two, three := start(1), start(2), start(3)
	defer one.Stop()
	defer two.Stop()
	put := func(s *Server, val string) func() bool {
		return func() bool { _, err := s.Put(t.Context(), "a", val); return err == nil }
	}
	require.Eventually(t, put(one, "0"), 20*time.Second, time.Millisecond)
	three.Stop()
	for i := range 60 {
		require.Eventually(t, put(two, fmt.Sprint(i)), 20*time.Second, time.Millisecond)
	}
	three = start(3)
	defer three.Stop()
	require.Eventually(t, func() bool {
		r, err := three.Get(t.Context(), "a")
		return err == nil && r.Value == "59"
	}, 20*time.Second, time.Millisecond)
	status, err := three.Status(t.Context())
	require.NoError(t, err)
	require.Greater(t, status.Snapshot, uint64(20))

	resp, err := http.Post(peers[1]+raftPath, "", strings.NewReader("garbage"))
	require.NoError(t, err)
	text, _ := io.ReadAll(resp.Body)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, string(text), "no raft message")
}
