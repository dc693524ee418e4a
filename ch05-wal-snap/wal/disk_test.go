package wal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var errPowerCut = errors.New("power cut")

// testDisk is the real file system with a switch: after so many calls the power is cut. It
// remembers what was synced, so that it can then take away what was not. It counts calls.
// It never really syncs. The spare files of the pipeline, made at any moment, do not count.
type testDisk struct {
	mu        sync.Mutex
	callsLeft int // -1 = the power stays on
	fail      map[string]error
	calls     []string
	files     []*testFile
	renames   []rename // not followed by a sync of the directory yet
}

type rename struct{ from, to string }

func steadyDisk() *testDisk { return &testDisk{callsLeft: -1} }

// call is asked before every operation.
func (d *testDisk) call(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.callsLeft == 0 {
		return errPowerCut
	}
	d.callsLeft--
	d.calls = append(d.calls, name)
	return d.fail[name]
}

func (d *testDisk) count(name string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.calls {
		if c == name {
			n++
		}
	}
	return n
}

func (d *testDisk) create(path string, size int64) (segmentFile, error) {
	if filepath.Ext(path) != ".tmp" {
		if err := d.call("create"); err != nil {
			return nil, err
		}
	}
	f, err := osDisk{}.create(path, size)
	if err != nil {
		return nil, err
	}
	return d.watch(f, path)
}

func (d *testDisk) open(path string) (segmentFile, error) {
	if err := d.call("open"); err != nil {
		return nil, err
	}
	f, err := osDisk{}.open(path)
	if err != nil {
		return nil, err
	}
	return d.watch(f, path)
}

func (d *testDisk) watch(f segmentFile, path string) (segmentFile, error) {
	image, err := os.ReadFile(path)
	w := &testFile{segmentFile: f, disk: d, path: path, synced: image}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files = append(d.files, w)
	return w, err
}

func (d *testDisk) rename(from, to string) error {
	if err := d.call("rename"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renames = append(d.renames, rename{from, to})
	for _, f := range d.files {
		if f.path == from || strings.HasPrefix(f.path, from+string(filepath.Separator)) {
			f.path = to + f.path[len(from):]
		}
	}
	return os.Rename(from, to)
}

func (d *testDisk) syncDir(dir string) error {
	if err := d.call("syncDir"); err != nil {
		return err
	}
	d.renames = slices.DeleteFunc(d.renames, func(r rename) bool { return filepath.Dir(r.to) == dir })
	return nil
}

// testFile keeps what the file was at its last sync, and the writes since.
type testFile struct {
	segmentFile
	disk    *testDisk
	path    string
	synced  []byte
	pending []pendingWrite
	closed  bool
}

type pendingWrite struct {
	offset int64
	data   []byte
}

func (f *testFile) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.disk.call("write"); err != nil {
		return 0, err
	}
	f.pending = append(f.pending, pendingWrite{offset, bytes.Clone(b)})
	return f.segmentFile.WriteAt(b, offset)
}

func (f *testFile) flush(call string) error {
	if err := f.disk.call(call); err != nil {
		return err
	}
	image, err := os.ReadFile(f.path)
	f.synced, f.pending = image, nil
	return err
}

func (f *testFile) sync() error     { return f.flush("sync") }
func (f *testFile) datasync() error { return f.flush("datasync") }

func (f *testFile) truncate(size int64) error {
	if err := f.disk.call("truncate"); err != nil {
		return err
	}
	return f.segmentFile.truncate(size)
}

func (f *testFile) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	return f.segmentFile.Close()
}

// powerCut leaves the disk as a power cut does: of the sectors written since the last sync
// only those that survive accepts, of the renames not synced some. Locks are gone.
func (d *testDisk) powerCut(t *testing.T, rng *rand.Rand, survive func(sector int) bool) {
	for _, f := range d.files {
		f.Close()
		if len(f.pending) == 0 {
			continue
		}
		image, sector := bytes.Clone(f.synced), 0
		for _, w := range f.pending {
			for at := w.offset; at < w.offset+int64(len(w.data)); sector++ {
				end := min((at/sectorBytes+1)*sectorBytes, w.offset+int64(len(w.data)))
				if grow := int(end) - len(image); grow > 0 {
					image = append(image, make([]byte, grow)...)
				}
				if survive(sector) {
					copy(image[at:end], w.data[at-w.offset:])
				}
				at = end
			}
		}
		require.NoError(t, os.WriteFile(f.path, image, 0o600))
	}
	for _, r := range slices.Backward(d.renames) {
		if rng.IntN(2) == 0 {
			require.NoError(t, os.Rename(r.to, r.from))
		}
	}
}
