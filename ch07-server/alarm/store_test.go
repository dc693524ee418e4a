package alarm

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/ids"
	"insideetcd/ch06-storage/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// member is an AlarmStore on a file, as one etcd member has it.
type member struct {
	t    *testing.T
	path string
	be   backend.Backend
	*AlarmStore
}

func (m *member) Backend() backend.Backend { return m.be }

// startMember opens path. The backend commits when told to.
func startMember(t *testing.T, path string) *member {
	be, err := backend.Open(backend.Config{Path: path, BatchInterval: 1000 * time.Hour, UnsafeNoFsync: true, Logger: quiet})
	require.NoError(t, err)
	m := &member{t: t, path: path, be: be}
	m.AlarmStore, err = NewAlarmStore(quiet, m)
	require.NoError(t, err)
	return m
}

func newMember(t *testing.T) *member {
	m := startMember(t, filepath.Join(t.TempDir(), "db"))
	t.Cleanup(m.stop)
	return m
}

func (m *member) stop() { require.NoError(m.t, m.be.Close()) }

// restarted is the member after a clean stop.
func (m *member) restarted() *member {
	m.stop()
	return startMember(m.t, m.path)
}

// diskImage is what a crash at this moment would leave: the file as it is.
func (m *member) diskImage() []byte {
	image, err := os.ReadFile(m.path)
	require.NoError(m.t, err)
	return image
}

// startOn starts a member on a disk image, calls fn with it and stops it.
func startOn(t *testing.T, image []byte, fn func(*member)) {
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, image, 0o600))
	m := startMember(t, path)
	defer m.stop()
	fn(m)
}

// onDisk lists the keys of the bucket.
func (m *member) onDisk() (keys [][]byte) {
	tx := m.be.ReadTx()
	tx.Lock()
	defer tx.Unlock()
	err := tx.UnsafeForEach(backend.BucketAlarm, func(k, v []byte) error {
		require.Empty(m.t, v, "value of key %x", k)
		keys = append(keys, append([]byte(nil), k...))
		return nil
	})
	require.NoError(m.t, err)
	return keys
}

// plant writes a key into the bucket behind the store's back.
func (m *member) plant(key []byte) {
	tx := m.be.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	tx.UnsafePut(backend.BucketAlarm, key, nil)
}

func alarmOf(id uint64, at pb.AlarmType) *pb.AlarmMember {
	return &pb.AlarmMember{MemberID: id, Alarm: at}
}

// show turns alarms into what a failing test can print.
func show(alarms []*pb.AlarmMember) []string {
	list := []string{}
	for _, m := range alarms {
		list = append(list, m.Alarm.String()+" of "+ids.ID(m.MemberID).String())
	}
	return list
}

const (
	none    = pb.AlarmType_NONE
	nospace = pb.AlarmType_NOSPACE
	corrupt = pb.AlarmType_CORRUPT
)

func TestAnAlarmLastsUntilItIsDeactivated(t *testing.T) {
	m := newMember(t)
	require.False(t, m.Active(nospace))
	require.Equal(t, alarmOf(7, nospace), m.Activate(1, 7, nospace))
	require.Equal(t, alarmOf(7, nospace), m.Activate(2, 7, nospace), "again: the answer is the same")
	m.Activate(3, 8, nospace)
	require.True(t, m.Active(nospace))

	require.Equal(t, alarmOf(7, nospace), m.Deactivate(4, 7, nospace))
	require.True(t, m.Active(nospace), "member 8 still has no space")
	require.Nil(t, m.Deactivate(5, 7, nospace), "there is nothing to deactivate any more")
	require.Nil(t, m.Deactivate(5, 8, corrupt), "alarms of one member are independent")
	m.Deactivate(6, 8, nospace)
	require.False(t, m.Active(nospace))
	require.Empty(t, m.onDisk())
}

func TestTheListIsOrderedAndTheCallersOwn(t *testing.T) {
	m := newMember(t)
	for _, id := range []ids.ID{300, 2, 1 << 63, 40} {
		m.Activate(0, id, corrupt)
		m.Activate(0, id, nospace)
	}
	m.Activate(0, 5, none)
	want := []string{
		"NONE of 5",
		"NOSPACE of 2", "NOSPACE of 28", "NOSPACE of 12c", "NOSPACE of 8000000000000000",
		"CORRUPT of 2", "CORRUPT of 28", "CORRUPT of 12c", "CORRUPT of 8000000000000000",
	}
	require.Equal(t, want, show(m.Get(none)), "NONE asks for all")
	require.Equal(t, want[1:5], show(m.Get(nospace)))
	m.Get(none)[0].MemberID = 99
	require.Equal(t, want, show(m.Get(none)), "who changes a list changes nobody else's")
}

