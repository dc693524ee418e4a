package clientv3

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	pb "insideetcd/ch01-intro/api/etcdserverpb"
	"insideetcd/ch01-intro/api/mvccpb"
)

func header(rev int64) *pb.ResponseHeader { return &pb.ResponseHeader{Revision: rev} }

func created(id, rev int64) *pb.WatchResponse {
	return &pb.WatchResponse{Header: header(rev), WatchId: id, Created: true}
}

func events(id int64, revs ...int64) *pb.WatchResponse {
	r := &pb.WatchResponse{WatchId: id, Header: header(revs[len(revs)-1])}
	for _, rev := range revs {
		r.Events = append(r.Events, &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: []byte("k"), ModRevision: rev}})
	}
	return r
}

func revisions(r WatchResponse) (revs []int64) {
	for _, e := range r.Events {
		revs = append(revs, e.Kv.ModRevision)
	}
	return revs
}

// starts are the revisions from which requests ask for watches.
func starts(requests []*pb.WatchRequest) (revs []int64) {
	for _, r := range requests {
		revs = append(revs, r.GetCreateRequest().StartRevision)
	}
	return revs
}

// TestWorkedExample is the example above watchCore.
func TestWorkedExample(t *testing.T) {
	c := newWatchCore()
	w := newWatchState(opWatch("k", []OpOption{WithRev(5)}))
	c.add(w)
	require.Equal(t, []int64{5}, starts(c.requests()))
	reports, send := c.receive(created(0, 10))
	require.Empty(t, send)
	require.True(t, reports[0].response.Created)
	reports, _ = c.receive(events(0, 5, 8))
	require.Equal(t, []int64{5, 8}, revisions(reports[0].response))

	c.broken()
	require.Equal(t, []int64{9}, starts(c.requests()))
	reports, _ = c.receive(created(3, 10))
	require.Empty(t, reports, "the caller knows that the watch exists")
	reports, _ = c.receive(events(3, 8))
	require.Empty(t, reports, "revision 8 was reported")
	reports, _ = c.receive(events(3, 8, 9))
	require.Equal(t, []int64{9}, revisions(reports[0].response))
}

func TestAWatchFromNowOnResumesWhereItWasAnnounced(t *testing.T) {
	c := newWatchCore()
	c.add(newWatchState(opWatch("k", nil)))
	require.Equal(t, []int64{0}, starts(c.requests()))
	c.broken()
	require.Equal(t, []int64{0}, starts(c.requests()), "never announced: still from now on")
	c.receive(created(0, 41))
	c.broken()
	require.Equal(t, []int64{42}, starts(c.requests()), "41 was before the watch")
}

func TestProgressMovesTheResumePointOfItsWatchOnly(t *testing.T) {
	c := newWatchCore()
	c.add(newWatchState(opWatch("a", []OpOption{WithRev(5)})))
	c.add(newWatchState(opWatch("b", []OpOption{WithRev(5)})))
	c.requests()
	c.receive(created(0, 9))
	c.receive(created(1, 9))
	reports, _ := c.receive(&pb.WatchResponse{WatchId: 1, Header: header(20)})
	require.Len(t, reports, 1)
	require.True(t, reports[0].response.IsProgressNotify())
	reports, _ = c.receive(&pb.WatchResponse{WatchId: -1, Header: header(30)}) // for all (W1 of the regressions)
	require.Len(t, reports, 2)
	reports, _ = c.receive(events(1, 21))
	require.Equal(t, []int64{21}, revisions(reports[0].response), "an event that came after the progress of all")
	c.receive(&pb.WatchResponse{WatchId: 1, Header: header(25)})
	c.broken()
	require.Equal(t, []int64{5, 26}, starts(c.requests()))
}

func TestFragmentsAreJoinedAndForgottenWhenTheStreamBreaks(t *testing.T) {
	c := newWatchCore()
	c.add(newWatchState(opWatch("k", []OpOption{WithRev(5), WithFragment()})))
	c.requests()
	c.receive(created(0, 9))
	part := events(0, 6)
	part.Fragment = true
	reports, _ := c.receive(part)
	require.Empty(t, reports)
	c.broken()
	require.Equal(t, []int64{5}, starts(c.requests()))
	c.receive(created(0, 9))
	reports, _ = c.receive(part)
	require.Empty(t, reports)
	reports, _ = c.receive(events(0, 6, 7))
	require.Equal(t, []int64{6, 6, 7}, revisions(reports[0].response), "both events of revision 6, once each")
}

func TestRefusedCreationsAreMatchedByOrder(t *testing.T) {
	c := newWatchCore()
	a, b, d := newWatchState(opWatch("a", nil)), newWatchState(opWatch("b", nil)), newWatchState(opWatch("d", nil))
	for _, w := range []*watchState{a, b, d} {
		c.add(w)
	}
	c.requests()
	reports, _ := c.receive(created(0, 1))
	require.Same(t, a, reports[0].to)
	reports, _ = c.receive(&pb.WatchResponse{WatchId: -1, Created: true, Canceled: true, CancelReason: "no", Header: header(1)})
	require.Same(t, b, reports[0].to)
	require.True(t, reports[0].last)
	require.EqualError(t, reports[0].response.Err(), "no")
	reports, _ = c.receive(created(1, 1))
	require.Same(t, d, reports[0].to)
}

