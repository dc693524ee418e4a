package v3rpc

import (
	"crypto/sha256"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
)

// snapshotChunkBytes is how much of the database one answer carries.
const snapshotChunkBytes = 32 << 10

// Snapshot sends the database as it is at one moment, in answers of 32 KiB that say how
// much is still to come, and at the end its SHA-256 in an answer of its own:
//
//	blob 32768 B, remaining 28672 │ blob 28672 B, remaining 0 │ blob 32 B, remaining 0
//
// A client appends all blobs; the file's length is a multiple of 512, so one that ends
// with 32 bytes more ends with a checksum.
func (s *maintenanceServer) Snapshot(_ *pb.SnapshotRequest, stream grpc.ServerStreamingServer[pb.SnapshotResponse]) (err error) {
	snapshot := s.stores.Backend().Snapshot()
	defer func() {
		if closeErr := snapshot.Close(); err == nil {
			err = togRPCError(closeErr)
		}
	}()
	sum := sha256.New()
	chunks := &chunkWriter{stream: stream, remaining: snapshot.Size()}
	if _, err := snapshot.WriteTo(io.MultiWriter(sum, chunks)); err != nil {
		return togRPCError(err)
	}
	if err := chunks.flush(); err != nil {
		return togRPCError(err)
	}
	if chunks.remaining != 0 {
		panic(fmt.Sprintf("v3rpc: a snapshot of %d bytes announced %d more", snapshot.Size(), chunks.remaining))
	}
	return togRPCError(stream.Send(&pb.SnapshotResponse{Blob: sum.Sum(nil)}))
}

// chunkWriter cuts what is written to it into answers. gRPC has encoded an answer when
// Send returns, so the buffer is used again.
type chunkWriter struct {
	stream    grpc.ServerStreamingServer[pb.SnapshotResponse]
	remaining int64 // bytes that were not sent yet
	buf       []byte
}

// Write implements io.Writer. A client that has gone, or a server that stops, ends it with
// the reason.
func (w *chunkWriter) Write(p []byte) (n int, err error) {
	for rest := p; len(rest) > 0; {
		take := min(len(rest), snapshotChunkBytes-len(w.buf))
		w.buf, rest = append(w.buf, rest[:take]...), rest[take:]
		if len(w.buf) == snapshotChunkBytes {
			if err := w.flush(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

func (w *chunkWriter) flush() error {
	if err := w.stream.Context().Err(); err != nil {
		return err
	}
	if len(w.buf) == 0 {
		return nil
	}
	w.remaining -= int64(len(w.buf))
	err := w.stream.Send(&pb.SnapshotResponse{RemainingBytes: uint64(w.remaining), Blob: w.buf})
	w.buf = w.buf[:0]
	return err
}
