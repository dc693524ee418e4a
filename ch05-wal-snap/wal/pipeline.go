package wal

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// filePipeline has the next segment ready before it is needed: reserving 64 MB may take
// longer than a client waits for a put. It keeps one file ahead, 0.tmp and 1.tmp in turn: one
// of the names may still be on its way to becoming a segment.
type filePipeline struct {
	lg    *slog.Logger
	disk  disk
	dir   string
	size  int64
	count int // files made so far

	filec chan spareFile
	stopc chan struct{}
	donec chan struct{}
}

// spareFile is an empty file, or why there is none.
type spareFile struct {
	segmentFile
	path string
	err  error
}

func newFilePipeline(lg *slog.Logger, d disk, dir string, size int64) *filePipeline {
	fp := &filePipeline{
		lg: lg, disk: d, dir: dir, size: size,
		filec: make(chan spareFile), stopc: make(chan struct{}), donec: make(chan struct{}),
	}
	go fp.run()
	return fp
}

// take returns the next file, or why it could not be made.
func (fp *filePipeline) take() (spareFile, error) {
	f := <-fp.filec
	return f, f.err
}

// close removes the file that nobody took.
func (fp *filePipeline) close() {
	close(fp.stopc)
	<-fp.donec
}

func (fp *filePipeline) run() {
	defer close(fp.donec)
	for {
		f := fp.next()
		select {
		case fp.filec <- f:
		case <-fp.stopc:
			if f.err == nil {
				f.Close()
				os.Remove(f.path)
			}
			return
		}
	}
}

func (fp *filePipeline) next() spareFile {
	f := spareFile{path: filepath.Join(fp.dir, fmt.Sprintf("%d.tmp", fp.count%2))}
	f.segmentFile, f.err = fp.disk.create(f.path, fp.size)
	if f.err != nil {
		// Said now, while the present segment still has room and somebody can make some more.
		fp.lg.Warn("cannot reserve space for the next log segment", "path", f.path, "bytes", fp.size, "error", f.err)
		f.err = fmt.Errorf("reserve the next segment: %w", f.err)
		return f
	}
	fp.count++
	return f
}
