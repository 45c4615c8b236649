package spool

import (
	"bytes"
	"errors"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool/partition"
)

// group is records that are looked at together before the first of them is placed. Of many files
// none is in a cache: what placing needs of them is asked for all at once, and the batch that the
// records are read from is passed over undisturbed.
type group struct {
	looked  [groupSize]lookedAt
	n       int
	last    *file // that lastKey leads to
	lastKey []byte
}

// lookedAt is a record that is to be placed.
type lookedAt struct {
	record record.Record
	key    []byte
	res    partition.Result
	err    error
	// why a filter refuses it, with the tag that it came with; nil if none does
	refused error
	tag     string
	file    *file // that key leads to; nil where that is not known
}

const (
	groupSize = 16
	// knowFrom is how many files are too many for a cache.
	knowFrom = 256
)

// look makes r the next of the group, and reports whether that is to be placed now. What r refers
// to stays until then.
func (p *placement) look(r *record.Record) (full bool) {
	l := &p.looked[p.n]
	p.n++
	l.record, l.refused = *r, nil
	p.in.Record = &l.record
	l.key, l.err = p.part.Key(l.key[:0], &p.in, &l.res)
	// Headers are in memory that the next record has, and decoders keep what they made of a value.
	return p.n == groupSize || len(r.Headers) > 0 || p.part.Remembers()
}

// lookAtRefused is look for a record that filters refuse.
func (p *placement) lookAtRefused(r *record.Refusal) (full bool) {
	l := &p.looked[p.n]
	p.n++
	l.record, l.refused, l.tag, l.err = r.Record, errors.New(r.Reason), r.Tag, nil
	defer p.tagged(l.tag)()
	p.in.Record = &l.record
	l.key = p.part.DeadLetterKey(l.key[:0], &p.in)
	l.res = partition.Result{Class: partition.DeadLetter, Reason: l.refused}
	return p.n == groupSize || p.part.Remembers()
}

// tagged has the record being placed have another tag until the end.
func (p *placement) tagged(tag string) (end func()) {
	was, topic := p.in.Tag, p.in.Topic
	if p.in.Tag = tag; p.id.topic == "" {
		p.in.Topic = tag
	}
	return func() { p.in.Tag, p.in.Topic = was, topic }
}

// find finds the files of the group, as far as they are there.
func (p *placement) find(c *cut) {
	if p.a.codec.split != nil {
		return // the key does not say all
	}
	all := p.looked[:p.n]
	if len(c.byKey) >= knowFrom {
		c.findKnown(all)
		return
	}
	for i := range all {
		l := &all[i]
		if p.last == nil || !bytes.Equal(l.key, p.lastKey) {
			p.last, p.lastKey = c.byKey[string(l.key)], append(p.lastKey[:0], l.key...)
		}
		l.file = p.last
	}
}

// letGo forgets what belongs to the batch that was read.
func (p *placement) letGo() {
	for i := range p.looked {
		p.looked[i].record, p.looked[i].refused = record.Record{}, nil
	}
}

// renew forgets the files of a cut that has ended.
func (p *placement) renew() {
	p.last = nil
	for i := range p.looked {
		p.looked[i].file = nil
	}
}
