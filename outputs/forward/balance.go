package forward

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
)

// balance decides which server a chunk goes to, by weight. Safe for concurrent use.
type balance struct {
	all []*server

	mu    sync.Mutex
	order []*server // each server as often as its reduced weight says, shuffled
	next  int
}

func newBalance(all []*server) *balance {
	b := &balance{all: all}
	b.rebuild()
	return b
}

// rebuild takes account of servers that went down or came up. Standby servers stand in for the
// weight that is lost, in the order in which they are listed.
func (b *balance) rebuild() {
	b.mu.Lock()
	defer b.mu.Unlock()
	lost := 0
	var in []*server
	for _, s := range b.all {
		switch {
		case s.cfg.Standby || s.cfg.Weight == 0:
		case s.isDown():
			lost += s.cfg.Weight
		default:
			in = append(in, s)
		}
	}
	for _, s := range b.all {
		if s.cfg.Standby && lost > 0 && !s.isDown() {
			in = append(in, s)
			lost -= s.cfg.Weight
		}
	}
	divisor := 0
	for _, s := range in {
		divisor = gcd(divisor, s.cfg.Weight)
	}
	b.order = b.order[:0]
	for _, s := range in {
		times := 1
		if divisor > 0 {
			times = s.cfg.Weight / divisor
		}
		for range times {
			b.order = append(b.order, s)
		}
	}
	// The same shuffle every time: what goes where changes only as servers do.
	rand.New(rand.NewPCG(1, uint64(len(b.order)))).Shuffle(len(b.order), func(i, j int) {
		b.order[i], b.order[j] = b.order[j], b.order[i]
	})
	if b.next >= len(b.order) {
		b.next = 0
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// turn returns the servers to try for a chunk, the chosen one first, then the others that are up,
// then those that are down. An attempt at a server that is down costs less than giving up. A
// non-empty origin makes the choice depend on it alone.
func (b *balance) turn(origin string) []*server {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*server, 0, len(b.all))
	if n := len(b.order); n > 0 {
		at := b.next
		if origin != "" {
			h := fnv.New32a()
			h.Write([]byte(origin))
			at = int(h.Sum32() % uint32(n))
		} else {
			b.next = (b.next + 1) % n
		}
		for i := range n {
			out = appendNew(out, b.order[(at+i)%n])
		}
	}
	for _, down := range []bool{false, true} {
		for _, s := range b.all {
			if s.isDown() == down {
				out = appendNew(out, s)
			}
		}
	}
	return out
}

func appendNew(list []*server, s *server) []*server {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
