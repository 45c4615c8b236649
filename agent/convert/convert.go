package convert

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/filebeat"
	"github.com/penstock/penstock/agent/convert/fluentbit"
	"github.com/penstock/penstock/agent/convert/fluentd"
	"github.com/penstock/penstock/agent/convert/flume"
	"github.com/penstock/penstock/agent/convert/kit"
	"github.com/penstock/penstock/agent/convert/logstash"
	"github.com/penstock/penstock/agent/convert/promtail"
	"github.com/penstock/penstock/agent/convert/rsyslog"
	"github.com/penstock/penstock/agent/convert/secor"
	"github.com/penstock/penstock/agent/convert/vector"
)

// Tool is another tool whose configurations can be read.
type Tool struct {
	Name string
	Doc  string

	convert func(files []string, from kit.Reader) (*draft.Draft, error)
	syntax  func(file string, src []byte) syntax
}

// Tools returns all of them.
func Tools() []Tool {
	return []Tool{
		{"filebeat", "Filebeat's configuration, with its processors", filebeat.Convert, yaml},
		{
			"fluent-bit",
			"fluent-bit's configuration, classic or YAML, with its parsers",
			fluentbit.Convert,
			classic,
		},
		{
			"fluentd",
			"fluentd's configuration, of v0.12 or v1, with what it includes",
			fluentd.Convert,
			fluent,
		},
		{
			"flume",
			"the properties of Flume agents",
			flume.Convert,
			properties,
		},
		{"logstash", "the files of one Logstash pipeline, which count as one", logstash.Convert, script},
		{"promtail", "promtail's configuration", promtail.Convert, yaml},
		{"rsyslog", "rsyslog's configuration: imfile, omkafka and the like", rsyslog.Convert, script},
		{"secor", "Secor's properties, with what they include", secor.Convert, properties},
		{"vector", "Vector's configuration, TOML or YAML, with its VRL", vector.Convert, vrl},
	}
}

// Result is a configuration of penstock, and what became of the one it was made of.
type Result struct {
	HCL   []byte
	Notes []draft.Note
}

// Convert reads the files of a tool. An error means that they could not be read; all else is in the
// result.
func Convert(tool string, files []string) (*Result, error) {
	return ConvertFrom(tool, files, os.ReadFile)
}

// ConvertFrom is Convert by a reader.
func ConvertFrom(tool string, files []string, reader kit.Reader) (*Result, error) {
	from := func(path string) ([]byte, error) {
		text, err := reader(path)
		return bytes.TrimPrefix(text, []byte("\ufeff")), err // as some editors begin files
	}
	var names []string
	for _, t := range Tools() {
		if t.Name == tool {
			d, err := t.convert(files, from)
			if err != nil {
				return nil, err
			}
			d.Unverified()
			d.Split()
			if err := mend(d); err != nil {
				return nil, err
			}
			remarks, err := comments(d, files, from, t.syntax)
			if err != nil {
				return nil, err
			}
			d.Remarks(remarks)
			return &Result{d.Bytes(), d.Notes()}, nil
		}
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("%q is none of %s", tool, strings.Join(names, ", "))
}

// Complete reports whether all that decides where data goes was carried over.
func (r *Result) Complete() bool {
	return !slices.ContainsFunc(r.Notes, func(n draft.Note) bool { return n.Decides })
}

// WriteSummary prints what was changed and left out, and counts it all.
func (r *Result) WriteSummary(w io.Writer) {
	counts := map[draft.Fate]int{}
	for _, n := range r.Notes {
		counts[n.Fate]++
		if n.Fate == draft.Carried {
			continue
		}
		word := "changed"
		switch {
		case n.Decides:
			word = "LEFT OUT"
		case n.Fate == draft.Left:
			word = "left out"
		}
		place := n.Place.String()
		if place != "" {
			place += ": "
		}
		fmt.Fprintf(w, "%s%s: %s: %s\n", place, word, oneLine(n.What), n.Why)
	}
	fmt.Fprintf(
		w, "carried %d, changed %d, left out %d\n", counts[draft.Carried], counts[draft.Changed],
		counts[draft.Left],
	)
	if !r.Complete() {
		fmt.Fprintln(
			w,
			"What is LEFT OUT in capitals decides where data goes: write it before you run this.",
		)
	}
}

// oneLine makes the old text fit for a line, without the passwords of URLs.
func oneLine(s string) string {
	s = config.RedactURLs(strings.Join(strings.Fields(s), " "))
	if len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "") + "..."
	}
	return s
}
