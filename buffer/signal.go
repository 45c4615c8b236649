package buffer

// signal tells whoever waits now that something has changed. It holds a channel only while somebody
// waits. Buffer.mu guards it; the channel is received from without the lock.
type signal struct{ ch chan struct{} }

// wait returns a channel that the next fire closes.
func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
