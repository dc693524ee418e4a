package alarm

import (
	"bytes"
	"fmt"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch06-storage/backend"
)

// The bucket "alarm" maps the encoded AlarmMember to nothing: to be there is all.

func bucketKey(m *pb.AlarmMember) []byte {
	key, err := m.MarshalVTStrict()
	if err != nil {
		panic(fmt.Sprintf("alarm: cannot encode alarm %d of member %x: %v", m.Alarm, m.MemberID, err))
	}
	return key
}

// readBucket returns the stored alarms, in the file's order, and makes the bucket if
// there is none.
func readBucket(be backend.Backend) (alarms []*pb.AlarmMember, err error) {
	tx := be.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	tx.UnsafeCreateBucket(backend.BucketAlarm)
	err = tx.UnsafeForEach(backend.BucketAlarm, func(key, _ []byte) error {
		var stored pb.AlarmMember
		if err := stored.UnmarshalVT(key); err != nil {
			return damaged(key, err)
		}
		m := &pb.AlarmMember{MemberID: stored.MemberID, Alarm: stored.Alarm}
		// Deactivate deletes the key that it would write: any other spelling of the same
		// alarm would come back after each restart.
		if !bytes.Equal(key, bucketKey(m)) {
			return damaged(key, fmt.Errorf("alarm %d of member %x is written otherwise", m.Alarm, m.MemberID))
		}
		alarms = append(alarms, m)
		return nil
	})
	return alarms, err
}

func damaged(key []byte, reason error) error {
	return fmt.Errorf("alarm: key %x in bucket %s is no alarm: %w; the database is damaged, restore it from a snapshot", key, backend.BucketAlarm, reason)
}

// write changes the bucket and moves the consistent index in one piece; index 0 leaves it.
func write(be backend.Backend, index uint64, change func(backend.BatchTx)) {
	tx := be.BatchTx()
	tx.Lock()
	defer tx.Unlock()
	change(tx)
	if index != 0 {
		tx.UnsafeSetConsistentIndex(index)
	}
}
