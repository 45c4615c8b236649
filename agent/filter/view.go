package filter

import (
	"bytes"

	"github.com/expr-lang/expr/vm"
	"github.com/penstock/penstock/agent/filter/formats"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/network/wire"
	"github.com/tidwall/gjson"
)

// View is a record on its way through the filters of a chain. A value that is a JSON object is
// taken apart when a filter edits it, and put together when something wants the whole text. What is
// read only is looked up in the text as it lies. Nothing is written into what came in.
type View struct {
	batch          *record.Batch // tag and origin of the record, at this place of the chain
	rec            record.Record
	obj            object
	arena          *arena
	changed        bool
	sharesPosition bool // it shares its position with one that came before

	fields  formats.Fields // scratch of filters
	members []member
	raws    [][]byte
	scratch []byte
	ends    []int
	env     environment // of expressions
	machine vm.VM

	parts  []record.Record // of a Split
	reason string          // of a Refused
}

func (v *View) reset(r *record.Record, a *arena) {
	v.rec, v.arena, v.changed, v.sharesPosition = *r, a, false, false
	v.parts, v.reason = nil, ""
	v.obj.reset()
}

// forget drops what the view refers to.
func (v *View) forget() {
	if cap(v.obj.members) > 1024 || cap(v.members) > 1024 || cap(v.fields.List) > 1024 ||
		cap(v.scratch) > arenaMax {
		*v = View{}
		return
	}
	v.fields.Reset()
	clear(v.raws[:cap(v.raws)])
	clear(v.members[:cap(v.members)])
	clear(v.obj.members[:cap(v.obj.members)])
	clear(v.fields.List[:cap(v.fields.List)])
	*v = View{
		obj:     object{members: v.obj.members[:0]},
		members: v.members[:0],
		raws:    v.raws,
		scratch: v.scratch,
		ends:    v.ends,
		fields:  v.fields,
		machine: v.machine,
	}
}

// Record returns the record as it is now. It must not be written to, and is valid until the next
// edit.
func (v *View) Record() *record.Record {
	v.Value()
	return &v.rec
}

// Subject returns the record as templates want it.
func (v *View) Subject() dialect.Subject {
	return dialect.Subject{Batch: v.batch, Record: v.Record()}
}

// Value returns the value as it is now. It must not be written to.
func (v *View) Value() []byte {
	if v.obj.state == edited {
		v.rec.Value = v.obj.append(v.arena.take(v.obj.size()))
		v.obj.state = taken
	}
	return v.rec.Value
}

// size returns about what the record takes in a batch.
func (v *View) size() int {
	n := sizeOf(&v.rec)
	if v.obj.state == edited {
		return n - len(v.rec.Value) + v.obj.size()
	}
	return n
}

// sizeOf returns about what a record takes in a batch.
func sizeOf(r *record.Record) int {
	n := 8 + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 2
	}
	return n
}

// SetValue replaces the value, which the record keeps.
func (v *View) SetValue(value []byte) {
	v.rec.Value, v.changed = value, true
	v.obj.reset()
}

// SetTime sets the record's time.
func (v *View) SetTime(t int64) {
	if t != v.rec.Time {
		v.rec.Time, v.changed = t, true
	}
}

// SetKey replaces the key, which the record keeps.
func (v *View) SetKey(key []byte) { v.rec.Key, v.changed = key, true }

// SetHeader replaces the headers of that name by one, at the end.
func (v *View) SetHeader(name string, value []byte) {
	out := make([]record.Header, 0, len(v.rec.Headers)+1)
	for _, h := range v.rec.Headers {
		if h.Key != name {
			out = append(out, h)
		}
	}
	v.rec.Headers, v.changed = append(out, record.Header{Key: name, Value: value}), true
}

// RemoveHeader removes the headers of that name, and reports whether there were any.
func (v *View) RemoveHeader(name string) bool {
	if _, ok := v.rec.Header(name); !ok {
		return false
	}
	var out []record.Header
	for _, h := range v.rec.Headers {
		if h.Key != name {
			out = append(out, h)
		}
	}
	v.rec.Headers, v.changed = out, true
	return true
}

// IsObject reports whether the value is one well-formed JSON object, which fields can be set in.
func (v *View) IsObject() bool {
	if v.obj.state == unread {
		v.obj.take(v.rec.Value)
	}
	return v.obj.state != noObject
}

// holdsObject is IsObject for who may not edit it: it takes nothing apart.
func (v *View) holdsObject() bool {
	if v.obj.state == unread {
		return isObject(v.rec.Value)
	}
	return v.obj.state != noObject
}

// Get looks up a field. It reads no further than the field, so that a value that is no well-formed
// object may have it too.
func (v *View) Get(p *Path) gjson.Result {
	switch v.obj.state {
	case noObject:
		return gjson.Result{}
	case unread:
		if !beginsObject(v.rec.Value) {
			return gjson.Result{}
		}
		return gjson.Get(alias(v.rec.Value), p.whole)
	}
	i := v.obj.find(p.names[0])
	switch {
	case i < 0:
		return gjson.Result{}
	case p.rest == "":
		return gjson.Parse(alias(v.obj.members[i].value))
	}
	return gjson.Get(alias(v.obj.members[i].value), p.rest)
}

// Set sets a field of an object to a JSON value, which the record keeps. It reports whether that
// could be done: what lies on the way to the field may be no object.
func (v *View) Set(p *Path, raw []byte) bool {
	if !v.IsObject() || !v.obj.set(p.names, p.key, raw) {
		return false
	}
	v.obj.state, v.changed = edited, true
	return true
}

// Each sets a field, wherever it stands if names repeat, to what edit returns for its JSON, which
// the record keeps; nil leaves it. It says Kept where there is nothing to set, and Unhandled where
// the value is no object.
func (v *View) Each(p *Path, edit func(raw []byte) []byte) Verdict {
	r := v.Get(p)
	if v.obj.state == unread && (!v.mayRepeat(p, r) || !v.IsObject()) {
		if r.Raw == "" {
			return Kept
		}
		if out := edit(bytesOf(r.Raw)); out == nil {
			return Kept
		} else if !v.Set(p, out) {
			return Unhandled
		}
		return Changed
	}
	if !v.obj.each(p.names, edit) {
		return Kept
	}
	v.obj.state, v.changed = edited, true
	return Changed
}

// mayRepeat reports whether the field may stand behind r, which Get has returned for it, again. An
// escape may be one of a name.
func (v *View) mayRepeat(p *Path, r gjson.Result) bool {
	rest := v.rec.Value[min(r.Index+len(r.Raw), len(v.rec.Value)):]
	return bytes.Contains(rest, p.last) || hasEscape(rest)
}

// Remove removes a field from an object, and reports whether it was there.
func (v *View) Remove(p *Path) bool {
	if !v.IsObject() || !v.obj.remove(p.names) {
		return false
	}
	v.obj.state, v.changed = edited, true
	return true
}

// String returns text as a JSON string.
func (v *View) String(text []byte) []byte {
	out := v.arena.open(len(text) + 2)
	return v.arena.shut(wire.AppendJSONString(out, text))
}

// Text returns the text of a field, without a copy where it lies as such; ok is false if there is
// no such field, or if it is null.
func (v *View) Text(p *Path) (text []byte, ok bool) {
	r := v.Get(p)
	switch r.Type {
	case gjson.Null:
		return nil, false
	case gjson.String:
		return bytesOf(r.Str), true
	}
	return bytesOf(r.Raw), true
}

// refuse sends the record to the dead letter.
func (v *View) refuse(reason string) Verdict {
	v.reason = reason
	return Refused
}
