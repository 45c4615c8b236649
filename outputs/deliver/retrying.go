package deliver

import "sync"

// retrying counts the batches that failed and are tried again. While there are any, that others
// are taken does not mean that all works.
type retrying struct {
	mu      sync.Mutex
	batches int
}

// tell logs how an attempt at a batch ended with err. isRetried tells whether the batch counts as
// one that is tried again; it belongs to the caller, who calls forget in the end.
func (s *Sender) tell(isRetried *bool, v verdict, err error) {
	s.retrying.mu.Lock()
	defer s.retrying.mu.Unlock()
	s.retrying.count(isRetried, v.rest != nil)
	switch {
	case v.rest != nil:
		s.Failing.Failed(err)
	case s.retrying.batches == 0:
		s.Failing.Worked()
	}
}

// forget notes that a batch is not tried again, whatever has become of it.
func (s *Sender) forget(isRetried *bool) {
	s.retrying.mu.Lock()
	defer s.retrying.mu.Unlock()
	s.retrying.count(isRetried, false)
}

func (r *retrying) count(counts *bool, is bool) {
	switch {
	case is && !*counts:
		r.batches++
	case !is && *counts:
		r.batches--
	}
	*counts = is
}
