package kafka

import (
	"maps"
	"slices"
	"sync"
)

// leases are the partitions that a session has at present.
type leases struct {
	wg sync.WaitGroup // of those whose handles run

	mu   sync.Mutex // guards what follows, and is held while a lease takes another's place
	held map[partition]*Lease
	last map[partition]chan struct{} // closed when the last handle of a partition has returned
}

func newLeases() leases {
	return leases{held: map[partition]*Lease{}, last: map[partition]chan struct{}{}}
}

func (s *leases) all() []*Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.held))
}

func (s *leases) byPartition() map[partition]*Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.held)
}

func (s *leases) has(p partition, l *Lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[p] == l
}

// put makes l the lease of p, and returns what is closed once the one before has come to its end;
// nil if there was none. Caller holds mu.
func (s *leases) put(p partition, l *Lease) (before chan struct{}) {
	before = s.last[p]
	s.held[p], s.last[p] = l, l.done
	return before
}

// take removes the leases of partitions, and returns them. Caller holds mu.
func (s *leases) take(parts map[string][]int32) (out []*Lease) {
	for topic, nums := range parts {
		for _, n := range nums {
			p := partition{topic, n}
			if l := s.held[p]; l != nil {
				out = append(out, l)
				delete(s.held, p)
			}
		}
	}
	return out
}
