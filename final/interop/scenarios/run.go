package scenarios

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"
)

// Scenario is one use of etcd, told by a client.
type Scenario struct {
	Name     string
	Proves   string
	Restarts bool // it needs a server that it may restart
	play     func(s *stage)
}

// ErrCannotRestart is returned for a scenario that restarts the server on a server that
// nobody can restart.
var ErrCannotRestart = errors.New("the scenario restarts its server, and this one is not ours to restart")

// silent: what a client has to say, it says in its answers.
var silent = zap.NewNop()

// All returns the scenarios in the order in which a reader would try them.
func All() []Scenario {
	return []Scenario{
		{Name: "put-get", Proves: "what was put is read, in every order, part and age", play: putGet},
		{Name: "put-delete", Proves: "a put keeps or replaces, a delete tells what it took", play: putDelete},
		{Name: "refused", Proves: "a request that cannot be is refused with the words and code that clients compare", play: refused},
		{Name: "compaction", Proves: "history before a compaction is gone, and says so", play: compaction},
		{Name: "txn", Proves: "one of two branches runs, at one revision", play: txn},
		{Name: "txn-nested", Proves: "transactions inside transactions: every comparison is decided before the first write", play: txnNested},
		{Name: "watch-history", Proves: "a watch tells the past from a revision on, then the present, with the values before", play: watchHistory},
		{Name: "watch-many", Proves: "watches of one stream get each their own: keys, prefixes, filters, revisions to come", play: watchMany},
		{Name: "watch-progress", Proves: "a quiet watch is told how far it is: when asked, and by itself", play: watchProgress},
		{Name: "watch-compacted", Proves: "a watch from a compacted revision ends with the revision where it may begin", play: watchCompacted},
		{Name: "watch-restart", Proves: "a watch and a lease outlive a restart of the server; nothing is lost or told twice", Restarts: true, play: watchRestart},
		{Name: "lease", Proves: "a lease is granted, kept alive, looked at and revoked with its keys", play: leases},
		{Name: "lease-expiry", Proves: "the keys of a lease that nobody renews go at one revision", play: leaseExpiry},
		{Name: "lease-refused", Proves: "leases that cannot be are refused", play: leaseRefused},
		{Name: "lock", Proves: "a mutex has one owner; its create revision fences off the one before", play: lock},
		{Name: "election", Proves: "one candidate leads at a time, and everyone can see who", play: election},
		{Name: "stm", Proves: "software transactions of many goroutines lose nothing", play: stm},
		{Name: "mirror", Proves: "a mirror that copies history and follows changes is an equal copy", play: mirrored},
		{Name: "snapshot", Proves: "a snapshot is a whole database with its hash", play: snapshots},
		{Name: "maintenance", Proves: "status, hash, alarms, defragmentation, and who cannot be made leader", play: maintenance},
		{Name: "cluster", Proves: "the member list and the health service", play: cluster},
		{Name: "namespace", Proves: "a client in a namespace sees nothing else", play: namespaced},
		{Name: "ordering", Proves: "reads that never go back in time", play: ordered},
		{Name: "leasing", Proves: "a cache that owns keys gives them up for a writer", play: leased},
		{Name: "naming", Proves: "services found by name: registered, watched, resolved for gRPC", play: naming},
		{Name: "recipes", Proves: "queues, barriers and a lock of readers and writers", play: recipes},
		{Name: "kubernetes", Proves: "the calls of a Kubernetes API server", play: kube},
		{Name: "large", Proves: "values up to the limit, answers beyond it", play: large},
	}
}

//go:embed transcripts/*.txt
var transcripts embed.FS

// Expected is what a client sees of etcd 3.4.
func (sc Scenario) Expected() string {
	text, err := transcripts.ReadFile("transcripts/" + sc.Name + ".txt")
	if err != nil {
		return "" // a new scenario: the reference has not played it yet
	}
	return string(text)
}

// Play plays the scenario on a server and returns the transcript, as far as it came. The
// error says why it could not be played to its end.
func (sc Scenario) Play(ctx context.Context, server Server) (transcript string, err error) {
	if sc.Restarts && server.Restart == nil {
		return "", ErrCannotRestart
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := setUp(ctx, server, sc.Name)
	if err != nil {
		return "", err
	}
	defer s.tearDown()
	defer func() {
		transcript = strings.Join(s.lines, "\n") + "\n"
		switch why := recover().(type) {
		case nil:
		case broken:
			err = fmt.Errorf("%s: after %d lines: %w", sc.Name, len(s.lines), why.error)
		default:
			panic(why)
		}
	}()
	sc.play(s)
	return "", nil
}
