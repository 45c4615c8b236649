package stdout

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/lines"
)

// Config is the configuration of the output "stdout".
type Config struct {
	Format string `hcl:"format,optional" oneof:"raw|ndjson|full" doc:"How a record is printed: its value, its value as JSON, or a JSON object with all of it."`
}

// Default returns the defaults.
func Default() Config { return Config{Format: string(lines.Raw)} }

// Validate reports what is wrong.
func (c *Config) Validate() error {
	if err := lines.Format(c.Format).Validate(); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}

// Output writes batches to standard output, each in one piece. Safe for concurrent use.
type Output struct {
	format lines.Format
	mu     sync.Mutex
	w      io.Writer
	buf    []byte
	rest   []byte // of a batch that was cut off by an error
}

// New returns the output.
func New(cfg Config, _ outputs.Env) (*Output, error) { return newOutput(cfg, os.Stdout), nil }

func newOutput(cfg Config, w io.Writer) *Output {
	return &Output{format: lines.Format(cfg.Format), w: w}
}

// Write implements outputs.Writer. After an error in the middle of a line, the next write finishes
// that line first, so that lines stay whole.
func (o *Output) Write(_ context.Context, b *record.Batch) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	buf, err := o.format.Append(o.buf[:0], b)
	if err != nil {
		return err
	}
	if o.buf = buf; cap(buf) > 8<<20 {
		o.buf = nil
	}
	for len(o.rest) > 0 {
		n, err := o.w.Write(o.rest)
		if o.rest = o.rest[n:]; err != nil {
			return fmt.Errorf("write to standard output: %w", err)
		}
	}
	n, err := o.w.Write(buf)
	if err == nil && n < len(buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		if n > 0 && buf[n-1] != '\n' {
			end := n
			for end < len(buf) && buf[end] != '\n' {
				end++
			}
			o.rest = append([]byte(nil), buf[n:min(end+1, len(buf))]...)
		}
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// Close implements outputs.Writer.
func (o *Output) Close() error { return nil }
