package alarm

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch06-storage/backend"
)

// Each test here is named after a row of the list of faults that etcd has had.

// everyState is each set of alarms that members 1 and 2 can have, an unknown type
// included.
func everyState() (states [][]*pb.AlarmMember) {
	var single []*pb.AlarmMember
	for _, id := range []uint64{1, 2} {
		for _, at := range []pb.AlarmType{none, nospace, corrupt, 9} {
			single = append(single, alarmOf(id, at))
		}
	}
	for set := range 1 << len(single) {
		var state []*pb.AlarmMember
		for i, m := range single {
			if set>>i&1 == 1 {
				state = append(state, m)
			}
		}
		states = append(states, state)
	}
	return states
}

// TestRegression_M5_RestartInEveryAlarmState takes one member through all 256 states.
// In each it starts again, after a clean stop and after a crash, and the alarms are
// those of before; all of them can be deactivated.
func TestRegression_M5_RestartInEveryAlarmState(t *testing.T) {
	m := startMember(t, filepath.Join(t.TempDir(), "db"))
	defer func() { m.stop() }()
	for _, state := range everyState() {
		for _, a := range state {
			m.Activate(0, ids.ID(a.MemberID), a.Alarm)
		}
		want := show(m.Get(none))
		require.Len(t, want, len(state))
		m.be.ForceCommit()
		startOn(t, m.diskImage(), func(again *member) {
			require.Equal(t, want, show(again.Get(none)), "after a crash")
		})
		m = m.restarted()
		require.Equal(t, want, show(m.Get(none)), "after a clean stop")
		for _, a := range state {
			require.Equal(t, a, m.Deactivate(0, ids.ID(a.MemberID), a.Alarm), "in state %v", want)
		}
		require.Empty(t, m.Get(none), "after all of %v was deactivated", want)
	}
	m = m.restarted()
	require.Empty(t, m.onDisk())
}

// eager is a backend that commits whenever its batch is unlocked, and calls then.
type eager struct {
	backend.Backend
	then func()
}

type eagerTx struct {
	backend.BatchTx
	then func()
}

func (e eager) BatchTx() backend.BatchTx { return eagerTx{e.Backend.BatchTx(), e.then} }

func (e eagerTx) Unlock() {
	e.BatchTx.Unlock()
	e.Commit()
	e.then()
}

// TestRegression_M5_PowerOffWhileAlarmsChange cuts the power after each commit that can
// happen. The file holds the alarms after exactly the entries that its consistent index
// covers; applying the rest of the log again leads to where the member was.
func TestRegression_M5_PowerOffWhileAlarmsChange(t *testing.T) {
	activate, deactivate := pb.AlarmRequest_ACTIVATE, pb.AlarmRequest_DEACTIVATE
	log := []*pb.AlarmRequest{
		{Action: activate, MemberID: 1, Alarm: nospace},
		{Action: activate, MemberID: 2, Alarm: nospace},
		{Action: activate, MemberID: 2, Alarm: nospace}, // changes nothing
		{Action: deactivate, MemberID: 1, Alarm: nospace},
		{Action: activate, MemberID: 1, Alarm: corrupt},
		{Action: activate}, // names nothing
		{Action: deactivate, MemberID: 2, Alarm: nospace},
		{Action: activate, MemberID: 1, Alarm: nospace},
		{Action: deactivate, MemberID: 1, Alarm: corrupt},
	}
	after := [][]string{{}} // alarms after the first n entries
	rehearsal := newMember(t)
	for i, r := range log {
		rehearsal.Apply(uint64(i+1), r)
		after = append(after, show(rehearsal.Get(none)))
	}

	m := newMember(t)
	var images [][]byte
	m.be = eager{m.be, func() { images = append(images, m.diskImage()) }}
	for i, r := range log {
		m.Apply(uint64(i+1), r)
	}
	require.GreaterOrEqual(t, len(images), 7, "each entry that changes something is written")
	for n, image := range images {
		startOn(t, image, func(again *member) {
			index := again.be.ConsistentIndex()
			require.Equal(t, after[index], show(again.Get(none)),
				"power off after commit %d: the alarms on disk = those after entries 1..%d", n+1, index)
			for i := index; i < uint64(len(log)); i++ {
				again.Apply(i+1, log[i])
			}
			require.Equal(t, after[len(log)], show(again.Get(none)), "after the log was applied again from entry %d", index+1)
		})
	}
}
