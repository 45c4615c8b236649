package format

import (
	"bytes"
	"fmt"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// lines is what the line formats have in common: rows are lines, and a member is lines, compressed.
type lines struct {
	comp        *compressor
	ext, kind   string
	fingerprint string
}

func (l *lines) Ext() (string, string)                         { return l.ext, l.comp.ext }
func (l *lines) ContentType() string                           { return l.kind }
func (l *lines) Fingerprint() string                           { return l.fingerprint }
func (l *lines) AppendHeader(dst []byte) ([]byte, error)       { return dst, nil }
func (l *lines) AppendMember(dst, rows []byte) ([]byte, error) { return l.comp.append(dst, rows) }

// raw is each value and a line break, the value as it came.
type raw struct {
	lines
	onNewline string
}

func newRaw(c *Config, comp *compressor, _ decode.Decoder) (Format, error) {
	return &raw{
		lines{comp, ".log", "text/plain", c.fingerprint("raw 1", comp.name)},
		c.OnNewline,
	}, nil
}

func (f *raw) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	v := in.Record.Value
	if f.onNewline != "keep" && bytes.IndexByte(v, '\n') >= 0 {
		if f.onNewline == "dead_letter" {
			return dst, errNewline
		}
		for part := range bytes.SplitSeq(v, []byte("\n")) {
			dst = append(append(dst, part...), '\\', 'n')
		}
		return append(dst[:len(dst)-2], '\n'), nil
	}
	return append(append(dst, v...), '\n'), nil
}

// ndjson is one JSON text per line: the value, or an envelope around it.
type ndjson struct {
	lines
	dec      decode.Decoder
	json     decode.Texts // not nil: values are JSON already
	envelope bool
	text     bool // the envelope holds the value as it came
	check    bool
}

func newNDJSON(c *Config, comp *compressor, dec decode.Decoder) (Format, error) {
	json, _ := dec.(decode.Texts)
	return &ndjson{
		lines: lines{
			comp,
			".ndjson",
			"application/x-ndjson",
			c.fingerprint("ndjson 2", comp.name, dec.Fingerprint()),
		},
		dec:      dec,
		json:     json,
		envelope: c.Envelope,
		text:     c.EnvelopeValue == "text",
		check:    c.Check,
	}, nil
}

func (f *ndjson) AppendRow(dst []byte, in *partition.Input) ([]byte, error) {
	if f.envelope {
		return f.appendEnvelope(dst, in)
	}
	out, err := f.appendValue(dst, in.Record)
	if err != nil {
		return dst, err
	}
	return append(out, '\n'), nil
}

// appendValue appends a value as JSON on one line.
func (f *ndjson) appendValue(dst []byte, r *record.Record) ([]byte, error) {
	if r.Value == nil {
		return dst, errTombstone
	}
	if f.json == nil {
		return f.dec.AppendJSON(dst, r.Value, r.Headers)
	}
	value, err := f.json.Text(r.Value, r.Headers)
	if err != nil {
		return dst, err
	}
	value = bytes.TrimSpace(value)
	if !f.check && bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		if len(value) == 0 {
			return dst, fmt.Errorf("%w: it is empty", errJSON)
		}
		return append(dst, value...), nil
	}
	seen, ok := inspect(value)
	if !ok {
		return dst, explain(value)
	}
	if f.check && seen.escapes && bytes.Contains(value, []byte(`\u`)) && loneSurrogate(value) {
		return dst, errSurrogate
	}
	if seen.breaks {
		n, err := root(value)
		if err != nil {
			return dst, err
		}
		return appendCompact(dst, n), nil
	}
	return append(dst, value...), nil
}
