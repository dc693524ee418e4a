package raftlog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"insideetcd/ch03-etcdraft/raft"
	pb "insideetcd/ch03-etcdraft/raftpb"

	"github.com/stretchr/testify/require"
)

// TestTrace tells the story that the questions of this lab are about: node 1 is elected, and
// finds out where its log and that of node 2 agree. Its last line holds the answers.
func TestTrace(t *testing.T) {
	rnd := rand.New(rand.NewPCG(max(1, *seed), 313))
	leads, follows, common := drawPair(rnd)
	leader, follower := start(silent{t}, 1, leads...), start(silent{t}, 2, follows...)
	var told strings.Builder
	fmt.Fprintf(&told, "entries as term/index\nnode 1: %s\nnode 2: %s\n", show(leader.stored()), show(follower.stored()))
	require.NoError(t, leader.Campaign())
	refusals, firstHint := 0, uint64(0)
	for range 20 {
		for _, m := range exchange(leader, follower) {
			fmt.Fprintf(&told, "%s\n", raft.DescribeMessage(m, nil))
			if m.Type == pb.MsgAppResp && m.Reject {
				if refusals++; refusals == 1 {
					firstHint = m.RejectHint
				}
			}
		}
	}
	require.Equal(t, show(leader.stored()), show(follower.stored()))
	answers := []string{fmt.Sprint(refusals), fmt.Sprint(firstHint), fmt.Sprint(common), fmt.Sprint(len(follows) - common), fmt.Sprint(len(leads) - common)}
	line, err := json.Marshal(answers)
	require.NoError(t, err)
	t.Logf("\n%s\n", told.String())
	t.Logf("ANSWERS %s", line)
}

// silent is a test whose log is not part of the trace.
type silent struct{ testing.TB }

func (silent) Log(...any) {}

// drawPair draws two logs that agree up to the entry common and nowhere behind: the leader's
// terms are even there, the follower's odd and lower than the leader's last.
func drawPair(rnd *rand.Rand) (leads, follows []uint64, common int) {
	common = 2 + rnd.IntN(3)
	for range common {
		leads, follows = append(leads, 1), append(follows, 1)
	}
	for term := uint64(2); term <= 6; term += 2 {
		for range 1 + rnd.IntN(3) {
			leads = append(leads, term)
		}
	}
	for term := uint64(3); term <= 5; term += 2 {
		for range 1 + rnd.IntN(4) {
			follows = append(follows, term)
		}
	}
	return leads, follows, common
}

// exchange carries each node's messages to the other once, and returns them. Node 3 is down.
func exchange(a, b *node) (seen []pb.Message) {
	for _, from := range []*node{a, b} {
		for from.HasReady() {
			for _, m := range from.writes().Messages {
				to := map[uint64]*node{1: a, 2: b}[m.To]
				if to == nil {
					continue
				}
				seen = append(seen, m)
				to.hear(m)
			}
		}
	}
	return seen
}
