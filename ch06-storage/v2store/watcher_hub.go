package v2store

// watcherHub is where news leave the store (book §6.1.3): every event goes through
// it, into the history.
type watcherHub struct {
	EventHistory *EventHistory
}

func newWatcherHub(capacity int) *watcherHub {
	return &watcherHub{EventHistory: newEventHistory(capacity)}
}

// notify publishes an event that has just happened.
func (h *watcherHub) notify(e *Event) { h.EventHistory.addEvent(e) }

func (h *watcherHub) clone() *watcherHub {
	return &watcherHub{EventHistory: h.EventHistory.clone()}
}
