package gcs

import (
	"errors"

	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/spool"
)

// Config is the output's block: where the objects go, and how the archiver makes them.
type Config struct {
	StoreConfig
	spool.Config
}

// Default returns the presets.
func Default() Config { return Config{StoreConfig: DefaultStore(), Config: spool.Default()} }

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	return errors.Join(c.StoreConfig.Validate(), c.Config.Validate())
}

// Output archives logs into a GCS bucket. Other outputs may use its store for their failover or
// dead letters.
type Output struct {
	*spool.Archiver
	store *Store
}

var _ outputs.Output = (*Output)(nil)

// New returns the output. It opens no connection: a store that is down does not stop the start.
func New(cfg Config, env outputs.Env) (*Output, error) {
	store, err := NewStore(cfg.StoreConfig)
	if err != nil {
		return nil, err
	}
	archiver, err := spool.NewArchiver(cfg.Config, store, spool.Env(env))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &Output{Archiver: archiver, store: store}, nil
}

// Store returns the object store.
func (o *Output) Store() spool.Store { return o.store }

// Close ends the archiver and closes the store's connections, after all Drains have returned and
// all users of the store have stopped.
func (o *Output) Close() error { return errors.Join(o.Archiver.Close(), o.store.Close()) }
