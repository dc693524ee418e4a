package raft

import (
	"bytes"
	"encoding/json"
	"log"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

func TestDescribe(t *testing.T) {
	cc, err := confChangeEntry(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 2})
	require.NoError(t, err)
	cc.Term, cc.Index = 1, 3
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 5, Term: 2, ConfState: pb.ConfState{Voters: []uint64{1, 2}}}}
	const conf = "Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false"
	upper := func(b []byte) string { return strings.ToUpper(string(b)) }

	for _, row := range []struct{ got, want string }{
		{DescribeHardState(pb.HardState{Term: 1, Commit: 2}), "Term:1 Commit:2"},
		{DescribeHardState(pb.HardState{Term: 1, Vote: 3, Commit: 2}), "Term:1 Vote:3 Commit:2"},
		{DescribeSoftState(SoftState{Lead: 1, RaftState: StateLeader}), "Lead:1 State:StateLeader"},
		{DescribeConfState(snap.Metadata.ConfState), conf},
		{DescribeSnapshot(snap), "Index:5 Term:2 ConfState:" + conf},
		{DescribeEntry(pb.Entry{Term: 1, Index: 2, Data: []byte("a\x00")}, nil), `1/2 EntryNormal "a\x00"`},
		{DescribeEntry(pb.Entry{Term: 1, Index: 2, Data: []byte("a")}, upper), `1/2 EntryNormal A`},
		{DescribeEntry(pb.Entry{Term: 1, Index: 2}, nil), `1/2 EntryNormal ""`},
		{DescribeEntry(cc, nil), "1/3 EntryConfChange v2"},
		{DescribeEntries([]pb.Entry{cc, {Term: 1, Index: 4}}, nil), "1/3 EntryConfChange v2\n1/4 EntryNormal \"\"\n"},
		{DescribeMessage(pb.Message{From: 10, To: 11, Type: pb.MsgApp, Term: 3, LogTerm: 2, Index: 5, Commit: 4,
			Entries: []pb.Entry{{Term: 3, Index: 6, Data: []byte("x")}, {Term: 3, Index: 7}}}, nil),
			`a->b MsgApp Term:3 Log:2/5 Commit:4 Entries:[3/6 EntryNormal "x", 3/7 EntryNormal ""]`},
		{DescribeMessage(pb.Message{From: 1, To: 2, Type: pb.MsgAppResp, Term: 3, Index: 5, Reject: true, RejectHint: 4}, nil),
			"1->2 MsgAppResp Term:3 Log:0/5 Rejected (Hint: 4)"},
		{DescribeMessage(pb.Message{From: 1, To: 2, Type: pb.MsgSnap, Term: 3, Snapshot: snap}, nil),
			"1->2 MsgSnap Term:3 Log:0/0 Snapshot: Index:5 Term:2 ConfState:" + conf},
		{DescribeMessage(pb.Message{From: 1, To: LocalAppendThread, Type: pb.MsgStorageAppend, Term: 2, Vote: 1, Commit: 3,
			Entries: []pb.Entry{{Term: 2, Index: 3, Data: []byte("a")}}, Responses: []pb.Message{
				{From: 1, To: 2, Type: pb.MsgAppResp, Term: 2, Index: 3},
				{From: LocalAppendThread, To: 1, Type: pb.MsgStorageAppendResp, Term: 2, LogTerm: 2, Index: 3},
			}}, nil),
			"1->AppendThread MsgStorageAppend Term:2 Log:0/0 Commit:3 Vote:1 Entries:[2/3 EntryNormal \"a\"] Responses:[\n" +
				"  1->2 MsgAppResp Term:2 Log:0/3\n  AppendThread->1 MsgStorageAppendResp Term:2 Log:2/3\n]"},
		{DescribeReady(Ready{}, nil), "<empty Ready>"},
		{DescribeReady(Ready{
			SoftState: &SoftState{Lead: 1, RaftState: StateLeader}, HardState: pb.HardState{Term: 1, Commit: 2},
			ReadStates: []ReadState{{Index: 2, RequestCtx: []byte("r")}}, Entries: []pb.Entry{{Term: 1, Index: 2}},
			Snapshot: snap, CommittedEntries: []pb.Entry{{Term: 1, Index: 1}},
			Messages: []pb.Message{{From: 1, To: 2, Type: pb.MsgHeartbeat, Term: 1}}, MustSync: true,
		}, nil), `Ready MustSync=true:
Lead:1 State:StateLeader
HardState Term:1 Commit:2
ReadStates [{2 [114]}]
Entries:
1/2 EntryNormal ""
Snapshot Index:5 Term:2 ConfState:` + conf + `
CommittedEntries:
1/1 EntryNormal ""
Messages:
1->2 MsgHeartbeat Term:1 Log:0/0
`},
	} {
		require.Equal(t, row.want, row.got)
	}
	require.Contains(t, DescribeEntry(pb.Entry{Type: pb.EntryConfChange, Data: []byte("\xff")}, nil), "decode")
}