func TestAWatchCanceledBeforeItsAnnouncementIsCanceledByIt(t *testing.T) {
	c := newWatchCore()
	w := newWatchState(opWatch("k", nil))
	c.add(w)
	c.requests()
	require.Empty(t, c.cancel(w), "no number yet")
	reports, send := c.receive(created(7, 1))
	require.Empty(t, reports)
	require.EqualValues(t, 7, send[0].GetCancelRequest().WatchId)
	reports, send = c.receive(events(7, 2))
	require.Empty(t, reports)
	require.Empty(t, send, "known to be canceled")
	c.receive(&pb.WatchResponse{WatchId: 7, Canceled: true})
	_, send = c.receive(events(7, 3))
	require.Len(t, send, 1, "nobody's watch is told to stop")
}

func TestCompactionEndsAWatch(t *testing.T) {
	c := newWatchCore()
	c.add(newWatchState(opWatch("k", []OpOption{WithRev(2)})))
	c.requests()
	c.receive(created(0, 9))
	reports, _ := c.receive(&pb.WatchResponse{WatchId: 0, Canceled: true, CompactRevision: 5, Header: header(0)})
	require.True(t, reports[0].last)
	require.EqualError(t, reports[0].response.Err(), "etcdserver: mvcc: required revision has been compacted")
	reports, _ = c.receive(events(0, 6))
	require.Empty(t, reports, "W5")
	c.broken()
	require.Empty(t, c.requests())
}

// TestNoHistoryLosesOrRepeatsEvents lets a member send the events of a random history in
// random pieces, repeat old ones, and break the stream at random: the caller sees every
// event once, in order, with those of a revision together (W1, W2, W3).
func TestNoHistoryLosesOrRepeatsEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perRevision := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 30).Draw(t, "events of each revision")
		start := int64(rapid.IntRange(1, len(perRevision)).Draw(t, "start"))
		c := newWatchCore()
		w := newWatchState(opWatch("k", []OpOption{WithRev(start)}))
		c.add(w)
		member := &fakeMember{t: t, perRevision: perRevision, core: c, watch: w}
		for member.sent < int64(len(perRevision)) || member.id < 0 {
			member.step()
		}
		var want []string
		for i, n := range perRevision {
			for k := 0; k < n && int64(i+1) >= start; k++ {
				want = append(want, fmt.Sprintf("%d.%d", i+1, k))
			}
		}
		if fmt.Sprint(member.seen) != fmt.Sprint(want) {
			t.Fatalf("watch from %d\nwant %v\ngot  %v", start, want, member.seen)
		}
	})
}

// fakeMember sends the history to a core.
type fakeMember struct {
	t           *rapid.T
	perRevision []int
	core        *watchCore
	watch       *watchState
	id          int64 // the watch's number, -1 without one
	nextID      int64
	sent        int64 // last revision sent
	connected   bool
	seen        []string
}

func (m *fakeMember) step() {
	if !m.connected {
		m.connected, m.id = true, -1
		for _, r := range m.core.requests() {
			m.sent = r.GetCreateRequest().StartRevision - 1
			if m.sent > 0 && rapid.Bool().Draw(m.t, "repeat one") { // W5 of the regressions
				m.sent--
			}
		}
	}
	switch rapid.IntRange(0, 6).Draw(m.t, "step") {
	case 0:
		m.core.broken()
		m.connected = false
	case 1:
		if m.id >= 0 { // nothing is missing up to here
			m.deliver(&pb.WatchResponse{WatchId: m.id, Header: header(m.sent)})
		}
	case 2:
		if m.id >= 0 { // the caller is slow, and then goes on
			m.core.pause(m.watch)
			if rapid.Bool().Draw(m.t, "late events") {
				m.deliver(events(m.id, m.sent+1))
			}
			m.core.goOn(m.watch)
			m.connected = false
		}
	default:
		if m.id < 0 {
			m.id = m.nextID
			m.nextID++
			m.deliver(created(m.id, int64(len(m.perRevision))))
			return
		}
		m.sendSome()
	}
}

// sendSome sends whole revisions, perhaps in fragments; the stream may break in between.
func (m *fakeMember) sendSome() {
	until := min(int64(len(m.perRevision)), m.sent+int64(rapid.IntRange(1, 3).Draw(m.t, "revisions")))
	var all []*mvccpb.Event
	for rev := m.sent + 1; rev <= until; rev++ {
		for k := range m.perRevision[rev-1] {
			all = append(all, &mvccpb.Event{Kv: &mvccpb.KeyValue{ModRevision: rev, Key: fmt.Append(nil, k)}})
		}
	}
	if len(all) == 0 {
		m.sent = until
		return
	}
	for len(all) > 1 && rapid.Bool().Draw(m.t, "fragment") {
		m.deliver(&pb.WatchResponse{WatchId: m.id, Header: header(until), Events: all[:1], Fragment: true})
		all = all[1:]
		if rapid.IntRange(0, 9).Draw(m.t, "break") == 0 {
			m.core.broken()
			m.connected = false
			return
		}
	}
	m.deliver(&pb.WatchResponse{WatchId: m.id, Header: header(until), Events: all})
	m.sent = until
}

func (m *fakeMember) deliver(r *pb.WatchResponse) {
	reports, _ := m.core.receive(r)
	for _, r := range reports {
		for _, e := range r.response.Events {
			m.seen = append(m.seen, fmt.Sprintf("%d.%s", e.Kv.ModRevision, e.Kv.Key))
		}
	}
}
