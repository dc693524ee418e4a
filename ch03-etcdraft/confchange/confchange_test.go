package confchange

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "insideetcd/ch03-etcdraft/raftpb"
	"insideetcd/ch03-etcdraft/tracker"
)

// cluster is a configuration in force, changed by words such as "joint v4 r1".
type cluster struct{ Changer }

func newCluster(t testing.TB, steps ...string) *cluster {
	c := &cluster{Changer{Tracker: tracker.MakeProgressTracker(8, 0), LastIndex: 100}}
	for _, step := range steps {
		require.NoError(t, c.change(step), step)
	}
	return c
}

// change is "v1 l2 r3 u4" for a simple change, "joint …" and "autoleave …" for the
// beginning of a transition and "leave" for its end.
func (c *cluster) change(step string) error {
	kind, words, _ := strings.Cut(step, " ")
	var config tracker.Config
	var progress tracker.ProgressMap
	var err error
	switch kind {
	case "leave":
		config, progress, err = c.LeaveJoint()
	case "joint", "autoleave":
		config, progress, err = c.EnterJoint(kind == "autoleave", parse(words)...)
	default:
		config, progress, err = c.Simple(parse(step)...)
	}
	if err == nil {
		c.Tracker.SetMembers(config, progress)
	}
	return err
}

func parse(words string) []pb.ConfChangeSingle {
	ccs, err := pb.ConfChangesFromString(words)
	if err != nil {
		panic(err)
	}
	return ccs
}

// A cluster grows, replaces two members at once, and one voter becomes a learner.
func ExampleChanger() {
	c := newCluster(&testing.T{}, "v1", "v2", "v3")
	for _, step := range []string{"l4", "v4", "joint v5 v6 r2 r3", "leave", "autoleave l1 v2", "leave"} {
		err := c.change(step)
		fmt.Println(step, "→", c.Tracker.Config, err)
	}
	// Output:
	// l4 → voters=(1 2 3) learners=(4) <nil>
	// v4 → voters=(1 2 3 4) <nil>
	// joint v5 v6 r2 r3 → voters=(1 4 5 6)&&(1 2 3 4) <nil>
	// leave → voters=(1 4 5 6) <nil>
	// autoleave l1 v2 → voters=(2 4 5 6)&&(1 4 5 6) learners_next=(1) autoleave <nil>
	// leave → voters=(2 4 5 6) learners=(1) <nil>
}

func TestChangesThatCannotBeMade(t *testing.T) {
	for _, row := range []struct{ name, before, step, want string }{
		{"two voters at once", "v1", "v2 v3", "more than one voter changed without entering joint config"},
		{"a voter for another", "v1 joint", "v2 r1", "more than one voter changed without entering joint config"},
		{"the last voter", "v1", "r1", "removed all voters"},
		{"the last voter becomes a learner", "v1", "l1", "removed all voters"},
		{"a simple change in a transition", "v1 | joint v2", "v3", "can't apply simple config change in joint config"},
		{"a transition in a transition", "v1 | joint v2", "joint v3", "config is already joint"},
		{"a transition from nothing", "", "joint v1", "can't make a zero-voter config joint"},
		{"the end of no transition", "v1", "leave", "can't leave a non-joint config"},
	} {
		steps := strings.Split(strings.TrimSuffix(row.before, " joint"), " | ")
		if row.before == "" {
			steps = nil
		}
		c := newCluster(t, steps...)
		before := c.Tracker.Config.String()
		require.EqualError(t, c.change(row.step), row.want, row.name)
		require.Equal(t, before, c.Tracker.Config.String(), "%s: a refused change changes nothing", row.name)
	}
	c := newCluster(t, "v1")
	_, _, err := c.Simple(pb.ConfChangeSingle{Type: 17, NodeID: 2})
	require.EqualError(t, err, "unexpected conf type 17")
}

