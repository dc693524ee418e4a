package backend

import (
	"fmt"
	"io"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Snapshot is one committed state of the file. It is read straight from the file,
// while writers go on; until Close, pages it needs are not used again.
type Snapshot interface {
	// Size is the number of bytes that WriteTo will write.
	Size() int64
	WriteTo(w io.Writer) (int64, error)
	Close() error
}

type snapshot struct {
	tx    *bolt.Tx
	begun time.Time
}

func (b *backend) Snapshot() Snapshot {
	b.batch.Commit()
	b.mu.Lock() // AFTER Commit, which takes it too; keeps Defrag from replacing db
	defer b.mu.Unlock()
	tx, err := b.db.Begin(false)
	if err != nil {
		panic(fmt.Sprintf("backend: cannot begin a snapshot of %s: %v", b.cfg.Path, err))
	}
	return &snapshot{tx: tx, begun: time.Now()}
}

func (s *snapshot) Size() int64 { return s.tx.Size() }

func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := s.tx.WriteTo(w)
	if err != nil {
		return n, fmt.Errorf("backend: snapshot broke off after %d of %d bytes: %w", n, s.Size(), err)
	}
	snapshotSeconds.Observe(time.Since(s.begun).Seconds())
	return n, nil
}

func (s *snapshot) Close() error {
	if err := s.tx.Rollback(); err != nil {
		return fmt.Errorf("backend: cannot end a snapshot: %w", err)
	}
	return nil
}
