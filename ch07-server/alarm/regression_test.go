package alarm

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
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
	m := startMember(t, filepath.Join(t.TempDir(), "db"), 0)
	defer func() { m.stop() }()
	for _, state := range everyState() {
		for _, a := range state {
			m.Activate(0, ids.ID(a.MemberID), a.Alarm)
		}
		want := show(m.Get(none))
		require.Len(t, want, len(state))
		m.be.ForceCommit()
		m.afterCrash(func(again *member) {
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

// TestRegression_M5_PowerOffWhileAlarmsChange cuts the power between any two changes. The
// file holds the alarms after exactly the entries that its consistent index covers;
// applying the rest of the log again leads to where the member was.
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
	for batchLimit := 1; batchLimit <= 4; batchLimit++ { // commits fall on different places
		t.Run(fmt.Sprintf("commit every %d changes", batchLimit), func(t *testing.T) {
			m := startMember(t, filepath.Join(t.TempDir(), "db"), batchLimit)
			defer m.stop()
			after := [][]string{{}} // alarms after the first n entries
			for i, r := range log {
				m.Apply(uint64(i+1), r)
				after = append(after, show(m.Get(none)))
				m.afterCrash(func(again *member) {
					index := again.be.ConsistentIndex()
					require.Equal(t, after[index], show(again.Get(none)),
						"power off after entry %d: the alarms on disk = those after entries 1..%d", i+1, index)
					for j := index; j <= uint64(i); j++ {
						again.Apply(j+1, log[j])
					}
					require.Equal(t, after[i+1], show(again.Get(none)), "after the log was applied again")
				})
			}
		})
	}
}
