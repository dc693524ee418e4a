package scenarios

import (
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
)

func recipes(s *stage) {
	queue := recipe.NewQueue(s.client, s.key("queue"))
	for _, v := range []string{"1", "2", "3"} {
		s.must(queue.Enqueue(v))
	}
	for range 3 {
		v, err := queue.Dequeue()
		s.say("queue: %s %s", v, tried(err))
	}
	waiting := later(func() error {
		v, err := queue.Dequeue()
		if err == nil && v != "late" {
			s.must(recipe.ErrKeyExists)
		}
		return err
	})
	s.must(queue.Enqueue("late"))
	got, _ := next(s, waiting)
	s.say("one that waited: %s", tried(got))

	priority := recipe.NewPriorityQueue(s.client, s.key("priority"))
	s.must(priority.Enqueue("later", 5))
	s.must(priority.Enqueue("first", 1))
	s.must(priority.Enqueue("later still", 5))
	for range 3 {
		v, err := priority.Dequeue()
		s.say("priority: %s %s", v, tried(err))
	}
	barriers(s)
	readersAndWriters(s)
}

func barriers(s *stage) {
	barrier := recipe.NewBarrier(s.client, s.key("barrier"))
	s.say("hold: %s", tried(barrier.Hold()))
	s.say("hold again: %s", tried(barrier.Hold()))
	passed := later(recipe.NewBarrier(s.another(), s.key("barrier")).Wait)
	s.say("release: %s", tried(barrier.Release()))
	got, _ := next(s, passed)
	s.say("passed: %s", tried(got))

	one := recipe.NewDoubleBarrier(s.session(s.client), s.key("double"), 2)
	two := recipe.NewDoubleBarrier(s.session(s.another()), s.key("double"), 2)
	first := later(one.Enter)
	s.say("two enters: %s", tried(two.Enter()))
	got, _ = next(s, first)
	s.say("one has entered: %s", tried(got))
	first = later(one.Leave)
	s.say("two leaves: %s", tried(two.Leave()))
	got, _ = next(s, first)
	s.say("one has left: %s", tried(got))
}

func readersAndWriters(s *stage) {
	reader := recipe.NewRWMutex(s.session(s.client), s.key("rw"))
	other := recipe.NewRWMutex(s.session(s.another()), s.key("rw"))
	writer := recipe.NewRWMutex(s.session(s.another()), s.key("rw"))
	s.say("read: %s", tried(reader.RLock()))
	s.say("read too: %s", tried(other.RLock()))
	writes := later(writer.Lock)
	s.waitFor(3, "rw/")
	s.say("read no more: %s, %s", tried(reader.RUnlock()), tried(other.RUnlock()))
	got, _ := next(s, writes)
	s.say("write: %s", tried(got))
	s.say("write no more: %s", tried(writer.Unlock()))
}
