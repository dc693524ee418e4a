package v2store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"insideetcd/ch01-intro/model/v2"
)

// TestTreeAgreesWithModel runs random operations on a tree and on the model of the v2 API:
// the same events, the same refusals, the same index. The keys lie below /1, as in a server.
func TestTreeAgreesWithModel(t *testing.T) {
	operations, refused := 0, 0
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		s, m := newStore(func() time.Time { return now }, "/1"), v2.New(0, now)
		var trace []string
		for range 200 {
			now = now.Add(time.Duration(random.IntN(1500)) * time.Millisecond)
			what, ofModel, ofTree := drawOperation(random, now)
			m.Advance(now) // nothing ends here: every time to live is long
			trace = append(trace, what)
			want, got := outcome(ofModel(m)), asAnswered.Replace(outcome(ofTree(s)))
			require.JSONEq(t, want, got, "seed %d:\n%s", seed, strings.Join(trace, "\n"))
			require.Equal(t, m.Index(), s.Index(), "seed %d:\n%s", seed, strings.Join(trace, "\n"))
			if operations++; strings.Contains(want, "errorCode") {
				refused++
			}
		}
	}
	require.Greater(t, refused, operations/10)
	require.Less(t, refused, operations/2)
}

// asAnswered does what HTTP does to an event before it answers.
var asAnswered = strings.NewReplacer(`"/1/`, `"/`, `,"refresh":true`, ``)

// outcome is the JSON of an event or of a refusal.
func outcome[E any](e E, err error) string {
	var answer any = e
	if err != nil {
		answer = err
		if own := (*Error)(nil); errors.As(err, &own) { // its JSON fields are of no matter here
			answer = v2.Error{Code: own.ErrorCode, Message: own.Message, Cause: own.Cause, Index: own.Index}
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// drawOperation draws an operation in both forms.
func drawOperation(random *rand.Rand, now time.Time) (what string, ofModel func(*v2.Tree) (*v2.Event, error), ofTree func(*store) (*Event, error)) {
	p := []string{"/a", "/b", "/d", "/d/a", "/d/b", "/d/e/f", "/_h", "/d/_h", "/d/_h/a", "/a/b"}[random.IntN(10)]
	w := v2.Write{Value: []string{"", "x", "y"}[random.IntN(3)]}
	yes, no := random.IntN(2) == 0, random.IntN(2) == 0
	if random.IntN(3) == 0 {
		w.Expires = now.Add(time.Duration(1_000_000+random.IntN(9)) * time.Second)
	}
	opts := TTLOptionSet{ExpireTime: w.Expires}
	dir := random.IntN(8) == 0
	switch kind := random.IntN(10); {
	case kind < 2:
		return fmt.Sprintf("get %s recursive=%t", p, yes),
			func(m *v2.Tree) (*v2.Event, error) { return m.Get(p, yes) },
			func(s *store) (*Event, error) { return s.Get("/1"+p, yes) }
	case kind < 5:
		w.Dir, w.Refresh = dir, random.IntN(6) == 0
		opts.Refresh = w.Refresh
		return fmt.Sprintf("set %s %+v", p, w),
			func(m *v2.Tree) (*v2.Event, error) { return m.Set(p, w) },
			func(s *store) (*Event, error) { return s.Set("/1"+p, w.Dir, w.Value, opts) }
	case kind == 5:
		w.Refresh = random.IntN(6) == 0
		opts.Refresh = w.Refresh
		return fmt.Sprintf("update %s %+v", p, w),
			func(m *v2.Tree) (*v2.Event, error) { return m.Update(p, w) },
			func(s *store) (*Event, error) { return s.Update("/1"+p, w.Value, opts) }
	case kind < 8:
		w.Dir = dir
		return fmt.Sprintf("create %s in order=%t %+v", p, yes, w),
			func(m *v2.Tree) (*v2.Event, error) {
				if yes {
					return m.CreateInOrder(p, w)
				}
				return m.Create(p, w)
			},
			func(s *store) (*Event, error) { return s.Create("/1"+p, w.Dir, w.Value, yes, opts) }
	}
	return fmt.Sprintf("delete %s dir=%t recursive=%t", p, yes, no),
		func(m *v2.Tree) (*v2.Event, error) { return m.Delete(p, yes, no) },
		func(s *store) (*Event, error) { return s.Delete("/1"+p, yes, no) }
}
