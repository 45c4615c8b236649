package partition

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/buffer/record/timefmt"
)

// Config says where records go.
type Config struct {
	Path     template.Template `hcl:"path,optional" doc:"Path of the objects below the prefix: a template (penstock help templates) that knows topic, partition, regex(\"...\") and column(N) beside the names of all templates. Expressions see what decode makes of the value."`
	Timezone string            `hcl:"timezone,optional" doc:"Time zone in which strftime shows the event time, such as \"UTC\" or \"Europe/Berlin\"."`
	Time     TimeConfig        `hcl:"time,block" doc:"Where a record's event time comes from."`
	Late     *LateConfig       `hcl:"late,block" doc:"Sends records that come long after their event time to a path of their own."`

	OnMissing        string            `hcl:"on_missing,optional" oneof:"dead_letter|default|stop" doc:"What becomes of a record without a usable time or field that its path needs: a dead-letter object with its coordinates, the default partition, or nothing until a person has looked."`
	DefaultPartition string            `hcl:"default_partition,optional" doc:"Stands for what is missing when on_missing is \"default\"."`
	DeadLetterPath   template.Template `hcl:"dead_letter_path,optional" doc:"Path of dead-letter objects: a template over topic, partition, tag, tag[N], origin and agent, also in expr(\"...\")."`
	Delimiter        string            `hcl:"delimiter,optional" doc:"What parts the columns of delimited values."`
}

// TimeConfig says where a record's event time comes from.
type TimeConfig struct {
	Field    string `hcl:"field,optional" doc:"Field that holds the event time, nested names joined by dots; without it the time of the record itself is taken."`
	Column   int    `hcl:"column,optional" doc:"Column of a delimited value that holds the event time, the first being 1."`
	Regex    string `hcl:"regex,optional" doc:"Regular expression over the value whose group \"time\", or first group, is the event time."`
	Header   string `hcl:"header,optional" doc:"Header that holds the event time."`
	Format   string `hcl:"format,optional" doc:"How the time is written: auto, iso8601, rfc1123, epoch (unit told by magnitude), epoch_s, epoch_ms, epoch_us, epoch_ns, or a strftime pattern. A year or a date that the pattern lacks is the one closest to the record's own time."`
	Timezone string `hcl:"timezone,optional" doc:"Time zone of times that are written without one."`
	Earliest string `hcl:"earliest,optional" doc:"Times before this one, in RFC 3339, are taken to be unusable."`
	Default  string `hcl:"default,optional" doc:"Time, in RFC 3339, that a record without a usable one is filed under when on_missing is \"default\", such as \"1970-01-01T00:00:00Z\" for dt=1970-01-01/hr=00; without it default_partition stands for each part of the path that shows time."`
	Latest   string `hcl:"latest,optional" doc:"Times after this one, in RFC 3339, are taken to be unusable."`
}

// LateConfig is the path of late records.
type LateConfig struct {
	After time.Duration     `hcl:"after" doc:"How much later than its event time a record's own time (Kafka's timestamp) has to be."`
	Path  template.Template `hcl:"path" doc:"Path of late records, with the same variables as path."`
}

// Default returns the presets: by hour, in UTC, by the time of the record.
func Default() Config {
	return Config{
		Path: template.MustParse(
			`${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}`,
		),
		Timezone: "UTC",
		Time: TimeConfig{
			Format:   "auto",
			Timezone: "UTC",
			Earliest: "2000-01-01T00:00:00Z",
			Latest:   "2200-01-01T00:00:00Z",
		},
		OnMissing:        "dead_letter",
		DefaultPartition: "__HIVE_DEFAULT_PARTITION__",
		DeadLetterPath:   template.MustParse("_dead_letter/${topic}"),
		Delimiter:        "\t",
	}
}

// DeadLetterPrefix returns what the keys of all dead-letter objects begin with; "" if they have
// nothing in common.
func (c *Config) DeadLetterPrefix() string {
	parts := c.DeadLetterPath.Parts
	switch {
	case len(parts) == 0 || parts[0].Name != "":
		return ""
	case len(parts) == 1:
		_, path := untilVariable([]byte(parts[0].Literal))
		return path + "/"
	}
	prefix, _ := untilVariable(append([]byte(parts[0].Literal), variable))
	return prefix
}

// WantsJSON reports whether an expression looks into values: it knows JSON alone.
func (c *Config) WantsJSON() bool {
	parts := c.Path.Parts
	if c.Late != nil {
		parts = append(slices.Clone(parts), c.Late.Path.Parts...)
	}
	return slices.ContainsFunc(parts, usesValue)
}

func usesValue(p template.Part) bool {
	return p.Expression != nil && (p.Uses("value") || p.Uses("field"))
}

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "Local" {
		bad(
			"timezone: must be a name of the time zone database such as \"Europe/Berlin\", not %q",
			c.Timezone,
		)
	}
	t := &c.Time
	if loc, err := time.LoadLocation(t.Timezone); err != nil || t.Timezone == "Local" {
		bad(
			"time.timezone: must be a name of the time zone database such as \"Europe/Berlin\", not %q",
			t.Timezone,
		)
	} else if _, err := timefmt.New(t.Format, loc); err != nil {
		bad("time.format: %w", err)
	}
	sources := 0
	for _, set := range []bool{t.Field != "", t.Column != 0, t.Regex != "", t.Header != ""} {
		if set {
			sources++
		}
	}
	if sources > 1 {
		bad("time: field, column, regex and header exclude each other")
	}
	if t.Column < 0 {
		bad("time.column: must be 1 or more, not %d", t.Column)
	}
	if t.Regex != "" {
		if re, err := regexp.Compile(t.Regex); err != nil {
			bad("time.regex: %w", err)
		} else if re.NumSubexp() == 0 {
			bad("time.regex: must have a group, such as (?P<time>\\S+)")
		}
	}
	first, err := time.Parse(time.RFC3339, t.Earliest)
	if err != nil {
		bad("time.earliest: must be a time such as \"2000-01-01T00:00:00Z\", not %q", t.Earliest)
	}
	last, err2 := time.Parse(time.RFC3339, t.Latest)
	if err2 != nil {
		bad("time.latest: must be a time such as \"2200-01-01T00:00:00Z\", not %q", t.Latest)
	}
	if t.Default != "" {
		if _, err := time.Parse(time.RFC3339, t.Default); err != nil {
			bad("time.default: must be a time such as \"1970-01-01T00:00:00Z\", not %q", t.Default)
		}
		if c.OnMissing != "default" {
			bad("time.default: is used only with on_missing = \"default\"")
		}
	}
	if err == nil && err2 == nil && !first.Before(last) {
		bad("time.latest: must be after time.earliest")
	}
	if l := c.Late; l != nil {
		if l.After <= 0 {
			bad("late.after: must be more than 0")
		}
		if l.Path.IsZero() {
			bad("late.path: must not be empty")
		}
	}
	if c.DefaultPartition == "" {
		bad("default_partition: must not be empty")
	}
	if c.Delimiter == "" {
		bad("delimiter: must not be empty")
	}
	if errs == nil {
		if _, err := New(*c, "agent", nil); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
