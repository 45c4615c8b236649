package inputstest

import (
	"context"
	"net"
	"sync"

	"github.com/penstock/penstock/inputs"
)

// Listener is an input that listens.
type Listener interface {
	inputs.Input
	Addr(context.Context) (net.Addr, error)
}

// Socket is the Driver of an input that listens. It has one connection at a time.
type Socket struct {
	// New returns a new input.
	New func(env inputs.Env) (Listener, error)
	// Write sends values on a connection, and takes the answer where there is one.
	Write func(nc net.Conn, values []string) error

	mu sync.Mutex
	in Listener // the input opened last
	to Listener // what nc is connected to
	nc net.Conn // nil for none
}

// Open implements Driver.
func (s *Socket) Open(env inputs.Env) (inputs.Input, error) {
	in, err := s.New(env)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = in
	return in, nil
}

// Send implements Driver.
func (s *Socket) Send(ctx context.Context, values []string) error {
	nc, err := s.connect(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	if err = s.Write(nc, values); err != nil {
		s.Close()
	}
	return err
}

// Close closes the connection; the next Send makes a new one.
func (s *Socket) Close() {
	if s.nc != nil {
		s.nc.Close()
		s.nc = nil
	}
}

// connect returns the connection to the input opened last.
func (s *Socket) connect(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	in := s.in
	s.mu.Unlock()
	if s.nc != nil && s.to == in {
		return s.nc, nil
	}
	s.Close()
	addr, err := in.Addr(ctx)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, addr.Network(), addr.String())
	if err != nil {
		return nil, err
	}
	s.nc, s.to = nc, in
	return nc, nil
}
