package membership

import (
	"testing"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/ids"
)

// TestAMajorityHasToHaveStarted looks ahead in clusters of s started and n never
// started voters; the learner, if there is one, has started.
func TestAMajorityHasToHaveStarted(t *testing.T) {
	rows := []struct {
		voters                         string
		add, promote, removeS, removeN bool
	}{
		// add: one more that has not started; remove: a started one, one that has not.
		{"s", true, true, false, false}, // the last voter stays; nobody is n
		{"n", false, false, false, false},
		{"ss", true, true, true, false},
		{"sn", false, true, false, true},
		{"sss", true, true, true, false},
		{"ssn", false, true, false, true},
		{"snn", false, false, false, false},
		{"ssss", true, true, true, false},
		{"sssn", true, true, true, true},
		{"ssnn", false, true, false, true},
	}
	for _, row := range rows {
		t.Run(row.voters, func(t *testing.T) {
			c := NewCluster(nil, "")
			anyOf := map[rune]ids.ID{}
			for i, kind := range row.voters {
				id := ids.ID(i + 1)
				c.members[id] = member(id, false, "u")
				if kind == 's' {
					c.members[id].Name = "started"
				}
				anyOf[kind] = id
			}
			learner := ids.ID(100)
			c.members[learner] = member(learner, true, "l")
			c.members[learner].Name = "started"

			check := func(name string, want bool, err error) {
				if want {
					require.NoError(t, err, name)
				} else {
					require.ErrorIs(t, err, ErrNotEnoughStarted, name)
				}
			}
			check("add", row.add, c.CheckAddVotingMember())
			check("promote", row.promote, c.CheckPromoteMember(learner))
			if id, ok := anyOf['s']; ok {
				check("remove started", row.removeS, c.CheckRemoveVotingMember(id))
			}
			if id, ok := anyOf['n']; ok {
				check("remove unstarted", row.removeN, c.CheckRemoveVotingMember(id))
			}
		})
	}
}
