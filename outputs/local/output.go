package local

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

// New returns an output that archives logs into a directory. It opens no connection: a store that
// is down does not stop the start.
func New(cfg Config, env outputs.Env) (*spool.Output, error) {
	store, err := NewStore(cfg.StoreConfig)
	if err != nil {
		return nil, err
	}
	return spool.NewOutput(cfg.Config, store, spool.Env(env))
}
