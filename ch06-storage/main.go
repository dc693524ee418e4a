// Command ch06-storage shows the life of one key in the multi-version store: in the index,
// on disk, in the past, through a compaction and over a restart.
//
//	go run ./ch06-storage
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"insideetcd/ch06-storage/backend"
	"insideetcd/ch06-storage/interval"
	"insideetcd/ch06-storage/mvcc"
)

var (
	name   = []byte("name")
	values = []string{"Ada", "Grace", "", "Edsger"} // of revisions 2 to 5; "" is a deletion
	quiet  = slog.New(slog.DiscardHandler)
)

func main() {
	dir, err := os.MkdirTemp("", "ch06-storage")
	must(err)
	defer func() { must(os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "db")
	b, store := open(path)

	fmt.Println("1. Put, put, delete, put: two lives of one key. Each put also writes a second key, in the same transaction.")
	for i, value := range values {
		write(store, uint64(i)+1, value)
	}
	fmt.Printf("   revision %d; the index knows of %q the generations %v\n", store.Rev(), name, store.Generations(name))

	fmt.Println("\n2. On disk, in the order of revisions: main, '_', sub, 't' for a tombstone → key-value")
	printRecords(b)

	fmt.Println("\n3. Every revision can be read:")
	for i, want := range values {
		got, err := read(store, int64(i)+2)
		check(err == nil && got == want, "a read gets what was there at its revision")
	}

	fmt.Println("\n4. Compaction at 4 drops what no read from 4 on can find. The deletion is an event of 4, so it stays:")
	done, err := store.Compact(4)
	must(err)
	<-done
	fmt.Printf("   generations %v\n", store.Generations(name))
	printRecords(b)
	_, err = read(store, 3)
	check(errors.Is(err, mvcc.ErrCompacted), "a read below the compact revision is refused")

	fmt.Println("\n5. A restart rebuilds the index from disk. Has the history changed? Its hash before and after:")
	before := hash(store)
	must(errors.Join(store.Close(), b.Close()))
	b, store = open(path)
	check(hash(store) == before && store.Rev() == 5 && store.ConsistentIndex() == 4, "a restart changes nothing")
	must(errors.Join(store.Close(), b.Close()))
	fmt.Println("\nNext: mvcc/keyindex.go tells such a story as a comment. What would a compaction at 5 have left?")
}

func open(path string) (backend.Backend, *mvcc.Store) {
	b, err := backend.Open(backend.Config{Path: path, Logger: quiet})
	must(err)
	store, err := mvcc.Open(quiet, b, mvcc.Config{})
	must(err)
	return b, store
}

// write is the transaction that log entry number entry stands for.
func write(store *mvcc.Store, entry uint64, value string) {
	txn := store.Write()
	defer txn.Abort() // does nothing after End
	if value == "" {
		txn.DeleteRange(interval.Point(name))
	} else {
		txn.Put(name, []byte(value), 0)
		txn.Put([]byte("count"), fmt.Append(nil, entry), 0)
	}
	txn.SetConsistentIndex(entry)
	txn.End()
}

func read(store *mvcc.Store, rev int64) (value string, err error) {
	res, err := store.Range(interval.Point(name), mvcc.RangeOptions{Rev: rev})
	for _, kv := range res.KVs {
		value = string(kv.Value())
	}
	fmt.Printf("   at %d: %q, error %v\n", rev, value, err)
	return value, err
}

func hash(store *mvcc.Store) uint32 {
	sum, rev, compactRev, err := store.HashByRev(0)
	must(err)
	fmt.Printf("   %08x at revision %d, compacted at %d\n", sum, rev, compactRev)
	return sum
}

func printRecords(b backend.Backend) {
	tx := b.ConcurrentReadTx()
	defer tx.Unlock()
	must(tx.UnsafeForEach(backend.BucketKey, func(k, v []byte) error {
		rev, err := mvcc.ParseRevision(k)
		fmt.Printf("   %-5v %x → %x\n", rev, k, v)
		return err
	}))
}

func must(err error) { check(err == nil, fmt.Sprintf("no error: %v", err)) }

// check ends the program with status 2 if rule is broken; main still removes the files.
func check(holds bool, rule string) {
	if !holds {
		panic("does not hold: " + rule)
	}
}
