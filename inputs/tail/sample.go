package tail

import (
	"bytes"
	"io"
	"maps"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/join"
	"github.com/prometheus/client_golang/prometheus"
)

// Sample returns the records that the input called name would make of a file's contents if they
// stood at path: tags, headers, character sets and events of several lines as ever, lines of any
// length. All have the time at, as a line that is read now has the present one.
func (c *Config) Sample(name, path string, data []byte, at time.Time) (*record.Batch, error) {
	tags, err := newTagger(c, name)
	if err != nil {
		return nil, err
	}
	cs := c.charset(data)
	if cs == nil { // too short to tell
		cs = c.ended(csUTF16LE)
	}
	headers := tags.headersOf(path)
	if c.PathHeader != "" {
		headers = append(headers, record.Header{Key: c.PathHeader, Value: []byte(path)})
	}
	b := block{raw: data, to: len(data)}
	if len(cs.bom) > 0 && len(data) >= len(cs.bom) && string(data[:len(cs.bom)]) == string(cs.bom) {
		b.from = len(cs.bom)
	}
	if c.Container {
		return record.FromRecords(tags.tag(path), path, c.sampleContainer(&b, headers, at)), nil
	}
	lines := &joiner{rules: join.New(join.Patterns{Start: "^"}), maxLines: 1}
	if c.Multiline != nil {
		lines = newJoiner(c.Multiline)
	}
	none := prometheus.NewCounter(prometheus.CounterOpts{Name: "none"})
	lines.frame(&b, cs, data, 1<<30, false, true, true, &counts{eventFlush: none, eventLimit: none})
	var recs []record.Record
	for _, s := range b.spans {
		text := cs.trimEnd(data[s.from:s.to])
		if cs.decodes() {
			text = cs.decode(nil, text)
		}
		if len(text) == 0 && c.EmptyLines == "skip" {
			continue
		}
		recs = append(recs, record.Record{Time: at.UnixNano(), Value: text, Headers: headers})
	}
	return record.FromRecords(tags.tag(path), path, recs), nil
}

// FirstLines returns the first lines of a file that is there now and holds text, or "".
func (c *Config) FirstLines() (path string, lines []byte) {
	const most = 16 << 10
	for _, path := range slices.Sorted(maps.Keys(newGlobs(c).walk().paths)) {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		head, err := io.ReadAll(io.LimitReader(f, most))
		f.Close()
		end := bytes.LastIndexByte(head, '\n')
		if err != nil || end < 0 || !utf8.Valid(head[:end]) || bytes.IndexByte(head, 0) >= 0 {
			continue // what is compressed, or in another character set, is not looked at
		}
		return path, head[:end+1]
	}
	return "", nil
}

// sampleContainer returns the records of the log of a container.
func (c *Config) sampleContainer(b *block, headers []record.Header, at time.Time) []record.Record {
	none := prometheus.NewCounter(prometheus.CounterOpts{Name: "none"})
	f := newContainers(c, &counts{
		long: none, eventFlush: none, eventLimit: none, notContainer: none,
	})
	f.now = func() time.Time { return at }
	f.frame(b, &readState{}, b.raw, false, true, true)
	var recs []record.Record
	for _, l := range b.logged {
		if len(l.text) == 0 && c.EmptyLines == "skip" {
			continue
		}
		rec := record.Record{Time: l.time, Value: l.text, Headers: slices.Clone(headers)}
		if name := streamNames[l.stream]; name != nil {
			rec.Headers = append(rec.Headers, record.Header{Key: "stream", Value: name})
		}
		if len(l.attrs) > 0 {
			rec.Headers = append(rec.Headers, record.Header{Key: "attrs", Value: l.attrs})
		}
		recs = append(recs, rec)
	}
	return recs
}
