package buffer

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// state is what a segment begins with: where inputs go on after a restart and how far each output has come.
type state struct {
	inputs  map[string]map[string][]byte // input, key: value
	cursors map[string]cursorState
	size    int64 // of the encoded state, about
}

type cursorState struct {
	pos  int64
	note string
}

func newState() *state {
	return &state{inputs: map[string]map[string][]byte{}, cursors: map[string]cursorState{}}
}

// change is one change to the state. Changes are absolute: replaying one twice, or over a newer state's older value, is harmless.
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
	}
	return dst
}

func appendBytes[T ~string | ~[]byte](dst []byte, v T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(v))), v...)
}

// replay applies encoded changes.
func (s *state) replay(p []byte) error {
	bad := false
	next := func() []byte {
		n, w := binary.Uvarint(p)
		if w <= 0 || n > uint64(len(p)-w) {
			bad = true
			return nil
		}
		v := p[w : w+int(n)]
		p = p[w+int(n):]
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
			pos, w := binary.Uvarint(p)
			if w <= 0 {
				bad = true
				break
			}
			c.pos = int64(pos)
			p = p[w:]
			c.note = string(next())
		case changeUncursor:
		default:
			bad = true
		}
		if bad {
			return fmt.Errorf("%w: state changes", ErrCorrupt)
		}
		s.apply(&c)
	}
	return nil
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
	case changeUncursor:
		if old, ok := s.cursors[c.name]; ok {
			s.size -= int64(len(c.name) + len(old.note) + changeOverhead)
			delete(s.cursors, c.name)
		}
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
