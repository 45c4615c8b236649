package storehttp

import (
	"errors"
	"io"
	"net/url"
)

// Opaque returns err, which came from a connection or a file system, in a form that errors.Is does
// not take for io.EOF. A connection that is closed while an answer is waited for ends in it, and it
// must never pass for the end of what is read. Its text and all else that it is stay.
func Opaque(err error) error {
	if err == nil || !errors.Is(err, io.EOF) {
		return err
	}
	return opaque{err}
}

// opaque has no Unwrap: errors.Is would find io.EOF through it.
type opaque struct{ err error }

func (e opaque) Error() string { return e.err.Error() }

func (e opaque) Is(target error) bool { return target != io.EOF && errors.Is(e.err, target) }

func (e opaque) As(target any) bool { return errors.As(e.err, target) }

// Plain returns err without the request that net/http puts before it: stores name the object.
func Plain(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}
