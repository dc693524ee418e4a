package membership

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/ids"
)

// TestIDsAreThoseOfEtcd computes IDs that a running etcd 3.4.23 gave.
func TestIDsAreThoseOfEtcd(t *testing.T) {
	const local = "http://127.0.0.1:"
	clusters := []struct {
		name, token string
		peerURLs    map[string][]string
		members     map[string]string
		cluster     string
	}{
		{"one member", "tok1", map[string][]string{"m1": {local + "23871"}},
			map[string]string{"m1": "901ddb5662acd2a8"}, "257ba440f5157e3"},
		{"another port", "tok1", map[string][]string{"m1": {local + "23881"}},
			map[string]string{"m1": "b88e41dcdc8b217a"}, "2bc134fd4e3e2bd8"},
		{"three members; the name does not matter, the order of URLs neither", "tok 2",
			map[string][]string{"b": {local + "23942"}, "a": {local + "23945", local + "23941"}, "c": {local + "23943"}},
			map[string]string{"a": "87e6ccd3c98d8ebf", "b": "2ffd685c58203925", "c": "65992eeacbf70b87"}, "f8a0075dffe56efa"},
	}
	for _, want := range clusters {
		t.Run(want.name, func(t *testing.T) {
			c, err := NewClusterFromURLsMap(nil, want.token, want.peerURLs)
			require.NoError(t, err)
			require.Equal(t, want.cluster, c.ID().String())
			require.Len(t, c.Members(), len(want.members))
			for name, id := range want.members {
				require.Equal(t, id, c.MemberByName(name).ID.String())
			}
		})
	}
}

// TestALaterMembersIDHoldsTheTime: the address alone would give the ID of an earlier
// owner, and that may have been removed for ever.
func TestALaterMembersIDHoldsTheTime(t *testing.T) {
	added := time.Unix(1795370111, 0) // recorded with the ID
	m := NewLearner("", []string{"http://127.0.0.1:23931"}, "", &added)
	require.Equal(t, "f939d3477884935c", m.ID.String())
	later := added.Add(time.Second)
	require.NotEqual(t, m.ID, NewLearner("", m.PeerURLs, "", &later).ID)
}

func TestSamePeerURLsAreRefused(t *testing.T) {
	_, err := NewClusterFromURLsMap(nil, "t", map[string][]string{"a": {"http://h:1"}, "b": {"http://h:1"}})
	require.ErrorContains(t, err, `members "a" and "b" have the same peer URLs`)
}

// TestMemberJSON shows when a field is there: peerURLs always, the others if set.
func TestMemberJSON(t *testing.T) {
	members := []struct {
		m    Member
		want string
	}{
		{Member{ID: 10}, `{"id":10,"peerURLs":null}`},
		{Member{ID: ids.ID(1<<64 - 1), RaftAttributes: RaftAttributes{PeerURLs: []string{"http://h:1"}, IsLearner: true}},
			`{"id":18446744073709551615,"peerURLs":["http://h:1"],"isLearner":true}`},
		{Member{ID: 1, RaftAttributes: RaftAttributes{PeerURLs: []string{"p"}}, Attributes: Attributes{Name: "n", ClientURLs: []string{"c"}}},
			`{"id":1,"peerURLs":["p"],"name":"n","clientURLs":["c"]}`},
	}
	for _, row := range members {
		got, err := json.Marshal(row.m)
		require.NoError(t, err)
		require.Equal(t, row.want, string(got))
		var back Member
		require.NoError(t, json.Unmarshal(got, &back))
		require.Equal(t, row.m, back)
	}
	promotion := PromoteConfChange(10)
	require.Equal(t, `{"id":10,"peerURLs":null,"isPromote":true}`, string(promotion.Context))
}
