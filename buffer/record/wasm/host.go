package wasm

import (
	"errors"
	"time"
)

// ErrTime is in the chain of an error of a module that takes longer than it may.
var ErrTime = errors.New("the module did not end within the time limit")

// Limits are what a module may use.
type Limits struct {
	Memory int64         // bytes, of each instance
	Time   time.Duration // for one call
}

// Host gives a module the fields of the batch that it works on.
type Host interface {
	// Field returns the JSON text of a field of the record at place i.
	Field(i int, path string) (raw []byte, ok bool)
	// SetField sets a field to a JSON text, which it copies.
	SetField(i int, path string, raw []byte) bool
}
