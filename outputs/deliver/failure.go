package deliver

import "github.com/penstock/penstock/outputs"

// Failure tells what fails on the way to the destination: what the drain loop has seen of it, or
// what the writer sees while it holds on to a batch.
func (s *Sender) Failure() outputs.Failure {
	since, text, do := s.Failing.State()
	t := outputs.Failure{
		Since: since, Error: text, Do: do, HasAnswered: s.Failing.HasAnswered(),
	}
	own, ok := s.Closer.(outputs.FailureReporter)
	if !ok {
		return t
	}
	o := own.Failure()
	switch {
	case o.Since.IsZero():
		return t
	case !t.Since.IsZero() && t.Since.Before(o.Since):
		o.Since = t.Since
	}
	return o
}
