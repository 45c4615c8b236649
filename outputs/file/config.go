package file

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/outputs/lines"
)

// Config is the configuration of the output "file".
type Config struct {
	Path   string `hcl:"path" path:"write" doc:"The file; its directory is created when needed."`
	Format string `hcl:"format,optional" oneof:"raw|ndjson|full" doc:"How a record is written: its value, its value as JSON, or a JSON object with all of it."`
	Sync   bool   `hcl:"sync,optional" doc:"Whether records are synced to disk before they count as delivered."`
	Rotate Rotate `hcl:"rotate,block" doc:"When a new file is begun."`
}

// Rotate says when a new file is begun and what becomes of the old one.
type Rotate struct {
	Size     int64         `hcl:"size,optional" unit:"bytes" doc:"Size after which a new file is begun; 0 for never."`
	Age      time.Duration `hcl:"age,optional" doc:"Time after the file was begun at which a new one is, if anything is written; 0s for never."`
	Keep     int           `hcl:"keep,optional" doc:"How many rotated files are kept; 0 for all."`
	Compress bool          `hcl:"compress,optional" doc:"Whether rotated files are compressed with gzip."`
}

// Default returns the defaults.
func Default() Config {
	return Config{Format: string(lines.Raw), Sync: true, Rotate: Rotate{Size: 128 << 20}}
}

// Validate reports what is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("path: must not be empty"))
	}
	if err := lines.Format(c.Format).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("format: %w", err))
	}
	if c.Rotate.Size < 0 {
		errs = append(errs, errors.New("rotate.size: must not be negative"))
	}
	if c.Rotate.Age < 0 {
		errs = append(errs, errors.New("rotate.age: must not be negative"))
	}
	if c.Rotate.Keep < 0 {
		errs = append(errs, errors.New("rotate.keep: must not be negative"))
	}
	return errors.Join(errs...)
}
