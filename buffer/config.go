package buffer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/prometheus/client_golang/prometheus"
)

// WhenFull is what happens at max_size and at the free-space floor.
type WhenFull int

const (
	Block WhenFull = iota // appends wait: the back-pressure reaches the inputs
	// appends wait, and outputs with a failover see by Fill that they should move data away
	Overflow
	DropOldest // whole segments are dropped from the old end, counted
)

// Options say how a buffer behaves. The zero value of a field means its default; Sync has none, so
// see DefaultOptions.
type Options struct {
	MaxSize     int64 // disk to use at most, bytes; 0: no limit but MinFree
	SegmentSize int64 // bytes; at most an eighth of MaxSize
	MinFree     int64 // free space to leave on the file system, bytes
	Sync        bool  // acknowledge only what the disk has
	FlushBytes  int64 // bytes of encoded batches that make a group
	// shortest time between two commits while there is less than FlushBytes to write
	FlushInterval time.Duration
	Codec         record.Codec // None, Snappy, LZ4 or Zstd
	WhenFull      WhenFull
	Spill         bool // AppendReplayable keeps batches in memory while cursors keep up
	// how long what nobody waits for may wait for company; 0: not at all
	Latency time.Duration

	// Open even where the disk has no room for a segment, if there is something to be read. What is
	// to be stored waits for room, positions of cursors included.
	OpenFull bool

	Log     *slog.Logger          // nil: silent
	Metrics prometheus.Registerer // nil: none

	// For tests.
	window  int64            // instead of windowBytes
	age     time.Duration    // instead of spillAge
	within  time.Duration    // instead of advanceWithin
	noBooks bool             // count nothing
	every   time.Duration    // instead of stateEvery
	retry   time.Duration    // instead of retryWrite
	clock   func() time.Time // of the books, instead of time.Now
	onStage func(stage string)
	disk    disk
}

// DefaultOptions returns the options that Default's Config stands for.
func DefaultOptions() Options {
	c := Default()
	return c.Options()
}

