package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
	"insideetcd/ch08-client/v3rpc/stub"
)

const (
	writers       = 32
	keysPerWriter = 20
)

// TestKillLosesNoAcknowledgedPut kills the server again and again while 32
// writers put. After each restart
//
//	K1  every acknowledged put is there, with its value and mod revision,
//	    unless the same writer's last put, which nobody answered, took its place
//	K2  the store's revision is not below any acknowledged one
//	K3  no two acknowledged puts got the same revision
//	K4  nothing is there that nobody put
//
// The moment of each kill is a number of acknowledgements drawn from the seed.
// -kill.rounds 20 is the long form.
func TestKillLosesNoAcknowledgedPut(t *testing.T) {
	replay := fmt.Sprintf("go test ./final/e2e -run TestKill -kill.rounds %d -kill.seed %d", *killRounds, *killSeed)
	random := rand.New(rand.NewPCG(*killSeed, 0))
	server := start(t, ours(t), Options{Flags: []string{"--snapshot-count", "500"}})
	book := newLedger()
	for round := 1; round <= *killRounds; round++ {
		acks := 100 + random.IntN(1500)
		writeUntilKilled(t, server, book, acks)
		require.NoErrorf(t, server.Start(), "round %d does not start again; replay: %s", round, replay)
		problems := book.check(readAll(t, server))
		require.Emptyf(t, problems, "round %d of %d, killed after %d acknowledgements\n%s\nreplay: %s",
			round, *killRounds, acks, strings.Join(problems, "\n"), replay)
	}
	t.Logf("%d rounds, %d acknowledged puts, revision %d", *killRounds, len(book.revisions), book.highest)
}

