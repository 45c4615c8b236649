package spool

import (
	"errors"
	"io"
)

// Output archives logs into a store that it owns. Other outputs may use its store for their
// failover or dead letters.
type Output struct {
	*Archiver
	store StoreCloser
}

// StoreCloser is a store with connections or files of its own.
type StoreCloser interface {
	Store
	io.Closer
}

// NewOutput returns an Output, whose store it closes if that fails.
func NewOutput(cfg Config, store StoreCloser, env Env) (*Output, error) {
	archiver, err := NewArchiver(cfg, store, env)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &Output{Archiver: archiver, store: store}, nil
}

// Store returns the object store.
func (o *Output) Store() Store { return o.store }

// Close ends the archiver and closes the store, after all Drains have returned and all users of the
// store have stopped.
func (o *Output) Close() error { return errors.Join(o.Archiver.Close(), o.store.Close()) }
