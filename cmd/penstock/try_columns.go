package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/penstock/penstock/agent"
)

// leastColumns is the width below which records are not shown side by side.
const leastColumns = 80

// The marks between two columns, as in diff --side-by-side.
const (
	markSame    = "|"
	markChanged = "~"
	markAdded   = "+"
	markRemoved = "-"
)

// columnPrinter prints trials with each record before and after each filter side by side.
type columnPrinter struct {
	w io.Writer
	colors
	width int

	headed bool // the columns of this trial have their heads
	names  int  // the longest name of a filter of this trial
}

// part is one thing that a record consists of: its time, a header, a field.
type part struct{ name, value string }

func (p *columnPrinter) print(n int, t agent.Trial) {
	if n > 1 {
		fmt.Fprintln(p.w)
	}
	fmt.Fprintf(p.w, "record %d  %s\n", n, show(t.In))
	p.headed, p.names = false, 0
	for _, s := range t.Steps {
		p.names = max(p.names, len(s.Filter))
	}
	before := []agent.Trialed{t.In}
	for _, s := range t.Steps {
		p.step(s, before)
		before = s.Out
	}
	writeDeliveries(p.w, p.colors, deliveryWidth(t), t)
}

// step prints what one filter makes of the records before it.
func (p *columnPrinter) step(s agent.Step, before []agent.Trialed) {
	switch {
	case s.Refused != "":
		p.title(s.Filter, p.red+"dead letter: "+visible(s.Refused)+p.off)
	case len(s.Out) == 0:
		p.title(s.Filter, p.red+"discarded"+p.off)
	}
	for i, after := range s.Out {
		of := ""
		if len(s.Out) > 1 {
			of = fmt.Sprintf("%d of %d", i+1, len(s.Out))
		}
		var left []part
		switch {
		case len(before) == len(s.Out):
			left = partsOf(before[i])
		case len(before) == 1:
			left = partsOf(before[0])
		}
		right := partsOf(after)
		if slices.Equal(left, right) {
			p.title(s.Filter, of, p.dim+"unchanged"+p.off)
			continue
		}
		p.title(s.Filter, of)
		p.table(left, right)
	}
}

func (p *columnPrinter) title(filter string, texts ...string) {
	filter = fmt.Sprintf("%-*s", p.names, filter)
	for _, t := range texts {
		if t != "" {
			filter += "  " + t
		}
	}
	fmt.Fprintln(p.w, strings.TrimRight(filter, " "))
}

// table prints the parts of a record before and after a filter, a row each.
func (p *columnPrinter) table(left, right []part) {
	if !p.headed {
		p.headed = true
		fmt.Fprintf(p.w, "%-*s   after\n", p.column(), "before")
	}
	names := 0
	for _, row := range slices.Concat(left, right) {
		names = max(names, columns(row.name))
	}
	names = min(names, p.width/5)
	for _, row := range left {
		after, ok := valueOf(right, row.name)
		switch {
		case !ok:
			p.row(names, markRemoved, row, part{})
		case after == row.value:
			p.row(names, markSame, row, row)
		default:
			p.row(names, markChanged, row, part{row.name, after})
		}
	}
	for _, row := range right {
		if _, ok := valueOf(left, row.name); !ok {
			p.row(names, markAdded, part{}, row)
		}
	}
}

// column returns the width of each of the two.
func (p *columnPrinter) column() int { return (p.width - len(" | ")) / 2 }

// row prints one part, in as many lines as the longer side takes.
func (p *columnPrinter) row(names int, mark string, left, right part) {
	leftColor, rightColor := p.red, p.green
	if mark == markSame {
		leftColor, rightColor = p.dim, p.dim
	}
	column := p.column()
	l, r := left.lines(names, column), right.lines(names, column)
	for i := range max(len(l), len(r)) {
		from, to := "", ""
		if i < len(l) {
			from = l[i]
		}
		if i < len(r) {
			to = strings.TrimRight(r[i], " ")
		}
		padded := strings.Repeat(" ", column-columns(from))
		if from != "" {
			from = leftColor + from + p.off
		}
		line := from + padded + " " + mark
		if to != "" {
			line += " " + rightColor + to + p.off
		}
		fmt.Fprintln(p.w, line)
	}
}

// lines returns a part as text of at most width columns, its value beginning at the same column as
// others' where the name is short enough.
func (p part) lines(names, width int) []string {
	if p.name == "" {
		return nil
	}
	text := p.name + strings.Repeat(" ", max(names-columns(p.name), 0)) + "  " + p.value
	indent := strings.Repeat(" ", min(names+2, width/2))
	var out []string
	from, used := 0, 0
	for i, c := range text {
		n := columns(string(c))
		if used+n > width {
			out = append(out, text[from:i])
			from, used = i, len(indent)
		}
		used += n
	}
	out = append(out, text[from:])
	for i := 1; i < len(out); i++ {
		out[i] = indent + out[i]
	}
	return out
}

func valueOf(all []part, name string) (string, bool) {
	for _, p := range all {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// partsOf takes a record apart, under the names that expressions have for its parts.
func partsOf(r agent.Trialed) []part {
	out := []part{
		{"time", r.Record.When().Format("2006-01-02T15:04:05.999999999Z")}, {"tag", visible(r.Tag)},
	}
	if r.Record.Key != nil {
		out = append(out, part{"key", visible(string(r.Record.Key))})
	}
	for _, h := range r.Record.Headers {
		out = append(out, part{"header." + visible(string(h.Key)), visible(string(h.Value))})
	}
	if fields, ok := fieldsOf(r.Record.Value); ok {
		return append(out, fields...)
	}
	return append(out, part{"value", visible(string(r.Record.Value))})
}

// fieldsOf returns the fields of a value that is an object, in its order and as they are written.
func fieldsOf(value []byte) ([]part, bool) {
	if !json.Valid(value) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, false
	}
	var out []part
	seen := map[string]int{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, false
		}
		field := "field." + visible(fmt.Sprint(name))
		if seen[field]++; seen[field] > 1 {
			field += fmt.Sprintf(" (%d)", seen[field]) // a name may come twice
		}
		out = append(out, part{field, visible(string(raw))})
	}
	return out, true
}

// columns returns how many columns of a terminal a text takes.
func columns(s string) int {
	n := 0
	for _, c := range s {
		switch {
		case unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.In(c, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana):
			n += 2
		default:
			n++
		}
	}
	return n
}
