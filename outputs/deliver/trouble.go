package deliver

import "github.com/penstock/penstock/outputs"

// Trouble tells what fails on the way to the destination: what the drain loop has seen of it, or
// what the writer sees while it holds on to a batch.
func (s *Sender) Trouble() outputs.Trouble {
	t := s.Failing.Trouble()
	own, ok := s.Closer.(outputs.Troubled)
	if !ok {
		return t
	}
	o := own.Trouble()
	switch {
	case o.Since.IsZero():
		return t
	case !t.Since.IsZero() && t.Since.Before(o.Since):
		o.Since = t.Since
	}
	return o
}
