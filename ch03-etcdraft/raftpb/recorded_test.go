package raftpb_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/api/wire/wiretest"
	"insideetcd/ch03-etcdraft/raftpb"
)

const recordedPath = "testdata/etcd-3.4.23.txt"

// What a real server wrote reads as what it must mean, and is written back unchanged.
func TestRecordedBytes(t *testing.T) {
	recorded := wiretest.Recorded(t, recordedPath)
	for i, b := range recorded["entry"] {
		e := wiretest.CheckBytes[raftpb.Entry](t, b)
		require.EqualValues(t, i+1, e.Index, "the log has no gap")
	}
	for i, b := range recorded["state"] {
		st := wiretest.CheckBytes[raftpb.HardState](t, b)
		require.EqualValues(t, i+1, st.Commit)
	}
	var steps []raftpb.ConfChangeSingle
	for _, b := range recorded["confchange"] {
		cc := wiretest.CheckBytes[raftpb.ConfChange](t, b)
		steps = append(steps, raftpb.ConfChangeSingle{Type: cc.Type, NodeID: cc.NodeID})
	}
	require.Equal(t, "v3319814642761637952 l15424721905002838120 r15424721905002838120", raftpb.ConfChangesToString(steps))

	require.Len(t, recorded["snapshot"], 1)
	snap := wiretest.CheckBytes[raftpb.Snapshot](t, recorded["snapshot"][0])
	require.Equal(t, raftpb.SnapshotMetadata{
		ConfState: raftpb.ConfState{Voters: []uint64{3319814642761637952}}, Index: 11, Term: 2,
	}, snap.Metadata)
	require.True(t, len(snap.Data) > 0 && snap.Data[0] == '{', "the v2 store's JSON")

	seen := map[raftpb.MessageType]bool{}
	for _, b := range recorded["message"] {
		m := wiretest.CheckBytes[raftpb.Message](t, b)
		require.Zero(t, m.Snapshot, "a present but empty snapshot is none")
		seen[m.Type] = true
	}
	require.Equal(t, map[raftpb.MessageType]bool{
		raftpb.MsgApp: true, raftpb.MsgVote: true, raftpb.MsgHeartbeat: true, raftpb.MsgTimeoutNow: true,
	}, seen)
}

// The smallest encodings, worth knowing by sight.
func TestGoldenBytes(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		m         interface{ AppendTo([]byte) []byte }
	}{
		{"an empty ConfState is its last field", "2800", raftpb.ConfState{}},
		{"an empty entry", "080010001800", raftpb.Entry{}},
		{"an empty snapshot", "12080a02280010001800", raftpb.Snapshot{}},
		{"a message always carries a snapshot",
			"080010001800200028003000" + "4000" + "4a0a12080a02280010001800" + "5000" + "5800", raftpb.Message{}},
		{"three voters, one tag each", "0801080208032800", raftpb.ConfState{Voters: []uint64{1, 2, 3}}},
		{"leaving a joint configuration", "0800", raftpb.ConfChangeV2{}},
	} {
		require.Equal(t, c.hex, hex.EncodeToString(c.m.AppendTo(nil)), c.name)
	}
}

func TestUnmarshalReplacesTheOldValue(t *testing.T) {
	e := raftpb.Entry{Term: 9, Index: 9, Data: []byte("old")}
	require.NoError(t, e.Unmarshal([]byte{0x10, 1}))
	require.Equal(t, raftpb.Entry{Term: 1}, e)
}

func TestUnmarshalAliasedKeepsPiecesOfTheInput(t *testing.T) {
	b := raftpb.Message{Entries: []raftpb.Entry{{Data: []byte("data")}}, Context: []byte("ctx")}.AppendTo(nil)
	var m raftpb.Message
	require.NoError(t, m.UnmarshalAliased(b))
	clear(b)
	require.Equal(t, []byte{0, 0, 0, 0}, m.Entries[0].Data)
	require.Equal(t, []byte{0, 0, 0}, m.Context)

	b = raftpb.Entry{Data: []byte("data")}.AppendTo(nil)
	var e raftpb.Entry
	require.NoError(t, e.UnmarshalAliased(b))
	clear(b)
	require.Equal(t, []byte{0, 0, 0, 0}, e.Data)
}

func TestErrorsNameFieldAndOffset(t *testing.T) {
	b := raftpb.Message{Entries: []raftpb.Entry{{Data: []byte("data")}}}.AppendTo(nil)
	b = b[:22] // within the entry, whose field begins at 12
	var m raftpb.Message
	require.EqualError(t, m.Unmarshal(b), "raftpb.Message: field 7 at offset 12: unexpected EOF")
}
