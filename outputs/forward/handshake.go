package forward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/penstock/penstock/network/wire"
)

var errRefused = errors.New("handshake refused")

// handshakeError is a handshake that came to nothing: what that means, and what to do about it.
type handshakeError struct {
	err error
	do  string
}

func (e *handshakeError) Error() string { return e.err.Error() + ": " + e.do }
func (e *handshakeError) Unwrap() error { return e.err }

// stage is how far a handshake got.
type stage uint8

const (
	atHello stage = iota // nothing was sent yet
	atPing               // the client has proved itself, or tried to
)

const sameKey = "set the same shared_key on both sides"

// broken explains a handshake that ended with err and without an answer. Servers mostly say why
// only in their own log: fluent-bit closes the connection for a wrong key, fluentd waits for ever
// where it has no security section.
func (s *server) broken(at stage, err error) error {
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	tls := "or it speaks TLS: give this output a tls block"
	if s.tls != nil {
		tls = "or it lets in no client with this certificate"
	}
	var what, do string
	var late net.Error
	switch {
	case at == atHello && closed:
		what = "the server closed the connection before its HELO"
		do = "see whether it is a forward server that lets this host in, " + tls
	case at == atHello && errors.As(err, &late) && late.Timeout():
		what = "the server sends no HELO"
		do = "it probably asks for no shared key: remove shared_key here or set it there, " + tls
	case at == atHello && errors.Is(err, wire.ErrMalformed):
		what = "the server says something else than HELO"
		do = "see whether it is a forward server, " + tls
	case at == atPing && closed:
		what = "the server closed the connection on our PING"
		do = "it probably has another shared_key, or does not know the user and password: " +
			"set the same on both sides; its own log says which (fluent-bit: \"shared_key mismatch\")"
	default:
		return fmt.Errorf("handshake: %w", err)
	}
	return &handshakeError{err: fmt.Errorf("handshake: %s: %w", what, err), do: do}
}

// refused explains a server's no.
func refused(reason string) error {
	return &handshakeError{err: fmt.Errorf("%w: %s", errRefused, reason),
		do: "check shared_key, user and password, and whether the server lets this host in"}
}

// advice says what to do about err.
func advice(err error) string {
	var h *handshakeError
	switch {
	case errors.As(err, &h):
		return h.do
	case errors.Is(err, errTimedOut):
		return "see whether the server hangs, or its buffer is full"
	}
	return "see whether the server is up and can be reached"
}
