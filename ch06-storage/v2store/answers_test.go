package v2store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The files in testdata were recorded from Debian's etcd 3.4.23: requests.jsonl with
// curl on /v2/keys, one request and its answer a line; requests.json and members.json
// are the data of Raft snapshots (--snapshot-count 10), the first one of the same run.

// request is one line of requests.jsonl.
type request struct {
	Method string            `json:"method"`
	Key    string            `json:"key"`
	Form   map[string]string `json:"form"`
	Body   json.RawMessage   `json:"body"`
}

// answer is as much of an answer as tells when it was given.
type answer struct {
	Node struct {
		Expiration time.Time `json:"expiration"`
		TTL        int64     `json:"ttl"`
	} `json:"node"`
}

// TestAnswersAndHistoryAreThoseOfEtcd replays a recorded run: every answer, error
// texts and indexes included, and the tree and the history at the end are the same.
func TestAnswersAndHistoryAreThoseOfEtcd(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newStore(func() time.Time { return now }, "/0", "/1")
	want, err := os.ReadFile("testdata/requests.json")
	require.NoError(t, err)
	replayInternalWrites(t, s, want)

	for _, r := range readRequests(t) {
		var recorded answer
		require.NoError(t, json.Unmarshal(r.Body, &recorded))
		if recorded.Node.TTL > 0 {
			now = recorded.Node.Expiration.Add(-time.Duration(recorded.Node.TTL) * time.Second)
		}
		got := do(s, r, recorded.Node.Expiration)
		require.JSONEq(t, string(r.Body), string(got), "%s %s %v", r.Method, r.Key, r.Form)
	}

	got, err := s.Save()
	require.NoError(t, err)
	require.Equal(t, string(beforeStats(want)), string(beforeStats(got)))
}

// replayInternalWrites repeats what the server itself wrote before the first request:
// its one member, that member's attributes, the cluster version.
func replayInternalWrites(t *testing.T, s *store, saved []byte) {
	var recorded store
	require.NoError(t, json.Unmarshal(saved, &recorded))
	for _, e := range recorded.WatcherHub.EventHistory.Queue.Events[:3] {
		var err error
		if e.Action == Create {
			_, err = s.Create(e.Node.Key, false, *e.Node.Value, false, TTLOptionSet{})
		} else {
			_, err = s.Set(e.Node.Key, false, *e.Node.Value, TTLOptionSet{})
		}
		require.NoError(t, err)
	}
}

func readRequests(t *testing.T) []request {
	f, err := os.Open("testdata/requests.jsonl")
	require.NoError(t, err)
	defer f.Close()
	var requests []request
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r request
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		requests = append(requests, r)
	}
	require.NoError(t, lines.Err())
	require.Greater(t, len(requests), 50)
	return requests
}

// do carries a v2 request out as the HTTP layer would, and returns the answer with
// the users' namespace cut off.
func do(s *store, r request, expiration time.Time) []byte {
	var e *Event
	var err error
	key := "/1" + r.Key
	opts := TTLOptionSet{ExpireTime: expiration, Refresh: r.Form["refresh"] == "true"}
	dir, value := r.Form["dir"] == "true", r.Form["value"]
	switch {
	case r.Method == "GET":
		e, err = s.Get(key, r.Form["recursive"] == "true")
	case r.Method == "POST":
		e, err = s.Create(key, dir, value, true, opts)
	case r.Method == "DELETE":
		e, err = s.Delete(key, dir, r.Form["recursive"] == "true")
	case r.Form["prevExist"] == "true":
		e, err = s.Update(key, value, opts)
	case r.Form["prevExist"] == "false":
		e, err = s.Create(key, dir, value, false, opts)
	default:
		e, err = s.Set(key, dir, value, opts)
	}
	var body any = err
	if err == nil {
		shown := *e
		shown.Refresh = false // answers never show it
		body = shown
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	b = bytes.ReplaceAll(b, []byte(`"/1/`), []byte(`"/`))
	b = bytes.ReplaceAll(b, []byte(`"key":"/1",`), nil)
	return b
}

// beforeStats returns a saved store up to its counts, in which the recorded run has
// the reads of its HTTP layer.
func beforeStats(saved []byte) []byte {
	i := bytes.LastIndex(saved, []byte(`"Stats":`))
	if i < 0 {
		return nil
	}
	return saved[:i]
}
