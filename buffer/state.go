package buffer

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// state is what a segment begins with: where inputs go on after a restart and how far each output
// has come.
type state struct {
	inputs  map[string]map[string][]byte // input, key: value
	cursors map[string]cursorState
	size    int64 // of the encoded state, about

	// Of spill mode: positions below reserved may have been used in memory, and what cursors have
	// prepared, in ascending order.
	reserved int64
	prepared map[string][]prepared
}

type cursorState struct {
	pos  int64
	note string
}

func newState() *state {
	return &state{
		inputs:   map[string]map[string][]byte{},
		cursors:  map[string]cursorState{},
		prepared: map[string][]prepared{},
	}
}

// change is one change to the state. Changes are absolute, but for counts: replaying one twice, or
// over a newer state's older value, is harmless.
type change struct {
	kind  byte
	name  string // of the input or cursor
	key   string
	value []byte
	pos   int64
	note  string
}

const (
	changePosition = 'P' // name, key, value
	changeForget   = 'p' // name, key
	changeCursor   = 'C' // name, pos, note
	changeUncursor = 'c' // name

	// Written in spill mode alone; releases before it do not know them.
	changeReserve   = 'R' // pos
	changePrepare   = 'V' // name, pos, value
	changeUnprepare = 'v' // name

	changeCounts = 'B' // value: what is to be added to the books; from format 2 on
)

func (c *change) append(dst []byte) []byte {
	dst = append(dst, c.kind)
	dst = appendBytes(dst, c.name)
	switch c.kind {
	case changePosition:
		dst = appendBytes(dst, c.key)
		dst = appendBytes(dst, c.value)
	case changeForget:
		dst = appendBytes(dst, c.key)
	case changeCursor:
		dst = binary.AppendUvarint(dst, uint64(c.pos))
		dst = appendBytes(dst, c.note)
	case changeReserve:
		dst = binary.AppendUvarint(dst, uint64(c.pos))
	case changePrepare:
		dst = binary.AppendUvarint(dst, uint64(c.pos))
		dst = appendBytes(dst, c.value)
	case changeCounts:
		dst = appendBytes(dst, c.value)
	}
	return dst
}

func appendBytes[T ~string | ~[]byte](dst []byte, v T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// replay applies encoded changes, as far as they can be read.
func (s *state) replay(p []byte) error {
	changes, err := decodeChanges(p)
	for i := range changes {
		s.apply(&changes[i])
	}
	return err
}

// decodeChanges returns those before what cannot be read, if there is an error.
func decodeChanges(p []byte) (out []change, err error) {
	bad := false
	uvarint := func() uint64 {
		n, w := binary.Uvarint(p)
		if w <= 0 {
			bad = true
			return 0
		}
		p = p[w:]
		return n
	}
	next := func() []byte {
		n := uvarint()
		if bad || n > uint64(len(p)) {
			bad = true
			return nil
		}
		v := p[:n]
		p = p[n:]
		return v
	}
	for len(p) > 0 {
		c := change{kind: p[0]}
		p = p[1:]
		c.name = string(next())
		switch c.kind {
		case changePosition:
			c.key = string(next())
			c.value = append([]byte{}, next()...)
		case changeForget:
			c.key = string(next())
		case changeCursor:
			c.pos = int64(uvarint())
			c.note = string(next())
		case changeUncursor, changeUnprepare:
		case changeCounts:
			c.value = append([]byte{}, next()...)
		case changeReserve:
			c.pos = int64(uvarint())
		case changePrepare:
			c.pos = int64(uvarint())
			c.value = append([]byte{}, next()...)
		default:
			bad = true
		}
		if bad {
			return out, fmt.Errorf("%w: state changes", ErrCorrupt)
		}
		out = append(out, c)
	}
	return out, nil
}

const changeOverhead = 8

func (s *state) apply(c *change) {
	switch c.kind {
	case changePosition:
		in := s.inputs[c.name]
		if in == nil {
			in = map[string][]byte{}
			s.inputs[c.name] = in
		}
		if old, ok := in[c.key]; ok {
			s.size += int64(len(c.value) - len(old))
		} else {
			s.size += int64(len(c.name) + len(c.key) + len(c.value) + changeOverhead)
		}
		in[c.key] = c.value
	case changeForget:
		in := s.inputs[c.name]
		if old, ok := in[c.key]; ok {
			s.size -= int64(len(c.name) + len(c.key) + len(old) + changeOverhead)
			delete(in, c.key)
			if len(in) == 0 {
				delete(s.inputs, c.name)
			}
		}
	case changeCursor:
		old, ok := s.cursors[c.name]
		if !ok {
			s.size += int64(len(c.name) + changeOverhead)
		}
		s.size += int64(len(c.note) - len(old.note))
		s.cursors[c.name] = cursorState{c.pos, c.note}
		s.unprepare(c.name, c.pos)
	case changeUncursor:
		if old, ok := s.cursors[c.name]; ok {
			s.size -= int64(len(c.name) + len(old.note) + changeOverhead)
			delete(s.cursors, c.name)
		}
		s.unprepare(c.name, math.MaxInt64)
	case changeReserve:
		s.reserved = c.pos
	case changePrepare:
		list := slices.DeleteFunc(s.prepared[c.name], func(p prepared) bool {
			if p.pos == c.pos {
				s.size -= p.size(c.name)
			}
			return p.pos == c.pos
		})
		p := prepared{c.pos, c.value}
		s.size += p.size(c.name)
		s.prepared[c.name] = append(list, p)
	case changeUnprepare:
		s.unprepare(c.name, math.MaxInt64)
	case changeCounts:
		s.addCounts(c.value)
	}
}

func (p *prepared) size(name string) int64 {
	return int64(len(name) + len(p.changes) + changeOverhead)
}

// unprepare forgets what cursor name has prepared for positions up to pos.
func (s *state) unprepare(name string, pos int64) {
	if len(s.prepared[name]) == 0 {
		return
	}
	list := slices.DeleteFunc(s.prepared[name], func(p prepared) bool {
		if p.pos <= pos {
			s.size -= p.size(name)
		}
		return p.pos <= pos
	})
	if s.prepared[name] = list; len(list) == 0 {
		delete(s.prepared, name)
	}
}

// full returns the changes that make this state from nothing.
func (s *state) full() []change {
	var out []change
	for _, name := range slices.Sorted(maps.Keys(s.inputs)) {
		for key, value := range s.inputs[name] {
			out = append(out, change{kind: changePosition, name: name, key: key, value: value})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.cursors)) {
		c := s.cursors[name]
		out = append(out, change{kind: changeCursor, name: name, pos: c.pos, note: c.note})
	}
	for _, name := range slices.Sorted(maps.Keys(s.prepared)) {
		for _, p := range s.prepared[name] {
			out = append(out, change{kind: changePrepare, name: name, pos: p.pos, value: p.changes})
		}
	}
	if s.reserved > 0 {
		out = append(out, change{kind: changeReserve, pos: s.reserved})
	}
	return out
}

// minCursor returns the position that every cursor has reached, or limit if there is none below.
func (s *state) minCursor(limit int64) int64 {
	if len(s.cursors) == 0 {
		return 0
	}
	for _, c := range s.cursors {
		limit = min(limit, c.pos)
	}
	return limit
}
