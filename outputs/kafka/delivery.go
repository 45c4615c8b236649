package kafka

import (
	"context"
	"slices"
	"sync"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/kafka/producer"
)

// delivery is one batch on its way, in however many parts.
type delivery struct {
	ctx    context.Context
	round  *outputs.Round
	b      *record.Batch
	onDone func(error) // called once, when all parts are accounted for
	onFree func()      // gives back the room that b takes; onDone does, too

	mu     sync.Mutex
	left   int // records not accounted for
	failed []outputs.RecordError
}

// refuse gives all of b back before any of it was sent. Nothing of its round may overtake it.
func (d *delivery) refuse(err error) {
	if !outputs.IsPermanent(err) {
		d.round.FailAll()
	}
	d.finish(0, d.b.Len(), err)
}

// finish accounts for the records of b from index from up to to.
func (d *delivery) finish(from, to int, err error) {
	d.mu.Lock()
	if err != nil {
		for i := from; i < to; i++ {
			d.failed = append(d.failed, outputs.RecordError{Index: i, Err: err})
		}
	}
	d.left -= to - from
	over := d.left == 0
	d.mu.Unlock()
	if over {
		d.onDone(d.outcome())
	}
}

func (d *delivery) outcome() error {
	if len(d.failed) == 0 {
		return nil
	}
	same := len(d.failed) == d.b.Len()
	for i := range d.failed {
		same = same && d.failed[i].Err == d.failed[0].Err
	}
	if same {
		return d.failed[0].Err
	}
	slices.SortFunc(d.failed, func(a, b outputs.RecordError) int { return a.Index - b.Index })
	return &outputs.PartialError{Records: d.failed}
}

// itemContent is what a producer.Item carries: which records of which deliveries, in order.
type itemContent struct {
	key     producer.Key
	mapping *mapping // by which key was found
	refs    []ref
	retimed bool // the broker has refused its times before
}

// ref is some records of one delivery, as ascending runs of indices.
type ref struct {
	d    *delivery
	runs []run
}

type run struct{ from, to int }

// add appends one record.
func (p *itemContent) add(d *delivery, index int) {
	if n := len(p.refs); n == 0 || p.refs[n-1].d != d {
		p.refs = append(p.refs, ref{d: d})
	}
	r := &p.refs[len(p.refs)-1]
	if n := len(r.runs); n > 0 && r.runs[n-1].to == index {
		r.runs[n-1].to++
		return
	}
	r.runs = append(r.runs, run{index, index + 1})
}

// fail gives all records back. What comes behind them in their rounds must not overtake them.
func (p *itemContent) fail(err error) {
	for _, r := range p.refs {
		r.d.round.Fail(p.key)
		r.d.round.Fail(p.mapping)
	}
	p.finish(err)
}

// finish accounts for all records.
func (p *itemContent) finish(err error) {
	n := 0
	for _, r := range p.refs {
		for _, u := range r.runs {
			r.d.finish(u.from, u.to, err)
			n += u.to - u.from
		}
	}
	p.mapping.arrived(n)
}

// each calls f for each record in order.
func (p *itemContent) each(f func(d *delivery, index int)) {
	for _, r := range p.refs {
		for _, u := range r.runs {
			for i := u.from; i < u.to; i++ {
				f(r.d, i)
			}
		}
	}
}
