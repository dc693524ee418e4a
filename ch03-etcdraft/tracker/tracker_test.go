package tracker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch03-etcdraft/quorum"
)

func member(match, next uint64) *Progress {
	return &Progress{Match: match, Next: next, RecentActive: true, Inflights: NewInflights(4, 0)}
}

// A follower is found, kept up, falls behind the log, and comes back by a snapshot.
func TestTheLifeOfAFollower(t *testing.T) {
	pr := member(0, 21)
	require.Equal(t, "StateProbe match=0 next=21", pr.String())
	pr.ProbeSent = true
	require.True(t, pr.IsPaused(), "one probe, then wait")

	require.False(t, pr.MaybeDecrTo(30, 5), "an answer to another probe")
	require.True(t, pr.MaybeDecrTo(20, 5), "refused: its log ends at 5")
	require.Equal(t, "StateProbe match=0 next=6", pr.String())

	require.True(t, pr.MaybeUpdate(5))
	pr.BecomeReplicate()
	for i := uint64(6); i < 10; i++ {
		require.False(t, pr.IsPaused())
		pr.OptimisticUpdate(i)
		pr.Inflights.Add(i, 1)
	}
	require.Equal(t, "StateReplicate match=5 next=10 paused inflight=4[full]", pr.String())

	pr.Inflights.FreeLE(7)
	require.True(t, pr.MaybeUpdate(7))
	require.False(t, pr.MaybeUpdate(6), "acknowledged before")
	require.False(t, pr.MaybeDecrTo(7, 3), "P2: what is acknowledged is not taken back")
	require.True(t, pr.MaybeDecrTo(9, 7), "lost on the way")
	require.EqualValues(t, 8, pr.Next)

	pr.BecomeSnapshot(50)
	require.Equal(t, "StateSnapshot match=7 next=8 paused pendingSnap=50", pr.String())
	pr.BecomeProbe()
	require.Equal(t, "StateProbe match=7 next=51", pr.String(), "it arrived: go on behind it")
}

func TestAProbeNeverGoesBelowWhatIsAcknowledged(t *testing.T) {
	pr := member(7, 9)
	require.True(t, pr.MaybeDecrTo(8, 2))
	require.EqualValues(t, 8, pr.Next, "P1: match < next")
}

// R7: next fell to match or below it.
func TestRegression_R7_MatchStaysBelowNext(t *testing.T) {
	for state := StateProbe; state <= StateSnapshot; state++ {
		for match := range uint64(5) {
			for next := match + 1; next < 8; next++ {
				for rejected := range uint64(8) {
					for hint := range uint64(8) {
						pr := member(match, next)
						pr.ResetState(state)
						pr.MaybeDecrTo(rejected, hint)
						require.Less(t, pr.Match, pr.Next, "R7: %s, refused %d, hint %d", pr, rejected, hint)
						pr.MaybeUpdate(hint)
						require.Less(t, pr.Match, pr.Next, "R7: %s, acknowledged %d", pr, hint)
					}
				}
			}
		}
	}
}

func TestTheWindowIsARing(t *testing.T) {
	in := NewInflights(3, 0)
	for round := range uint64(20) {
		first := 3 * round
		for i := range uint64(3) {
			in.Add(first+i, 10)
		}
		require.True(t, in.Full())
		require.PanicsWithValue(t, "invariant F1: message up to index 99 sent into a full window of 3 messages, 30 bytes",
			func() { in.Add(99, 1) })
		copied := in.Clone()
		in.FreeLE(first)
		require.Equal(t, 2, in.Count())
		in.FreeLE(first + 2)
		require.Zero(t, in.Count())
		require.Equal(t, 3, copied.Count(), "a clone shares nothing")
	}
	require.Len(t, in.buffer, 3, "the ring does not grow beyond its size")
}

func TestTheWindowIsBoundedInBytes(t *testing.T) {
	in := NewInflights(100, 50)
	in.Add(1, 30)
	require.False(t, in.Full())
	in.Add(2, 30)
	require.True(t, in.Full(), "60 of 50 bytes: the last message may exceed the limit, another may not be sent")
	in.FreeLE(1)
	require.False(t, in.Full())
}

func TestVotesAndQuorums(t *testing.T) {
	p := MakeProgressTracker(8, 0)
	set := func(ids ...uint64) quorum.MajorityConfig {
		c := quorum.MajorityConfig{}
		for _, id := range ids {
			c[id] = struct{}{}
		}
		return c
	}
	progress := ProgressMap{1: member(9, 10), 2: member(5, 6), 3: member(7, 8), 4: member(9, 10)}
	progress[4].IsLearner = true
	p.SetMembers(Config{Voters: quorum.JointConfig{set(1, 2, 3)}, Learners: set(4)}, progress)
	require.EqualValues(t, 7, p.Committed(), "a learner does not count")
	require.Equal(t, "voters=(1 2 3) learners=(4)", p.Config.String())
	require.Equal(t, []uint64{1, 2, 3}, p.VoterNodes())
	require.Equal(t, []uint64{4}, p.LearnerNodes())

	var order []uint64
	p.Visit(func(id uint64, _ *Progress) { order = append(order, id) })
	require.Equal(t, []uint64{1, 2, 3, 4}, order)

	require.True(t, p.QuorumActive())
	progress[2].RecentActive, progress[3].RecentActive = false, false
	require.False(t, p.QuorumActive(), "1 and the learner are no quorum")

	p.RecordVote(1, true)
	p.RecordVote(4, true)
	p.RecordVote(2, false)
	p.RecordVote(2, true) // the first answer counts
	granted, rejected, result := p.TallyVotes()
	require.Equal(t, []int{1, 1}, []int{granted, rejected})
	require.Equal(t, quorum.VotePending, result)
	p.ResetVotes()
	granted, rejected, _ = p.TallyVotes()
	require.Zero(t, granted+rejected)
}
