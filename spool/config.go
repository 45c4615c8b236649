package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/spool/format"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// Config is what the archiver adds to the configuration of an output that is an object store.
type Config struct {
	partition.Config

	OnNull      string            `hcl:"on_null,optional" oneof:"dead_letter|skip" doc:"What becomes of records with a null value (tombstones) that the path or the format cannot hold: a dead letter like any other such record, or left out and counted. The ndjson envelope holds them. What a filter refuses is a dead letter all the same."`
	FileName    template.Template `hcl:"file_name,optional" doc:"Name of the objects: a template over log, topic, partition, agent, start and end (positions of 20 digits), ext, format_ext and compression_ext. Eight digits before the extensions tell the log's life from that of a topic, or a buffer, of the same name that was deleted and made again."`
	Compression string            `hcl:"compression,optional" oneof:"none|gzip|zstd|snappy|lz4|bzip2" doc:"Compression of the objects, or of the blocks and pages in them for avro and parquet."`
	Format      *format.Config    `hcl:"format,block" doc:"Format of the objects; ndjson without one."`
	Decode      *decode.Config    `hcl:"decode,block" doc:"What the values of records are; json without one."`
	Roll        RollConfig        `hcl:"roll,block" doc:"When a cut is made; whichever comes first."`
	Spool       BudgetConfig      `hcl:"spool,block" doc:"What the working files of all logs may take together."`
	Upload      UploadConfig      `hcl:"upload,block" doc:"How objects are uploaded."`
	Success     *SuccessConfig    `hcl:"success,block" doc:"Marks time partitions that are complete, and tells others."`
}

// RollConfig says when a cut is made.
type RollConfig struct {
	Size       int64         `hcl:"size,optional" unit:"bytes" doc:"Size of the largest object of the cut, as it is stored."`
	Age        time.Duration `hcl:"age,optional" doc:"Time since the first record of the cut was read; new objects do not reset it."`
	Idle       time.Duration `hcl:"idle,optional" doc:"Time without a new record at the end of a log, ten times that where a log has more but gives nothing (a broker that is away, a transaction left open); flushes the tail of an idle log. 0 turns it off."`
	Records    int64         `hcl:"records,optional" doc:"Number of records in the cut; 0 for no limit."`
	Minutes    []string      `hcl:"minute_marks,optional" doc:"Minutes of the hour at which a cut is made, such as [\"00\", \"30\"]."`
	OnShutdown bool          `hcl:"on_shutdown,optional" doc:"Makes a cut when the agent stops, instead of leaving the records to be read again."`
}

// BudgetConfig bounds the working files.
type BudgetConfig struct {
	Memory    int64 `hcl:"memory,optional" unit:"bytes" doc:"Memory for records that are not in a working file yet; what is over it is written there."`
	Disk      int64 `hcl:"disk,optional" unit:"bytes" doc:"Disk for working files; at the limit the largest log makes a cut. A cut that has to be made again may go beyond, one at a time."`
	OpenFiles int   `hcl:"open_files,optional" doc:"Working files that are open at once; others are closed, and opened again."`
}

// UploadConfig says how objects are uploaded.
type UploadConfig struct {
	Parallel        int           `hcl:"parallel,optional" doc:"Objects that are uploaded at once."`
	ShutdownTimeout time.Duration `hcl:"shutdown_timeout,optional" doc:"How long a cut on shutdown may take, or one that is being stored when a reload replaces the output; what is not stored by then is read again."`
}

// Default returns the presets.
func Default() Config {
	return Config{
		Config:      partition.Default(),
		OnNull:      "dead_letter",
		FileName:    template.MustParse("${log}_${start}-${end}${ext}"),
		Compression: "gzip",
		Roll:        RollConfig{Size: 128 << 20, Age: time.Hour, Idle: 10 * time.Minute},
		Spool:       BudgetConfig{Memory: 64 << 20, Disk: 20 << 30, OpenFiles: 64},
		Upload:      UploadConfig{Parallel: 16, ShutdownTimeout: 20 * time.Second},
	}
}

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := newNamer(c, "agent"); err != nil {
		errs = append(errs, err)
	}
	if c.OnNull != "dead_letter" && c.OnNull != "skip" {
		bad("on_null: must be dead_letter or skip, not %q", c.OnNull)
	}
	if c.Format != nil {
		errs = append(errs, under("format", c.Format.Validate()))
	}
	if c.Decode != nil {
		errs = append(errs, under("decode", c.Decode.Validate()))
	}
	if c.Success != nil {
		errs = append(errs, under("success", c.Success.Validate()))
	}
	if errors.Join(errs...) == nil {
		if _, err := c.codec(); err != nil {
			errs = append(errs, err)
		}
	}
	r := &c.Roll
	if r.Size < 0 || r.Age < 0 || r.Idle < 0 || r.Records < 0 {
		bad("roll: limits must not be negative")
	}
	if r.Size == 0 && r.Age == 0 && r.Idle == 0 && r.Records == 0 && len(r.Minutes) == 0 {
		bad(
			"roll: at least one of size, age, idle, records and minute_marks must be set, or nothing is ever archived",
		)
	}
	if _, err := parseMarks(r.Minutes); err != nil {
		bad("roll.minute_marks: %w", err)
	}
	if c.Spool.Memory < 4<<20 {
		bad("spool.memory: must be at least 4MiB")
	}
	if c.Spool.Disk < 16<<20 {
		bad("spool.disk: must be at least 16MiB")
	}
	if c.Spool.OpenFiles < 2 {
		bad("spool.open_files: must be at least 2")
	}
	if c.Upload.Parallel < 1 {
		bad("upload.parallel: must be at least 1")
	}
	if c.Upload.ShutdownTimeout <= 0 {
		bad("upload.shutdown_timeout: must be more than 0")
	}
	return errors.Join(errs...)
}