func TestChangesThatChangeNothing(t *testing.T) {
	for _, step := range []string{"r9", "u1", "v1"} {
		c := newCluster(t, "v1", "l2")
		require.NoError(t, c.change(step))
		require.Equal(t, "voters=(1) learners=(2)", c.Tracker.Config.String(), step)
	}
	c := newCluster(t, "v1")
	config, _, err := c.Simple(pb.ConfChangeSingle{Type: pb.ConfChangeRemoveNode, NodeID: 0})
	require.NoError(t, err, "node 0: the application refused the change")
	require.Equal(t, "voters=(1)", config.String())
}

func TestPromotionKeepsWhatIsKnownOfTheLearner(t *testing.T) {
	c := newCluster(t, "v1", "l2")
	require.Equal(t, "StateProbe match=0 next=100 learner", c.Tracker.Progress[2].String(), "a new member is sent what comes next")
	c.Tracker.Progress[2].MaybeUpdate(120)
	require.NoError(t, c.change("v2"))
	require.Equal(t, "StateProbe match=120 next=121", c.Tracker.Progress[2].String())
}

// The input of a calculation must stay as it was: raft asks whether a change could be
// made before it appends it.
func TestCalculatingLeavesTheClusterAlone(t *testing.T) {
	c := newCluster(t, "v1", "v2", "l3", "joint v4 l2")
	before := fmt.Sprint(c.Tracker.Config, c.Tracker.Progress)
	_, _, err := c.LeaveJoint()
	require.NoError(t, err)
	require.Equal(t, before, fmt.Sprint(c.Tracker.Config, c.Tracker.Progress))
}

// Whatever is reached by changes is the same after a snapshot was taken and restored,
// and any two configurations in force one after the other have quorums that meet (Raft §6).
func TestRandomChanges(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		c := newCluster(t, "v1")
		for range 20 {
			before := c.Tracker.Config.Clone()
			step := randomStep(rnd)
			if c.change(step) != nil {
				continue
			}
			at := fmt.Sprintf("seed %d: %s: %s → %s", seed, step, before, c.Tracker.Config)
			require.NoError(t, check(c.Tracker.Config, c.Tracker.Progress), at)
			requireQuorumsMeet(t, before, c.Tracker.Config, at)

			config, progress, err := Restore(c.Changer, c.Tracker.ConfState())
			require.NoError(t, err, at)
			require.Equal(t, c.Tracker.Config.String(), config.String(), at)
			require.Equal(t, ids(c.Tracker.Progress), ids(progress), at)
		}
	}
}

func randomStep(rnd *rand.Rand) string {
	words := make([]string, 1+rnd.IntN(3))
	for i := range words {
		words[i] = fmt.Sprintf("%c%d", "vvlru"[rnd.IntN(5)], 1+rnd.IntN(5))
	}
	return []string{"", "joint ", "autoleave ", "leave "}[rnd.IntN(4)] + strings.Join(words, " ")
}

// requireQuorumsMeet tries all sets of members: no two disjoint ones may be quorums of a
// and of b.
func requireQuorumsMeet(t *testing.T, a, b tracker.Config, at string) {
	const members = 5
	votes := func(set int) map[uint64]bool {
		v := map[uint64]bool{}
		for id := range uint64(members) {
			v[id+1] = set&(1<<id) != 0
		}
		return v
	}
	for set := range 1 << members {
		rest := 1<<members - 1 - set
		both := a.Voters.VoteResult(votes(set)).String() + " " + b.Voters.VoteResult(votes(rest)).String()
		require.NotEqual(t, "VoteWon VoteWon", both, "two leaders could rise: %b and %b; %s", set, rest, at)
	}
}

func ids(m tracker.ProgressMap) []uint64 { return slices.Sorted(maps.Keys(m)) }

func TestSnapshotsWithImpossibleMembersAreRefused(t *testing.T) {
	for want, cs := range map[string]pb.ConfState{
		"invariant C1": {Voters: []uint64{1}, Learners: []uint64{1}},
		"invariant C2": {Voters: []uint64{1}, LearnersNext: []uint64{2}},
		"invariant C3": {Voters: []uint64{1}, AutoLeave: true},
		"zero-voter":   {VotersOutgoing: []uint64{1}},
		"0 is no":      {Voters: []uint64{0, 1}},
	} {
		_, _, err := Restore(newCluster(t).Changer, cs)
		require.ErrorContains(t, err, want)
	}
}
