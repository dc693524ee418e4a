package main

import "insideetcd/ch01-intro/model"

// entry is a place in the log of a cluster: every member executes the same entries, in the
// order of their index.
type entry struct {
	term    uint64 // of the leader that wrote it
	told    string
	request any // nil: nothing for the stores
}

var log = []entry{
	{1, "the first member joins", nil},
	{2, "a leader is elected: an empty entry", nil},
	{2, "put color = red", put("color", "red")},
	{2, "put color = blue", put("color", "blue")},
	{3, "another leader: an empty entry", nil},
	{3, "put shape = round", put("shape", "round")},
	{3, "delete color", del("color")},
	{3, "put color = green", put("color", "green")},
}

// timeline executes the log, and shows behind each entry the numbers that people mix up.
func timeline() {
	store := model.New()
	say("6. All of this comes out of one log. Numbers of the log, of the store, and of one key, side by side:")
	tell("raft                                                  store     key color")
	tell("index  term  entry                                 revision  mod_revision  version")
	for i, e := range log {
		before := store.Rev()
		if e.request != nil {
			do(store, e.request)
		}
		color := get(store, "color", 0)
		tell("%5d  %4d  %-36s %9d %13v %8v", i+1, e.term, e.told, store.Rev(), orDot(color.GetModRevision()), orDot(color.GetVersion()))
		check((store.Rev() > before) == (e.request != nil), "the revision moves with changes, and only with them")
		check(color.GetModRevision() <= store.Rev() && store.Rev() <= int64(i)+2, "mod_revision ≤ revision ≤ index + 1, where every change is an entry of its own")
	}
	say("", "The index counts entries, the term elections, the revision changes. Once committed, none goes back.",
		"Entries 1, 2 and 5 change no key, so revision and index drift apart, in each cluster in its own",
		"way. mod_revision is a revision; version only counts the puts of one generation, so it can fall.")
}
