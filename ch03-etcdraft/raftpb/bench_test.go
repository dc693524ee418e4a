package raftpb_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/raftpb"
)

// batch is a MsgApp as a loaded leader sends it: 64 puts of 256 bytes.
func batch() raftpb.Message {
	m := raftpb.Message{Type: raftpb.MsgApp, To: 1 << 60, From: 1 << 61, Term: 7, Index: 1 << 20, LogTerm: 7, Commit: 1 << 20}
	for i := range 64 {
		m.Entries = append(m.Entries, raftpb.Entry{Term: 7, Index: 1<<20 + uint64(i), Data: make([]byte, 300)})
	}
	return m
}

// Writing is raft's and the log's hot path.
func TestWritingAllocatesNothing(t *testing.T) {
	m := batch()
	buffer := make([]byte, 0, m.Size())
	require.Zero(t, testing.AllocsPerRun(10, func() { buffer = m.AppendTo(buffer[:0]) }), "AppendTo")
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = m.Size() }), "Size")
	require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = m.MarshalTo(buffer) }), "MarshalTo")
	var e raftpb.Entry
	entry := m.Entries[0].AppendTo(nil)
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = e.UnmarshalAliased(entry) }), "UnmarshalAliased")
}

func BenchmarkEntryAppendTo(b *testing.B) {
	e := batch().Entries[0]
	buffer := make([]byte, 0, e.Size())
	b.ReportAllocs()
	for b.Loop() {
		buffer = e.AppendTo(buffer[:0])
	}
}

func BenchmarkEntryUnmarshal(b *testing.B) {
	in := batch().Entries[0].AppendTo(nil)
	var e raftpb.Entry
	b.ReportAllocs()
	for b.Loop() {
		_ = e.Unmarshal(in)
	}
}

func BenchmarkEntryUnmarshalAliased(b *testing.B) {
	in := batch().Entries[0].AppendTo(nil)
	var e raftpb.Entry
	b.ReportAllocs()
	for b.Loop() {
		_ = e.UnmarshalAliased(in)
	}
}

func BenchmarkMessageAppendTo(b *testing.B) {
	m := batch()
	buffer := make([]byte, 0, m.Size())
	b.ReportAllocs()
	for b.Loop() {
		buffer = m.AppendTo(buffer[:0])
	}
}

func BenchmarkMessageSize(b *testing.B) {
	m := batch()
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Size()
	}
}

func BenchmarkMessageUnmarshal(b *testing.B) {
	in := batch().AppendTo(nil)
	var m raftpb.Message
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Unmarshal(in)
	}
}