// TestRequestsAreAnsweredAsInEtcd34 replays a conversation with etcd 3.4.23 over its
// gateway. Its lists are not ordered; ours are.
func TestRequestsAreAnsweredAsInEtcd34(t *testing.T) {
	m := newMember(t)
	get, activate, deactivate := pb.AlarmRequest_GET, pb.AlarmRequest_ACTIVATE, pb.AlarmRequest_DEACTIVATE
	for i, step := range []struct {
		proves string
		action pb.AlarmRequest_AlarmAction
		id     uint64
		alarm  pb.AlarmType
		want   []string
	}{
		{"a member need not exist", activate, 1, corrupt, []string{"CORRUPT of 1"}},
		{"again is answered alike", activate, 1, corrupt, []string{"CORRUPT of 1"}},
		{"another type", activate, 2, nospace, []string{"NOSPACE of 2"}},
		{"NONE lists all", get, 0, none, []string{"NOSPACE of 2", "CORRUPT of 1"}},
		{"a type lists its own", get, 0, nospace, []string{"NOSPACE of 2"}},
		{"GET ignores the member", get, 1, nospace, []string{"NOSPACE of 2"}},
		{"deactivated", deactivate, 2, nospace, []string{"NOSPACE of 2"}},
		{"twice", deactivate, 2, nospace, []string{}},
		{"never active", deactivate, 9, corrupt, []string{}},
		{"NONE can be active", activate, 7, none, []string{"NONE of 7"}},
		{"so can an unknown type", activate, 7, 9, []string{"9 of 7"}},
		{"they are listed", get, 0, none, []string{"NONE of 7", "CORRUPT of 1", "9 of 7"}},
		{"NONE deactivates only itself", deactivate, 7, none, []string{"NONE of 7"}},
		{"member 0 counts as a member", activate, 0, nospace, []string{"NOSPACE of 0"}},
		{"and is listed so", get, 0, nospace, []string{"NOSPACE of 0"}},
		{"nothing is named", deactivate, 0, none, []string{}},
	} {
		r := &pb.AlarmRequest{Action: step.action, MemberID: step.id, Alarm: step.alarm}
		require.NoError(t, Check(r), step.proves)
		require.Equal(t, step.want, show(m.Apply(uint64(i+1), r).Alarms), step.proves)
	}
}

// TestWhatEtcd34DiesOfChangesNothing: both requests end 3.4.23 with a panic; the second
// one, which its log keeps, at each start again.
func TestWhatEtcd34DiesOfChangesNothing(t *testing.T) {
	m := newMember(t)
	for _, c := range []struct {
		name string
		r    *pb.AlarmRequest
		want error
	}{
		{"an unknown action", &pb.AlarmRequest{Action: 7, MemberID: 7, Alarm: nospace}, ErrUnknownAction},
		{"an alarm without a key", &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE}, ErrNamesNothing},
	} {
		require.ErrorIs(t, Check(c.r), c.want, c.name)
		require.Empty(t, m.Apply(5, c.r).Alarms, c.name)
		require.Empty(t, m.Get(none), c.name)
		require.Zero(t, m.be.ConsistentIndex(), "%s: who changes nothing moves nothing", c.name)
	}
}

// TestTheBucketIsEtcd34s: keys as 3.4.23 wrote them for the same alarms, in its order.
func TestTheBucketIsEtcd34s(t *testing.T) {
	recorded := [][]byte{
		{0x08, 0x01, 0x10, 0x01}, // NOSPACE of 1
		{0x08, 0x07},             // NONE of 7
		{0x08, 0xd2, 0x95, 0xfc, 0xd8, 0xce, 0xb1, 0xaa, 0xaa, 0xab, 0x01, 0x10, 0x01}, // NOSPACE of 12345678901234567890
		{0x08, 0xff, 0x01, 0x10, 0x02}, // CORRUPT of 255
		{0x10, 0x01},                   // NOSPACE of 0
	}
	written := newMember(t)
	written.Activate(0, 255, corrupt)
	written.Activate(0, 0, nospace)
	written.Activate(0, 1, nospace)
	written.Activate(0, 12345678901234567890, nospace)
	written.Activate(0, 7, none)
	require.Equal(t, recorded, written.onDisk())

	read := newMember(t)
	for _, key := range recorded {
		read.plant(key)
	}
	require.NoError(t, read.Restore())
	require.Equal(t, show(written.Get(none)), show(read.Get(none)))
	for _, m := range read.Get(none) {
		require.NotNil(t, read.Deactivate(0, ids.ID(m.MemberID), m.Alarm))
	}
	require.Empty(t, read.onDisk(), "what 3.4 wrote can be deactivated for good")
}

func TestADamagedBucketIsRefused(t *testing.T) {
	for name, key := range map[string][]byte{
		"no protobuf":              {0xff, 0xff},
		"cut short":                {0x08},
		"fields in another order":  {0x10, 0x01, 0x08, 0x01},
		"a zero that is written":   {0x08, 0x01, 0x10, 0x00},
		"a field that 3.4 has not": {0x08, 0x01, 0x10, 0x01, 0x18, 0x01},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			m.Activate(0, 5, nospace)
			m.plant(key)
			_, err := NewAlarmStore(quiet, m)
			require.ErrorContains(t, err, "in bucket alarm is no alarm")
			require.ErrorContains(t, err, "restore it from a snapshot")
			require.ErrorContains(t, m.Restore(), "is no alarm")
			require.Equal(t, []string{"NOSPACE of 5"}, show(m.Get(none)), "a failed Restore changes nothing")
		})
	}
}

func TestMetricsFollowTheAlarms(t *testing.T) {
	gauge := func(id, at string) float64 {
		var read dto.Metric
		require.NoError(t, alarmsActive.WithLabelValues(id, at).Write(&read))
		return read.GetGauge().GetValue()
	}
	m := newMember(t)
	m.Activate(0, 0xabc, nospace)
	require.Equal(t, 1.0, gauge("abc", "NOSPACE"))
	m.Deactivate(0, 0xabc, nospace)
	require.Equal(t, 0.0, gauge("abc", "NOSPACE"))

	m.Activate(0, 0xabc, corrupt)
	own := m.be
	m.be = newMember(t).be // as a snapshot from a member without alarms does
	require.NoError(t, m.Restore())
	require.Equal(t, 0.0, gauge("abc", "CORRUPT"))
	require.Empty(t, m.Get(none))
	m.be = own
	require.NoError(t, m.Restore())
	require.Equal(t, 1.0, gauge("abc", "CORRUPT"))
}