// layoutVersion is part of the configuration's hash: it changes when another program version would
// put the same records into other objects.
const layoutVersion = 1

// hash covers all settings that decide which object a record is in and what it looks like there.
// Members of one group have the same, whatever they are called, unless names are made of that.
func (c *Config) hash(agent, formatFingerprint, logFingerprint string) string {
	if !c.usesAgent() {
		agent = ""
	}
	part := c.Config
	tmpl := func(t template.Template) string { return t.String() }
	late := ""
	if part.Late != nil {
		late = part.Late.After.String() + " " + tmpl(part.Late.Path)
	}
	b, err := json.Marshal(
		[]any{
			layoutVersion,
			agent,
			tmpl(part.Path),
			part.Timezone,
			part.Time,
			late,
			part.OnMissing,
			part.DefaultPartition,
			tmpl(
				part.DeadLetterPath,
			),
			part.Delimiter,
			tmpl(c.FileName),
			formatFingerprint,
			logFingerprint,
			c.OnNull,
		},
	)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// usesAgent reports whether object names depend on which agent makes them.
func (c *Config) usesAgent() bool {
	all := append(
		slices.Clone(c.Path.Parts),
		append(slices.Clone(c.FileName.Parts), c.DeadLetterPath.Parts...)...)
	if c.Late != nil {
		all = append(all, c.Late.Path.Parts...)
	}
	return slices.ContainsFunc(all, func(p template.Part) bool { return p.Uses("agent") })
}

// under puts an attribute path before each of the joined errors.
func under(path string, err error) error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range many.Unwrap() {
			out = append(out, under(path, e))
		}
		return errors.Join(out...)
	}
	return fmt.Errorf("%s.%w", path, err)
}

// codec is what the configuration makes of values: where fields are found, and the formats of rows
// and of dead letters.
type codec struct {
	fields partition.Fields
	rows   format.Format
	dead   format.Format
	header []byte // of each file of rows
	split  format.Splitter

	showsTime bool // a row holds the record's own time
	alone     bool // rows are made without asking anybody, such as a registry of schemas
}

// pathFields returns the fields that stand in the path of objects.
func (c *Config) pathFields() []string {
	var out []string
	for _, p := range c.Path.Parts {
		if p.Name == "field" && len(p.Args) > 0 {
			out = append(out, dialect.JoinNames(dialect.Nested(p)))
		}
	}
	return out
}

func (c *Config) codec() (*codec, error) {
	dc, fc := decode.Default(), format.Default()
	if c.Decode != nil {
		dc = *c.Decode
	}
	if c.Format != nil {
		fc = *c.Format
	}
	if fc.OmitPathFields {
		fc.Omit = append(slices.Clone(fc.Omit), c.pathFields()...)
	}
	dec, err := decode.New(dc)
	if err != nil {
		return nil, under("decode", err)
	}
	out := &codec{showsTime: fc.Envelope || fc.Metadata, alone: dc.Type == "json"}
	framed := dc.Frame != "" && dc.Frame != "none"
	switch {
	case dc.Type == "json" && !framed:
		out.fields = partition.JSONFields
	case dc.Type == "msgpack" && !framed && !c.Config.WantsJSON():
		out.fields = partition.MessagePackFields
	default:
		out.fields = partition.DecodedFields(dec)
	}
	if out.rows, err = format.New(fc, c.Compression, dec); err != nil {
		return nil, under("format", err)
	}
	if out.header, err = out.rows.AppendHeader(nil); err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	out.split, _ = out.rows.(format.Splitter)
	lines := format.Default()
	lines.Type = "raw"
	if out.dead, err = format.New(lines, c.Compression, dec); err != nil {
		return nil, err
	}
	return out, nil
}
