package v2store

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestASavedStoreOfEtcdSurvivesRecovery recovers the stores of real snapshots and
// saves them again: not one byte may differ.
func TestASavedStoreOfEtcdSurvivesRecovery(t *testing.T) {
	for _, file := range []string{"testdata/members.json", "testdata/requests.json"} {
		t.Run(file, func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			s := New("/0", "/1")
			require.NoError(t, s.Recovery(want))
			got, err := s.Save()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
}

// TestARecoveredStoreGoesOn writes into a recovered store: the index goes on, nodes
// can be removed from their parents, the history grows.
func TestARecoveredStoreGoesOn(t *testing.T) {
	saved, err := os.ReadFile("testdata/members.json")
	require.NoError(t, err)
	s := New("/0", "/1")
	require.NoError(t, s.Recovery(saved))
	require.EqualValues(t, 7, s.Index())

	_, err = s.Delete("/0/members", true, true)
	require.NoError(t, err)
	_, err = s.Get("/0/members", false)
	require.True(t, IsKeyNotFound(err))
	require.EqualValues(t, 8, s.Index())

	again, err := s.Save()
	require.NoError(t, err)
	require.Contains(t, string(again), `"StartIndex":1,"LastIndex":8}`)
}

func TestAnEmptyStoreSavesItsNamespaces(t *testing.T) {
	saved, err := New("/0", "/1").Save()
	require.NoError(t, err)
	const namespace = `"CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{`
	require.Contains(t, string(saved), `{"Root":{"Path":"/",`+namespace+
		`"0":{"Path":"/0",`+namespace+`}},"1":{"Path":"/1",`+namespace+`}}}}`)
	require.Contains(t, string(saved), `"Size":0,"Front":0,"Back":0,"Capacity":1000},"StartIndex":0,"LastIndex":0}},"CurrentIndex":0,`)
	require.Equal(t, 1000, strings.Count(string(saved), "null"))
}

// TestDamagedStateIsRefused recovers from states that would make a later operation
// fail. Each is refused with a reason, and the store stays what it was.
func TestDamagedStateIsRefused(t *testing.T) {
	saved, err := os.ReadFile("testdata/members.json")
	require.NoError(t, err)
	damage := []struct{ name, old, new, reason string }{
		{"cut off", `"CurrentVersion":2}`, ``, "decode"},
		{"empty object", string(saved), `{}`, "missing"},
		{"no tree", `{"Root":`, `{"Tree":`, "missing"},
		{"other layout", `"CurrentVersion":2}`, `"CurrentVersion":3}`, "version 3"},
		{"a namespace is gone", `"1":{"Path":"/1"`, `"9":{"Path":"/9"`, "namespace /1"},
		{"a namespace is a file", `"Value":"","Children":{}}}}`, `"Value":"","Children":null}}}`, "namespace /1"},
		{"a path does not fit", `"Path":"/0/version"`, `"Path":"/0/other"`, "/0/version"},
		{"a name that is a path", `"1":{"Path":"/1","C`, `"1/2":{"Path":"/1/2","C`, "impossible name"},
		{"a child is null", `"Children":{"0":`, `"Children":{"2":null,"0":`, "without content"},
		{"front outside the ring", `"Front":0`, `"Front":1000`, "event queue"},
		{"back does not fit", `"Back":7`, `"Back":8`, "event queue"},
		{"size beyond the ring", `"Size":7`, `"Size":1001`, "event queue"},
		{"missing slots", `,null,null]`, `]`, "event queue"},
		{"an event is null", `"Events":[`, `"Events":[null,`, "event queue"},
		{"an event without a node", `"Events":[{"action":"create","node":`, `"Events":[{"action":"create","gone":`, "event queue"},
	}
	for _, d := range damage {
		t.Run(d.name, func(t *testing.T) {
			state := strings.Replace(string(saved), d.old, d.new, 1)
			require.NotEqual(t, string(saved), state, "the damage must hit something")
			s := New("/0", "/1")
			_, err := s.Set("/1/mine", false, "kept", TTLOptionSet{})
			require.NoError(t, err)

			require.ErrorContains(t, s.Recovery([]byte(state)), d.reason)
			e, err := s.Get("/1/mine", false)
			require.NoError(t, err)
			require.Equal(t, "kept", *e.Node.Value)
		})
	}
}

// TestACloneStandsStill changes the original after the clone was made.
func TestACloneStandsStill(t *testing.T) {
	s := New("/0", "/1")
	_, err := s.Set("/1/dir/a", false, "old", TTLOptionSet{})
	require.NoError(t, err)
	c := s.Clone()
	before, err := c.SaveNoCopy()
	require.NoError(t, err)

	_, err = s.Update("/1/dir/a", "new", TTLOptionSet{})
	require.NoError(t, err)
	_, err = s.Set("/1/dir/b", false, "", TTLOptionSet{})
	require.NoError(t, err)
	_, err = s.Get("/1/none", false)
	require.Error(t, err)

	after, err := c.SaveNoCopy()
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))

	_, err = c.Delete("/1/dir", true, true)
	require.NoError(t, err)
	_, err = s.Get("/1/dir/b", false)
	require.NoError(t, err, "nor does the clone change the original")
}

// FuzzRecovery: whatever the bytes, the store is replaced by one that works, or stays.
func FuzzRecovery(f *testing.F) {
	for _, file := range []string{"testdata/members.json", "testdata/requests.json"} {
		saved, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(saved)
	}
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		s := New("/0", "/1")
		recovered := s.Recovery(state)
		index := s.Index()
		_, err := s.Set("/1/fuzz/a", false, "v", TTLOptionSet{})
		if err == nil {
			_, err = s.Delete("/1/fuzz", true, true)
			require.NoError(t, err)
			require.Equal(t, index+2, s.Index())
		}
		_, _ = s.Get("/", true)
		saved, err := s.Save()
		require.NoError(t, err)
		require.NoError(t, s.Recovery(saved), "recovered before: %v", recovered)
	})
}
