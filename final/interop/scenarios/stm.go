package scenarios

import (
	"fmt"
	"strconv"
	"sync"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// stm moves money between three accounts from many goroutines at a time. Additions
// commute, so the balances at the end do not depend on who came first.
func stm(s *stage) {
	for _, account := range []string{"x", "y", "z"} {
		s.put(account, "100")
	}
	for _, level := range []struct {
		name string
		is   concurrency.Isolation
	}{{"serializable snapshot", concurrency.SerializableSnapshot}, {"serializable", concurrency.Serializable}, {"repeatable reads", concurrency.RepeatableReads}} {
		failed := transfers(s, level.is)
		s.say("%s: %d of 24 transfers failed", level.name, failed)
	}
	total := 0
	for _, account := range []string{"x", "y", "z"} {
		r, err := s.client.Get(s.ctx, s.key(account))
		s.must(err)
		balance, err := strconv.Atoi(string(r.Kvs[0].Value))
		s.must(err)
		total += balance
		s.say("%s has %d after %d changes", account, balance, r.Kvs[0].Version)
	}
	s.say("together %d", total)
	r, err := concurrency.NewSTM(s.client, func(concurrency.STM) error { return fmt.Errorf("no money") })
	s.say("given up: %s, no answer %t", tried(err), r == nil)
	_, err = concurrency.NewSTM(s.client, func(m concurrency.STM) error {
		m.Del(s.key("x"))
		m.Put(s.key("new"), "seen inside: "+m.Get(s.key("y")))
		return nil
	})
	s.say("delete and create: %s", tried(err))
	s.get("created", "new")
	s.get("deleted", "x")
}

// transfers runs eight goroutines with three transfers each and returns how many failed.
func transfers(s *stage, level concurrency.Isolation) (failed int) {
	accounts := []string{s.key("x"), s.key("y"), s.key("z")}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 3 {
				from, to := accounts[n%3], accounts[(n+1+i%2)%3]
				_, err := concurrency.NewSTM(s.client, func(m concurrency.STM) error {
					for account, change := range map[string]int{from: -(i + 1), to: i + 1} {
						balance, err := strconv.Atoi(m.Get(account))
						if err != nil {
							return err
						}
						m.Put(account, strconv.Itoa(balance+change))
					}
					return nil
				}, concurrency.WithIsolation(level), concurrency.WithPrefetch(from), concurrency.WithAbortContext(s.ctx))
				if err != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return failed
}