func (o *Options) fill() {
	def := DefaultOptions()
	if o.SegmentSize <= 0 {
		o.SegmentSize = def.SegmentSize
	}
	if o.MaxSize > 0 {
		o.SegmentSize = min(o.SegmentSize, o.MaxSize/8)
	}
	o.SegmentSize = max(o.SegmentSize, 1<<20)
	if o.FlushBytes <= 0 {
		o.FlushBytes = def.FlushBytes
	}
	if o.FlushInterval <= 0 {
		o.FlushInterval = def.FlushInterval
	}
	if o.window <= 0 {
		o.window = windowBytes
	}
	if o.age <= 0 {
		o.age = spillAge
	}
	if o.within <= 0 {
		o.within = advanceWithin
	}
	if o.every <= 0 {
		o.every = stateEvery
	}
	if o.retry <= 0 {
		o.retry = retryWrite
	}
	if o.clock == nil {
		o.clock = time.Now
	}
	if o.onStage == nil {
		o.onStage = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// chunk is how far ahead of the writing disk is allocated.
func (o *Options) chunk() int64 { return min(max(o.SegmentSize/8, 256<<10), 16<<20) }

// limit is MaxSize less what a buffer takes beyond its segments' data: what is allocated ahead, and
// Badger's own files of the head and of the next segment.
func (o *Options) limit() int64 {
	return max(o.MaxSize-o.chunk()-2*headFootprint, o.MaxSize/2)
}

// Config is the block `buffer` of a pipeline.
type Config struct {
	MaxSize       int64         `hcl:"max_size,optional" unit:"bytes" doc:"Disk the buffer may use; 0 means no limit but min_free."`
	SegmentSize   int64         `hcl:"segment_size,optional" unit:"bytes" doc:"Size of one segment; disk is given back a segment at a time. At most an eighth of max_size."`
	MinFree       int64         `hcl:"min_free,optional" unit:"bytes" doc:"Free space to leave on the file system; below it the buffer counts as full."`
	Sync          bool          `hcl:"sync,optional" doc:"Acknowledge only what has been synced to disk, so that a power failure loses nothing."`
	FlushBytes    int64         `hcl:"flush_bytes,optional" unit:"bytes" doc:"Compressed bytes that are written as one group."`
	FlushInterval time.Duration `hcl:"flush_interval,optional" doc:"Shortest time between two commits while less than flush_bytes is waiting; when idle a commit is immediate."`
	Compression   string        `hcl:"compression,optional" oneof:"auto|none|snappy|lz4|zstd" doc:"Compression of batches on disk, and on to Kafka where no filter stands between; auto is what the first Kafka output needs to pass batches on as they are, snappy, lz4 or zstd, and otherwise snappy."`
	WhenFull      string        `hcl:"when_full,optional" oneof:"block|overflow|drop_oldest" doc:"What to do when the buffer is full: block makes inputs wait, overflow makes them wait while outputs move the oldest data to their failover, drop_oldest discards the oldest segment and counts it."`
	Spill         bool          `hcl:"spill,optional" doc:"Tailed files are durable themselves: while the outputs keep up, their lines go to the outputs through memory, and the place in the file is stored once every output has acknowledged them. They are written to disk when an output falls behind by 2s, when a file is rotated, truncated or deleted, and at the stop. What other inputs take in goes to disk first, always."`
}

// Auto is the Compression that depends on the outputs.
const Auto = "auto"

// Default returns the configuration of a pipeline without a buffer block.
func Default() Config {
	return Config{
		MaxSize:       8 << 30,
		SegmentSize:   128 << 20,
		MinFree:       256 << 20,
		Sync:          true,
		FlushBytes:    1 << 20,
		FlushInterval: 5 * time.Millisecond,
		Compression:   Auto,
		WhenFull:      "block",
	}
}

// SetDefaults presets the fields.
func (c *Config) SetDefaults() { *c = Default() }

var whenFullNames = map[string]WhenFull{
	"block":       Block,
	"overflow":    Overflow,
	"drop_oldest": DropOldest,
}

// Validate reports every mistake, each beginning with the attribute's name.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.MaxSize != 0 && c.MaxSize < 16<<20 {
		bad("max_size: must be 0 (no limit) or at least 16MiB, not %d bytes", c.MaxSize)
	}
	if c.SegmentSize < 1<<20 || c.SegmentSize > 1<<30 {
		bad("segment_size: must be from 1MiB to 1GiB, not %d bytes", c.SegmentSize)
	}
	if c.MinFree < 0 {
		bad("min_free: must not be negative")
	}
	if c.FlushBytes < 4<<10 || c.FlushBytes > 64<<20 {
		bad("flush_bytes: must be from 4KiB to 64MiB, not %d bytes", c.FlushBytes)
	}
	if c.FlushInterval < 0 || c.FlushInterval > time.Minute {
		bad("flush_interval: must be from 0s to 1m, not %v", c.FlushInterval)
	}
	if !slices.Contains([]string{Auto, "none", "snappy", "lz4", "zstd"}, c.Compression) {
		bad("compression: must be auto, none, snappy, lz4 or zstd, not %q", c.Compression)
	}
	if _, ok := whenFullNames[c.WhenFull]; !ok {
		bad("when_full: must be block, overflow or drop_oldest, not %q", c.WhenFull)
	}
	if c.WhenFull == "drop_oldest" && c.MaxSize == 0 && c.MinFree == 0 {
		bad("when_full: drop_oldest needs a max_size or min_free to drop at")
	}
	return errors.Join(errs...)
}

// Space returns how much of the file system the buffer may use, and how much it leaves free, in
// bytes; 0 is no bound.
func (c *Config) Space() (use, free int64) { return c.MaxSize, c.MinFree }

// Overflows reports whether a full buffer relies on the failover of the outputs.
func (c *Config) Overflows() bool { return c.WhenFull == "overflow" }

// Drops reports whether a full buffer discards what no output has.
func (c *Config) Drops() bool { return c.WhenFull == "drop_oldest" }

// Options converts a valid configuration.
func (c *Config) Options() Options {
	codec := record.Snappy
	if c.Compression != Auto {
		codec, _ = record.ParseCodec(c.Compression) // Validate has seen it
	}
	return Options{
		MaxSize:       c.MaxSize,
		SegmentSize:   c.SegmentSize,
		MinFree:       c.MinFree,
		Sync:          c.Sync,
		FlushBytes:    c.FlushBytes,
		FlushInterval: c.FlushInterval,
		Codec:         codec,
		WhenFull:      whenFullNames[c.WhenFull],
		Spill:         c.Spill,
	}
}
