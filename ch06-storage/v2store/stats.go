package v2store

import "sync/atomic"

// Stats counts what was asked of the store, by operation and outcome. It is saved
// with the store, so the counts go on where a snapshot left off. Writes come out of
// the replicated log and are counted alike on all members; gets are not, also because
// the server's own reads of the tree are among them.
//
// A refused operation is a failed one, and one operation is counted once. etcd 3.4
// counts a refused update of a directory, and a refused update or delete of the root,
// as done, and counts a create below a file as a failed set besides.
//
// Gets run side by side under the read lock, so every count is changed atomically.
type Stats struct {
	GetSuccess              uint64 `json:"getsSuccess"`
	GetFail                 uint64 `json:"getsFail"`
	SetSuccess              uint64 `json:"setsSuccess"`
	SetFail                 uint64 `json:"setsFail"`
	DeleteSuccess           uint64 `json:"deleteSuccess"`
	DeleteFail              uint64 `json:"deleteFail"`
	UpdateSuccess           uint64 `json:"updateSuccess"`
	UpdateFail              uint64 `json:"updateFail"`
	CreateSuccess           uint64 `json:"createSuccess"`
	CreateFail              uint64 `json:"createFail"`
	CompareAndSwapSuccess   uint64 `json:"compareAndSwapSuccess"`
	CompareAndSwapFail      uint64 `json:"compareAndSwapFail"`
	CompareAndDeleteSuccess uint64 `json:"compareAndDeleteSuccess"`
	CompareAndDeleteFail    uint64 `json:"compareAndDeleteFail"`
	ExpireCount             uint64 `json:"expireCount"`
	Watchers                uint64 `json:"watchers"`
}

// count adds one to the count of the outcome.
func count(success, fail *uint64, err error) {
	if err != nil {
		atomic.AddUint64(fail, 1)
		return
	}
	atomic.AddUint64(success, 1)
}

// clone copies the counts. The caller holds worldLock at least for reading, so only
// the two counts of Get can move meanwhile.
func (s *Stats) clone() *Stats {
	return &Stats{
		GetSuccess:              atomic.LoadUint64(&s.GetSuccess),
		GetFail:                 atomic.LoadUint64(&s.GetFail),
		SetSuccess:              s.SetSuccess,
		SetFail:                 s.SetFail,
		DeleteSuccess:           s.DeleteSuccess,
		DeleteFail:              s.DeleteFail,
		UpdateSuccess:           s.UpdateSuccess,
		UpdateFail:              s.UpdateFail,
		CreateSuccess:           s.CreateSuccess,
		CreateFail:              s.CreateFail,
		CompareAndSwapSuccess:   s.CompareAndSwapSuccess,
		CompareAndSwapFail:      s.CompareAndSwapFail,
		CompareAndDeleteSuccess: s.CompareAndDeleteSuccess,
		CompareAndDeleteFail:    s.CompareAndDeleteFail,
		ExpireCount:             s.ExpireCount,
		Watchers:                s.Watchers,
	}
}
