package raftexample

import (
	"context"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"
)

// Transport carries messages to other members. It may lose and delay them, and mix up their
// order: raft asks again. It MUST NOT deliver one twice, for a forwarded proposal would then
// be two.
type Transport interface {
	// Start is called once, before messages are sent; r gets what comes in. SetPeers may
	// come before it.
	Start(r Raft)
	// SetPeers says where the other members listen. Messages to anybody else are dropped.
	SetPeers(addresses map[uint64]string)
	// Send takes messages over. It never waits, and keeps the messages but not the slice.
	// What cannot be delivered is told with ReportUnreachable, and the outcome of each
	// MsgSnap, good or bad, with ReportSnapshot; neither from within Send.
	Send(messages []pb.Message)
	// Stop returns when nothing will be delivered any more.
	Stop()
}

// Raft is what a Transport needs of a member. All may be called from any goroutine.
type Raft interface {
	Process(ctx context.Context, m pb.Message) error
	ReportUnreachable(id uint64)
	ReportSnapshot(id uint64, status raft.SnapshotStatus)
}