// The form of etcd's expvar raft.status.
func TestStatusJSON(t *testing.T) {
	m := startMember(t, func(c *Config) { c.ID = 0x8e9e05c52164694d })
	require.Equal(t, `{"id":"8e9e05c52164694d","term":2,"vote":"8e9e05c52164694d","commit":2,`+
		`"lead":"8e9e05c52164694d","raftState":"StateLeader","applied":2,`+
		`"progress":{"8e9e05c52164694d":{"match":2,"next":3,"state":"StateReplicate"}},"leadtransferee":"0"}`,
		m.rn.Status().String())

	m.crash()
	m.settle() // it knows its members again, and does not lead
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(m.rn.Status().String()), &fields))
	require.Empty(t, fields["progress"], "only the leader knows")
	require.NotNil(t, fields["progress"], "{} and not null")
	require.Equal(t, "StateFollower", fields["raftState"])
}

func TestWithProgressVisitsInOrder(t *testing.T) {
	m := startMember(t)
	for _, id := range []string{"l9", "l4"} {
		require.NoError(t, m.rn.ProposeConfChange(changes(t, id)))
		m.settle()
	}
	var ids []uint64
	var kinds []ProgressType
	m.rn.WithProgress(func(id uint64, typ ProgressType, pr tracker.Progress) {
		ids, kinds = append(ids, id), append(kinds, typ)
	})
	require.Equal(t, []uint64{1, 4, 9}, ids)
	require.Equal(t, []ProgressType{ProgressTypePeer, ProgressTypeLearner, ProgressTypeLearner}, kinds)
}

func TestStateNames(t *testing.T) {
	for st, name := range map[StateType]string{
		StateFollower: "StateFollower", StateCandidate: "StateCandidate", StateLeader: "StateLeader",
		StatePreCandidate: "StatePreCandidate", 9: "StateType(9)",
	} {
		require.Equal(t, name, st.String())
		b, err := json.Marshal(st)
		require.NoError(t, err)
		require.Equal(t, `"`+name+`"`, string(b))
	}
}

func TestLoggers(t *testing.T) {
	var buf bytes.Buffer
	d := &DefaultLogger{Logger: log.New(&buf, "", 0)}
	std := NewSlogLogger(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelWarn})))
	for _, row := range []struct {
		name string
		say  func()
		want string
	}{
		{"debug is off", func() { d.Debug("a"); d.Debugf("b") }, ""},
		{"info", func() { d.Info("a") }, "INFO: a\n"},
		{"infof", func() { d.Infof("a%d", 1) }, "INFO: a1\n"},
		{"warning", func() { d.Warning("a") }, "WARN: a\n"},
		{"warningf", func() { d.Warningf("a%d", 1) }, "WARN: a1\n"},
		{"error", func() { d.Error("a") }, "ERROR: a\n"},
		{"errorf", func() { d.Errorf("a%d", 1) }, "ERROR: a1\n"},
		{"debug is on", func() { d.EnableDebug(); d.Debug("a"); d.Debugf("b%d", 1) }, "DEBUG: a\nDEBUG: b1\n"},
		{"slog below its level", func() { std.Debug("a"); std.Debugf("a"); std.Info("a"); std.Infof("a") }, ""},
	} {
		buf.Reset()
		row.say()
		require.Equal(t, row.want, buf.String(), row.name)
	}
	std.Warning("w")
	std.Warningf("w%d", 2)
	std.Error("e")
	std.Errorf("e%d", 2)
	for _, want := range []string{"level=WARN msg=w\n", "level=WARN msg=w2\n", "level=ERROR msg=e\n", "level=ERROR msg=e2\n"} {
		require.Contains(t, buf.String(), want)
	}
	for _, l := range []Logger{d, std} {
		require.PanicsWithValue(t, "a1", func() { l.Panicf("a%d", 1) })
		require.PanicsWithValue(t, "a", func() { l.Panic("a") })
	}
	buf.Reset()
	d.EnableTimestamps()
	d.Info("a")
	require.Regexp(t, `^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d INFO: a\n$`, buf.String())
}

func TestSetLogger(t *testing.T) {
	defer ResetDefaultLogger()
	var buf bytes.Buffer
	SetLogger(&DefaultLogger{Logger: log.New(&buf, "", 0)})
	c := testConfig(NewMemoryStorage())
	c.Logger = nil
	newTestRawNode(t, c)
	require.Contains(t, buf.String(), "became follower")
}