// writeUntilKilled lets all writers put, kills the server after so many
// acknowledgements and returns when every writer has noticed.
func writeUntilKilled(t *testing.T, server *Server, book *ledger, acks int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var left atomic.Int64
	left.Store(int64(acks))
	enough := make(chan struct{})
	var group sync.WaitGroup
	for c := range writers / 4 { // four writers share a connection
		conn, err := grpc.NewClient("passthrough:///"+server.ClientAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		defer conn.Close()
		for i := range 4 {
			group.Go(func() {
				book.write(ctx, stub.NewKVClient(conn), c*4+i, func() {
					if left.Add(-1) == 0 {
						close(enough)
					}
				})
			})
		}
	}
	select {
	case <-enough:
	case <-ctx.Done():
		t.Errorf("only %d of %d puts were acknowledged within a minute", int64(acks)-left.Load(), acks)
	}
	server.Kill()
	group.Wait()
}

// ledger is what the clients know: the truth that the server is held to.
type ledger struct {
	mu        sync.Mutex
	acked     map[string]entry // by key: the last acknowledged put
	pending   map[string]string
	revisions map[int64]string // acknowledged revision → key
	highest   int64
	next      int64 // makes every value unique
	problems  []string
}

type entry struct {
	value    string
	revision int64
}

func newLedger() *ledger {
	return &ledger{acked: map[string]entry{}, pending: map[string]string{}, revisions: map[int64]string{}}
}

// write puts one key after the other until a put fails, as each must once the
// server is gone. The failed put stays pending: it may have been stored.
func (l *ledger) write(ctx context.Context, kv stub.KVClient, writer int, onAck func()) {
	for i := 0; ; i++ {
		key := fmt.Sprintf("writer%02d/%02d", writer, i%keysPerWriter)
		value := l.begin(key)
		answer, err := kv.Put(ctx, &etcdserverpb.PutRequest{Key: []byte(key), Value: []byte(value)})
		if err != nil {
			return
		}
		l.acknowledge(key, value, answer.Header.Revision)
		onAck()
	}
}

func (l *ledger) begin(key string) (value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	value = fmt.Sprintf("%s #%d %s", key, l.next, strings.Repeat("x", int(l.next%200)))
	l.pending[key] = value
	return value
}

func (l *ledger) acknowledge(key, value string, revision int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, taken := l.revisions[revision]; taken {
		l.problems = append(l.problems, fmt.Sprintf("K3: revision %d was acknowledged to %s and to %s", revision, other, key))
	}
	l.revisions[revision] = key
	l.highest = max(l.highest, revision)
	l.acked[key] = entry{value, revision}
	delete(l.pending, key)
}

// check holds a restarted server's content against the ledger, then takes over
// what the pending puts turned out to be.
func (l *ledger) check(kvs []*mvccpb.KeyValue, revision int64) []string {
	problems := l.problems
	if revision < l.highest {
		problems = append(problems, fmt.Sprintf("K2: the store is at revision %d, but %d was acknowledged (to %s)", revision, l.highest, l.revisions[l.highest]))
	}
	stored := map[string]entry{}
	for _, kv := range kvs {
		key, got := string(kv.Key), entry{string(kv.Value), kv.ModRevision}
		stored[key] = got
		want, known := l.acked[key]
		late, isPending := l.pending[key]
		switch {
		case known && got == want:
		case isPending && got.value == late && got.revision > want.revision:
		case known:
			problems = append(problems, fmt.Sprintf("K1: %s holds %q at revision %d, acknowledged was %q at %d", key, got.value, got.revision, want.value, want.revision))
		default:
			problems = append(problems, fmt.Sprintf("K4: %s holds %q at revision %d, which nobody put", key, got.value, got.revision))
		}
	}
	for key, want := range l.acked {
		if _, ok := stored[key]; !ok {
			problems = append(problems, fmt.Sprintf("K1: %s is gone, acknowledged was %q at revision %d", key, want.value, want.revision))
		}
	}
	l.acked, l.highest = stored, max(l.highest, revision)
	clear(l.pending)
	return problems
}

// readAll reads every key of the server.
func readAll(t *testing.T, s *Server) (kvs []*mvccpb.KeyValue, revision int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	answer, err := stub.NewKVClient(s.Conn).Range(ctx, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	require.NoError(t, err)
	return answer.Kvs, answer.Header.Revision
}

// TestLedgerFindsLosses breaks each promise once and sees it reported.
func TestLedgerFindsLosses(t *testing.T) {
	kv := func(key, value string, revision int64) *mvccpb.KeyValue {
		return &mvccpb.KeyValue{Key: []byte(key), Value: []byte(value), ModRevision: revision}
	}
	rows := []struct {
		name     string
		stored   []*mvccpb.KeyValue
		revision int64
		want     string
	}{
		{"everything is there", []*mvccpb.KeyValue{kv("a", "1", 2), kv("b", "1", 3)}, 3, ""},
		{"the unanswered put was stored", []*mvccpb.KeyValue{kv("a", "late", 4), kv("b", "1", 3)}, 4, ""},
		{"a key is gone", []*mvccpb.KeyValue{kv("a", "1", 2)}, 3, "K1: b is gone"},
		{"an older value is back", []*mvccpb.KeyValue{kv("a", "0", 1), kv("b", "1", 3)}, 3, `K1: a holds "0"`},
		{"the mod revision changed", []*mvccpb.KeyValue{kv("a", "1", 2), kv("b", "1", 5)}, 5, "K1: b holds"},
		{"the revision went back", []*mvccpb.KeyValue{kv("a", "1", 2), kv("b", "1", 3)}, 2, "K2: the store is at revision 2, but 3"},
		{"a key from nowhere", []*mvccpb.KeyValue{kv("a", "1", 2), kv("b", "1", 3), kv("c", "1", 4)}, 4, "K4: c holds"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			l := newLedger()
			l.acknowledge("a", "1", 2)
			l.acknowledge("b", "1", 3)
			l.pending["a"] = "late"
			problems := l.check(row.stored, row.revision)
			if row.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], row.want)
		})
	}
	l := newLedger()
	l.acknowledge("a", "1", 2)
	l.acknowledge("b", "1", 2)
	require.Contains(t, l.check([]*mvccpb.KeyValue{kv("a", "1", 2), kv("b", "1", 2)}, 2)[0], "K3: revision 2")
}
