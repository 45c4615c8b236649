package spool

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/spool/format/decode"
	"github.com/penstock/penstock/spool/partition"
)

// placement puts records into the files of a cut, by what they hold and nothing else, or among the
// dead letters. It belongs to the drain's goroutine.
type placement struct {
	a    *Archiver
	log  string // its name
	id   *identity
	part *partition.Partitioner
	group

	in          partition.Input  // the record being placed
	res         partition.Result // what is known of it
	key         []byte           // of its partition, and of its schema
	schemaKey   int              // how much of key is that of the schema
	file        *file            // that key leads to, if that is known
	row         []byte           // the record, as its file has it
	event       eventTime        // of the record that was added last
	deadLetters []deadLetter     // to be written before anything more is read
	skipped     int              // records that were left out, ever
	asBefore    bool             // a cut is made again that an earlier release began
}

// eventTime is the time that a record says it is of, in nanoseconds.
type eventTime struct {
	known bool
	ns    int64
}

// add puts one record into the file of c that it belongs to.
func (p *placement) add(c *cut, l *lookedAt) error {
	r, res := &l.record, &p.res
	p.in.Record, p.file, p.schemaKey = r, l.file, 0
	p.key, l.key = l.key, p.key
	*res = l.res
	if l.refused != nil {
		defer p.tagged(l.tag)()
	}
	p.event = eventTime{res.Timed, res.Time}
	skip := r.Value == nil && p.a.cfg.OnNull == "skip" && l.refused == nil
	if err := l.err; err != nil {
		if ms, ok := r.Beyond(); ok && p.a.cfg.OnMissing == "stop" {
			err = fmt.Errorf("%w: its timestamp is %s", err, ms)
		}
		if skip && errors.Is(err, partition.ErrStop) {
			p.skip()
			return nil
		}
		return err
	}
	if ms, ok := r.Beyond(); ok && (res.Class == partition.DeadLetter || p.a.codec.showsTime) {
		// Shown, it would be a time that the record does not have.
		reason := fmt.Errorf("its timestamp, %s milliseconds, is beyond what can be held", ms)
		if res.Class != partition.DeadLetter && p.a.cfg.OnMissing == "stop" && !skip {
			return fmt.Errorf("record %d: %w, and %w", r.Offset, reason, partition.ErrStop)
		}
		if res.Class != partition.DeadLetter {
			p.deadLetterKey()
		}
		if l.refused != nil {
			reason = fmt.Errorf("%w, and %w", l.refused, reason)
		}
		res.Class, res.Reason = partition.DeadLetter, reason
	}
	if res.Class != partition.DeadLetter && p.a.codec.split != nil {
		p.addSchemaKey()
	}
	// The row comes before the file: a file that would be empty is never made. Where the file is
	// there, it is made where it will lie, if there is room for what rows usually are.
	into := p.row[:0]
	there := false
	if p.file != nil && p.file.class != partition.DeadLetter {
		if b := c.behind(p.file, len(r.Value)+len(r.Value)/4+64); b != nil {
			into, there = b, true
		}
	}
	var row []byte
	if res.Class != partition.DeadLetter {
		var err error
		if row, err = p.a.codec.rows.AppendRow(into, &p.in); err != nil {
			if errors.Is(err, decode.ErrUnavailable) {
				return err
			}
			if p.a.cfg.OnMissing == "stop" && !skip {
				return fmt.Errorf("record %d: %w, and %w", r.Offset, err, partition.ErrStop)
			}
			res.Class, res.Reason = partition.DeadLetter, err
			p.deadLetterKey()
		} else if row = row[len(into):]; !there {
			p.row = row
		}
	}
	if skip && res.Class == partition.DeadLetter {
		p.skip()
		return nil
	}
	if res.Class == partition.DeadLetter && p.a.env.DeadLetter != nil {
		p.refuse(r, res.Reason)
		return nil
	}
	f := p.file
	if f == nil {
		if f = c.byKey[string(p.key)]; f == nil {
			var err error
			if f, err = p.newFile(c, res); err != nil || f == nil {
				return err
			}
		}
	}
	if f.class == partition.DeadLetter {
		p.row = appendDeadLetter(p.row[:0], &p.in, p.shape(), res.Reason)
		row = p.row
		p.a.failing.deadLetters.add(
			res.Reason, "log", p.log, "position", r.Offset, "path", f.path,
		)
	}
	c.bytes += int64(len(r.Key) + len(r.Value))
	return c.add(f, r, row)
}

// addSchemaKey appends the key of the record's schema, where files are parted by it. That of the
// partition tells where it ends.
func (p *placement) addSchemaKey() {
	at := len(p.key)
	p.key = p.a.codec.split.AppendSchemaKey(p.key, p.in.Record)
	p.schemaKey, p.file = len(p.key)-at, nil
}

// deadLetterKey makes the key that of a dead letter.
func (p *placement) deadLetterKey() {
	p.key, p.schemaKey, p.file = p.part.DeadLetterKey(p.key[:0], &p.in), 0, nil
}

// skip leaves a record out.
func (p *placement) skip() {
	p.skipped++
	p.a.metrics.skipped.Inc()
}

// newFile returns the file for p.key, which was not seen before in this cut; nil for a record that
// became a dead letter.
func (p *placement) newFile(c *cut, res *partition.Result) (*file, error) {
	path, err := p.part.Path(p.key[:len(p.key)-p.schemaKey])
	if err != nil {
		if p.a.cfg.OnMissing == "stop" {
			return nil, fmt.Errorf(
				"record %d: %w, and %w", p.in.Record.Offset, err, partition.ErrStop,
			)
		}
		res.Class, res.Reason = partition.DeadLetter, partition.ErrPath
		if p.a.env.DeadLetter != nil {
			p.refuse(p.in.Record, res.Reason)
			return nil, nil
		}
		p.deadLetterKey()
		if f := c.byKey[string(p.key)]; f != nil {
			return f, nil
		}
		if path, err = p.part.Path(p.key); err != nil {
			return nil, err
		}
	}
	f, made := c.file(path, string(p.key[len(p.key)-p.schemaKey:]), res.Class)
	if made {
		p.a.paths.Add(1)
		if res.Class == partition.Main {
			p.a.trial.place(path)
		}
	}
	c.byKey[string(p.key)] = f
	return f, nil
}
