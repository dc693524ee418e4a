package raftpb_test

import (
	"testing"

	"insideetcd/ch01-intro/api/wire/wiretest"
	"insideetcd/ch03-etcdraft/raftpb"
)

// layout is what lies on disk and travels, told for the protobuf library.
const layout = `
enum EntryType { EntryNormal = 0; EntryConfChange = 1; EntryConfChangeV2 = 2; }
message Entry {
  optional EntryType Type = 1;
  optional uint64 Term = 2;
  optional uint64 Index = 3;
  optional bytes Data = 4;
}
message HardState {
  optional uint64 term = 1;
  optional uint64 vote = 2;
  optional uint64 commit = 3;
}
message ConfState {
  repeated uint64 voters = 1;
  repeated uint64 learners = 2;
  repeated uint64 voters_outgoing = 3;
  repeated uint64 learners_next = 4;
  optional bool auto_leave = 5;
}
message SnapshotMetadata {
  optional ConfState conf_state = 1;
  optional uint64 index = 2;
  optional uint64 term = 3;
}
message Snapshot {
  optional bytes data = 1;
  optional SnapshotMetadata metadata = 2;
}
enum MessageType { MsgHup = 0; MsgForgetLeader = 23; }
message Message {
  optional MessageType type = 1;
  optional uint64 to = 2;
  optional uint64 from = 3;
  optional uint64 term = 4;
  optional uint64 logTerm = 5;
  optional uint64 index = 6;
  repeated Entry entries = 7;
  optional uint64 commit = 8;
  optional Snapshot snapshot = 9;
  optional bool reject = 10;
  optional uint64 rejectHint = 11;
  optional bytes context = 12;
}
enum ConfChangeType { ConfChangeAddNode = 0; }
message ConfChange {
  optional uint64 id = 1;
  optional ConfChangeType type = 2;
  optional uint64 node_id = 3;
  optional bytes context = 4;
}
message ConfChangeSingle {
  optional ConfChangeType type = 1;
  optional uint64 node_id = 2;
}
enum ConfChangeTransition { ConfChangeTransitionAuto = 0; }
message ConfChangeV2 {
  optional ConfChangeTransition transition = 1;
  repeated ConfChangeSingle changes = 2;
  optional bytes context = 3;
}
`

func TestWritesWhatTheLibraryWrites(t *testing.T) {
	s := wiretest.Compile(t, layout)
	empty := []byte{}
	wiretest.CheckWriting(t, s, "Entry", 1, raftpb.Entry{}, raftpb.Entry{Data: empty}, raftpb.Entry{Type: -1})
	wiretest.CheckWriting(t, s, "HardState", 2, raftpb.HardState{})
	wiretest.CheckWriting(t, s, "ConfState", 3, raftpb.ConfState{}, raftpb.ConfState{Voters: []uint64{0}})
	wiretest.CheckWriting(t, s, "SnapshotMetadata", 4, raftpb.SnapshotMetadata{})
	wiretest.CheckWriting(t, s, "Snapshot", 5, raftpb.Snapshot{}, raftpb.Snapshot{Data: empty})
	wiretest.CheckWriting(t, s, "Message", 6, raftpb.Message{}, raftpb.Message{Entries: make([]raftpb.Entry, 3), Context: empty})
	wiretest.CheckWriting(t, s, "ConfChange", 7, raftpb.ConfChange{})
	wiretest.CheckWriting(t, s, "ConfChangeSingle", 8, raftpb.ConfChangeSingle{})
	wiretest.CheckWriting(t, s, "ConfChangeV2", 9, raftpb.ConfChangeV2{}, raftpb.ConfChangeV2{Changes: make([]raftpb.ConfChangeSingle, 2)})
}

func FuzzEntry(f *testing.F) {
	wiretest.FuzzReading[raftpb.Entry](f, wiretest.Compile(f, layout), "Entry", wiretest.Recorded(f, recordedPath)["entry"]...)
}

func FuzzHardState(f *testing.F) {
	wiretest.FuzzReading[raftpb.HardState](f, wiretest.Compile(f, layout), "HardState")
}

func FuzzConfState(f *testing.F) {
	wiretest.FuzzReading[raftpb.ConfState](f, wiretest.Compile(f, layout), "ConfState",
		[]byte{0x0a, 2, 1, 2, 0x08, 3, 0x28, 0}) // packed, then not
}

func FuzzSnapshot(f *testing.F) {
	wiretest.FuzzReading[raftpb.Snapshot](f, wiretest.Compile(f, layout), "Snapshot",
		[]byte{0x12, 2, 0x10, 1, 0x12, 2, 0x18, 2}) // metadata twice: merged
}

func FuzzMessage(f *testing.F) {
	wiretest.FuzzReading[raftpb.Message](f, wiretest.Compile(f, layout), "Message", wiretest.Recorded(f, recordedPath)["message"]...)
}

func FuzzConfChange(f *testing.F) {
	wiretest.FuzzReading[raftpb.ConfChange](f, wiretest.Compile(f, layout), "ConfChange", wiretest.Recorded(f, recordedPath)["confchange"]...)
}

func FuzzConfChangeV2(f *testing.F) {
	wiretest.FuzzReading[raftpb.ConfChangeV2](f, wiretest.Compile(f, layout), "ConfChangeV2")
}
