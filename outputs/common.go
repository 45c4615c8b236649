package outputs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/spool"
)

// Common is the part of an output's configuration that every streaming output has, beside its own
// Config.
type Common struct {
	Retry      Retry            `hcl:"retry,block" doc:"How long to wait between attempts; attempts never end."`
	Window     Window           `hcl:"window,block" doc:"How much may be in flight."`
	DeadLetter DeadLetterConfig `hcl:"dead_letter,block" doc:"Where records go that the destination refuses for good."`
	Failover   *Failover        `hcl:"failover,block" doc:"Where records go while the destination is down."`
}

// Retry is capped exponential backoff with full jitter.
type Retry struct {
	Min time.Duration `hcl:"min,optional" doc:"Upper bound of the first wait, doubled after each failure."`
	Max time.Duration `hcl:"max,optional" doc:"Upper bound of every wait."`
}

// Backoff returns the waits, as they are after a success.
func (r Retry) Backoff() fault.Backoff { return fault.Backoff{Min: r.Min, Max: r.Max} }

// Window bounds what is in flight, per log.
type Window struct {
	Bytes   int64 `hcl:"bytes,optional" unit:"bytes" doc:"Uncompressed bytes in flight; no more are read until some are acknowledged."`
	Batches int   `hcl:"batches,optional" doc:"Batches in flight; the same holds."`
	Lanes   int   `hcl:"lanes,optional" doc:"Writes at the same time. Records of one origin share a lane, so that they keep their order. Not used by output kafka."`
}

// DeadLetterConfig says where refused records go. With neither set it is a directory below the
// agent's data directory.
type DeadLetterConfig struct {
	Dir string `hcl:"dir,optional" path:"dir" doc:"A local directory; by default dead-letter/<output> below data_dir."`
	To  string `hcl:"to,optional" ref:"output" doc:"Another output that takes the refused records."`
}

// ArchiveCommon is the part of an archive's configuration that is not about objects.
type ArchiveCommon struct {
	DeadLetter *DeadLetterConfig `hcl:"dead_letter,block" doc:"Where records go that cannot be archived, or that filters refuse, in a form that penstock replay takes back. Without the block they are objects under dead_letter_path, each exactly once; with it, each at least once."`
}

// Validate reports what is wrong; each error begins with the attribute's path.
func (c *ArchiveCommon) Validate() error {
	if d := c.DeadLetter; d != nil && d.Dir != "" && d.To != "" {
		return errors.New("dead_letter.to: use either dir or to")
	}
	return nil
}

// Failover says where records go while the destination is down.
type Failover struct {
	To          string        `hcl:"to" ref:"output" doc:"An object store output (s3, gcs, local) that holds the overflow until it is replayed, or a streaming output that stands by."`
	After       time.Duration `hcl:"after,optional" doc:"How long the destination must have taken nothing before failover begins; each agent takes up to a tenth longer, so that many do not turn to the store at once."`
	AtFill      float64       `hcl:"at_fill,optional" doc:"Share of the buffer in use, 0 to 1, from which its oldest part is moved to the overflow even if the destination works; 0 turns it off. Not used with a standby."`
	Recover     time.Duration `hcl:"recover,optional" doc:"How long the destination must have been healthy before it is used again; each agent takes up to a half longer, so that many do not come back at once."`
	Order       string        `hcl:"order,optional" oneof:"oldest_first|newest_first" doc:"Whether the overflow is replayed before newer records or beside them."`
	AfterReplay string        `hcl:"after_replay,optional" oneof:"delete|keep" doc:"Whether replayed objects are deleted or moved under replayed/."`
	Prefix      string        `hcl:"prefix,optional" doc:"First part of the overflow objects' names."`
	ObjectSize  int64         `hcl:"object_size,optional" unit:"bytes" doc:"Compressed size at which an overflow object is finished; it is held in memory until then."`
	ObjectAge   time.Duration `hcl:"object_age,optional" doc:"Time after which an overflow object is finished at the latest, whatever its size; up to a half sooner by chance, so that many agents do not write to the store at once."`
}

// SetDefaults presets the optional attributes.
func (f *Failover) SetDefaults() {
	*f = Failover{
		After:       30 * time.Second,
		AtFill:      0.8,
		Recover:     30 * time.Second,
		Order:       "oldest_first",
		AfterReplay: "delete",
		Prefix:      "overflow",
		ObjectSize:  16 << 20,
		ObjectAge:   30 * time.Second,
	}
}

func validPrefix(prefix string) error {
	if p := strings.Trim(prefix, "/"); p != "" {
		return spool.CheckKey(p)
	}
	return nil
}

// DefaultCommon returns the defaults.
func DefaultCommon() Common {
	return Common{
		Retry:  Retry{Min: 100 * time.Millisecond, Max: 30 * time.Second},
		Window: Window{Bytes: 16 << 20, Batches: 256, Lanes: 4},
	}
}

// Validate reports everything that is wrong; each error begins with the attribute's path.
func (c *Common) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Retry.Min <= 0 {
		bad("retry.min: must be more than 0s")
	}
	if c.Retry.Max < c.Retry.Min {
		bad("retry.max: must be at least retry.min (%v)", c.Retry.Min)
	}
	if c.Window.Bytes < 1 {
		bad("window.bytes: must be at least 1")
	}
	if c.Window.Batches < 1 || c.Window.Batches > 1<<16 {
		bad("window.batches: must be from 1 to 65536")
	}
	if c.Window.Lanes < 1 || c.Window.Lanes > 1024 {
		bad("window.lanes: must be from 1 to 1024")
	}
	if c.DeadLetter.Dir != "" && c.DeadLetter.To != "" {
		bad("dead_letter.to: use either dir or to")
	}
	if f := c.Failover; f != nil {
		if f.After <= 0 {
			bad("failover.after: must be more than 0s")
		}
		if f.Recover <= 0 {
			bad("failover.recover: must be more than 0s")
		}
		if f.AtFill < 0 || f.AtFill > 1 {
			bad("failover.at_fill: must be from 0 to 1")
		}
		if f.Order != "oldest_first" && f.Order != "newest_first" {
			bad("failover.order: must be oldest_first or newest_first")
		}
		if f.AfterReplay != "delete" && f.AfterReplay != "keep" {
			bad("failover.after_replay: must be delete or keep")
		}
		if f.ObjectSize < 1 || f.ObjectSize > 256<<20 {
			bad(
				"failover.object_size: must be from 1 to 256MiB: an object is held in memory while it is made",
			)
		}
		if f.ObjectAge <= 0 {
			bad("failover.object_age: must be more than 0s")
		}
		if err := validPrefix(f.Prefix); err != nil {
			bad("failover.prefix: %w", err)
		}
	}
	return errors.Join(errs...)
}
