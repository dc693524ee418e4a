package main

import (
	"errors"
	"time"

	"insideetcd/ch01-intro/model"
	"insideetcd/ch01-intro/model/v2"
)

// entry is a place in the log of a cluster: every member executes the same entries, in the
// order of their index.
type entry struct {
	term    uint64 // of the leader that wrote it
	told    string
	request any // of the v3 API, or a setV2; nil: nothing for the stores
}

// setV2 sets a file of the v2 tree.
type setV2 struct{ path, value string }

var log = []entry{
	{1, "the first member joins", nil},
	{2, "a leader begins: empty entry", nil},
	{2, "v3 put color = red", put("color", "red")},
	{2, "v2 set /color = red", setV2{"/color", "red"}},
	{2, "v3 put color = blue", put("color", "blue")},
	{3, "another leader: empty entry", nil},
	{3, "v3 put shape = round", put("shape", "round")},
	{3, "v3 delete color", del("color")},
	{3, "v3 put color = green", put("color", "green")},
}

// timeline executes the log on both databases, and shows behind each entry the numbers that
// people mix up.
func timeline() {
	say("6. One log feeds two databases. Behind each entry, what every number says:")
	tell("raft                                       v3        key color               v2     file /color")
	tell("index  term  entry                         revision  mod_revision  version   index  modifiedIndex")
	store, tree := model.New(), v2.New(0, time.Time{})
	for i, e := range log {
		rev, index := store.Rev(), tree.Index()
		execute(store, tree, e.request)
		color, file := get(store, "color", 0), getV2(tree, "/color")
		tell("%5d  %4d  %-28s %9d %13v %8v %7d %14v", i+1, e.term, e.told, store.Rev(),
			orDot(color.GetModRevision()), orDot(color.GetVersion()), tree.Index(), orDot(file.ModifiedIndex))
		moved := store.Rev() - rev + int64(tree.Index()-index)
		check(moved <= 1 && (moved == 1) == (e.request != nil), "a change moves the number of its own database, and nothing else does")
	}
	check(value(store, "color") == "green" && *getV2(tree, "/color").Value == "red", "v2 and v3 do not see each other's writes")
	say("", "Index and term are the log's, for both databases. The revision moves with changes of v3 keys, the",
		"v2 index with changes of the tree; entries 1, 2 and 6 change neither, so all of them drift apart.",
		"mod_revision is a revision. version counts the puts of one generation, so it alone can fall.",
		"And color was red in both, once: now v3 says green, and v2 still says red. Two databases.")
}

func execute(store *model.Store, tree *v2.Tree, request any) {
	switch r := request.(type) {
	case nil:
	case setV2:
		_, err := tree.Set(r.path, v2.Write{Value: r.value})
		must(err)
	default:
		do(store, r)
	}
}

// getV2 returns what lies at a path of the tree, empty if nothing does.
func getV2(tree *v2.Tree, path string) *v2.Node {
	e, err := tree.Get(path, false)
	if refusal := (&v2.Error{}); errors.As(err, &refusal) && refusal.Code == v2.KeyNotFound {
		return &v2.Node{}
	}
	must(err)
	return e.Node
}
