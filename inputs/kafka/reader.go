package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// wakeReader makes the reader look after its leases.
func (s *session) wakeReader() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// read polls for records and hands them to the leases. It alone adds, removes, pauses and moves
// partitions of the reading client, and only between two polls: so what a poll returns always
// belongs to the last position asked for.
func (s *session) read(ctx context.Context) {
	mine := map[partition]*Lease{} // what the client reads
	ids := map[string][16]byte{}   // the lives of topics that it reads
	patient := true
	for ctx.Err() == nil {
		if s.adjust(mine, ids, patient) {
			patient = s.rest(ctx)
			continue
		}
		patient = true
		pctx, cancel := context.WithCancel(ctx)
		stop := make(chan struct{})
		over := make(chan struct{})
		go func() {
			defer close(over)
			select {
			case <-s.wake:
				cancel()
			case <-stop:
			}
		}()
		fetches := s.reader.PollRecords(pctx, 50_000)
		close(stop)
		<-over
		cancel()
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachPartition(func(tp kgo.FetchTopicPartition) {
			p := partition{tp.Topic, tp.Partition}
			if l := mine[p]; l != nil {
				l.take(ctx, &tp.FetchPartition)
			} else {
				recycle(tp.Records)
			}
		})
	}
}

// rest waits for a lease to change, and reports whether one did before it took too long.
func (s *session) rest(ctx context.Context) (changed bool) {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-s.wake:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return true
	}
}

// adjust brings the client in line with the leases, and reports whether the next poll should wait.
// A partition that has enough is not paused as long as its output reads on, for what was fetched of
// a paused partition is fetched again.
func (s *session) adjust(
	mine map[partition]*Lease, ids map[string][16]byte, patient bool,
) (rest bool) {
	wanted := s.leases.byPartition()
	remove := func(p partition) {
		s.reader.RemoveConsumePartitions(map[string][]int32{p.topic: {p.num}})
		s.reader.ResumeFetchPartitions(map[string][]int32{p.topic: {p.num}})
	}
	for p, l := range mine {
		if wanted[p] != l || l.over() {
			remove(p)
			delete(mine, p)
			l.mu.Lock()
			l.ahead.unknown()
			l.mu.Unlock()
		}
	}
	for p, l := range wanted {
		s.forgetFormer(p.topic, l.located(), mine, ids)
	}
	share(wanted, s.in.cfg.BufferBytes)
	full, hungry := false, false
	seeks := map[string]map[int32]kgo.Offset{}
	for p, l := range wanted {
		l.mu.Lock()
		a := &l.ahead
		at, seek := a.next, a.seek && l.gone == nil && l.failure == nil
		changed := a.fill(l.limit.Load(), patient)
		pause := a.paused
		full = full || a.full && !a.paused
		hungry = hungry || seek ||
			!a.full && l.gone == nil && l.failure == nil && a.next < l.end.Load()
		if seek {
			a.seek, a.reading = false, true
		}
		offset := kgo.NewOffset().At(at)
		if l.traced {
			// has the client look whether it still is
			offset = offset.WithEpoch(a.epochs.before(at))
		}
		l.mu.Unlock()
		if seek {
			if mine[p] != nil {
				remove(p)
			}
			mine[p] = l
			if seeks[p.topic] == nil {
				seeks[p.topic] = map[int32]kgo.Offset{}
			}
			seeks[p.topic][p.num] = offset
		}
		switch one := map[string][]int32{p.topic: {p.num}}; {
		case changed && pause, seek && pause:
			s.reader.PauseFetchPartitions(one)
			s.in.metrics.pauses.Inc()
		case changed:
			s.reader.ResumeFetchPartitions(one)
		}
	}
	if len(seeks) > 0 {
		s.reader.AddConsumePartitions(seeks)
	}
	return full && !hungry
}

// forgetFormer makes the client forget a topic that was made again: it would ask for the former one
// for ever.
func (s *session) forgetFormer(
	topic string, id [16]byte, mine map[partition]*Lease, ids map[string][16]byte,
) {
	if id == [16]byte{} || ids[topic] == id {
		return
	}
	if _, known := ids[topic]; known {
		s.reader.PurgeTopicsFromConsuming(topic)
		for p, l := range mine {
			if p.topic == topic {
				delete(mine, p)
				l.seekAgain()
			}
		}
	}
	ids[topic] = id
}

// seekAgain makes the reader ask for the lease's partition once more.
func (l *Lease) seekAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead.unknown()
	l.ahead.seek = l.gone == nil && l.failure == nil
}

// share divides the read-ahead among the partitions: half of it equally, and the rest goes to those
// that lag.
func share(leases map[partition]*Lease, total int64) {
	held := map[*Lease]int64{}
	all := int64(0)
	for _, l := range leases {
		l.mu.Lock()
		held[l] = l.ahead.bytes
		l.mu.Unlock()
		all += held[l]
	}
	each := max(total/2/int64(max(len(leases), 1)), 256<<10)
	for l, n := range held {
		l.limit.Store(max(each, total/2-(all-n)))
	}
}

// over reports whether nobody reads the lease any more.
func (l *Lease) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone != nil || l.failure == errStopped
}

// take queues what was fetched.
func (l *Lease) take(ctx context.Context, fp *kgo.FetchPartition) {
	if fp.HighWatermark > l.end.Load() {
		l.end.Store(fp.HighWatermark)
	}
	if fp.Err != nil {
		recycle(fp.Records)
		l.onFetchError(ctx, fp.Err)
		return
	}
	l.s.in.refused.worked(l.name)
	first, last, under := int64(0), int64(0), epochs{}
	if n := len(fp.Records); n > 0 {
		first, last = fp.Records[0].Offset, fp.Records[n-1].Timestamp.UnixMilli()
		under.add(fp.Records) // before their memory is given back
	}
	batches, wentBack := l.batches(fp.Records), false
	l.mu.Lock()
	switch {
	case l.ahead.seek || l.gone != nil || l.failure != nil || len(batches) == 0:
	case first < l.ahead.next:
		wentBack = true
	default:
		for _, e := range under {
			l.ahead.epochs.from(e.offset, e.epoch)
		}
		for _, b := range batches {
			b.time = last
			l.ahead.push(b)
		}
		if l.ahead.bytes > l.limit.Load() {
			l.s.wakeReader()
		}
		l.change()
	}
	l.mu.Unlock()
	if wentBack {
		// by itself, which the client tells with this poll or the next
		l.relocate(ctx, &kgo.ErrDataLoss{ResetTo: first})
	}
}

// recycle gives back the memory of records.
func recycle(records []*kgo.Record) {
	for _, r := range records {
		r.Recycle()
	}
}

// batches turns fetched records into batches of about the usual size.
func (l *Lease) batches(in []*kgo.Record) (out []queued) {
	from := 0 // what is before at and not adopted
	for at := 0; at < len(in); {
		b, held, n := l.adopt(in[at:])
		if b != nil {
			out = append(l.copied(out, in[from:at]), queued{Batch: b, held: held})
			from = at + n
		}
		at += n
	}
	return l.copied(out, in[from:])
}

// copied appends batches that records are copied to, of at most the usual size. Control records
// carry no data, but show where a gap ends.
func (l *Lease) copied(out []queued, in []*kgo.Record) []queued {
	if dense(in) {
		return l.pack(out, in)
	}
	var recs []record.Record
	var arena []byte
	size, before := 0, len(out)
	first, end := int64(0), int64(-1)
	if len(in) > 0 {
		first = in[0].Offset
	}
	keep := func(b []byte) []byte {
		switch {
		case b == nil:
			return nil
		case len(b) == 0:
			return []byte{}
		}
		if cap(arena)-len(arena) < len(b) {
			arena = make([]byte, 0, max(len(b), 64<<10))
		}
		arena = append(arena, b...)
		return arena[len(arena)-len(b) : len(arena) : len(arena)]
	}
	cut := func(left int) {
		if recs != nil {
			b := record.FromRecords(l.part.topic, l.name, recs)
			out = append(out, queued{Batch: b, held: int64(b.Size())})
		}
		recs, size = nil, 0
		if left > 0 {
			recs = make([]record.Record, 0, min(left, 16<<10))
		}
	}
	for i, r := range in {
		end = r.Offset + 1
		if r.Attrs.IsControl() {
			r.Recycle()
			continue
		}
		if recs == nil || size >= record.TargetSize || len(recs) == cap(recs) {
			if len(recs) == 0 {
				recs = nil
			}
			cut(len(in) - i)
		}
		at, beyond, held := timestamp(r)
		rec := record.Record{Offset: r.Offset, Time: at, Key: keep(r.Key), Value: keep(r.Value)}
		if len(r.Headers) > 0 {
			rec.Headers = make([]record.Header, len(r.Headers))
			for j, h := range r.Headers {
				rec.Headers[j] = record.Header{Key: strings.Clone(h.Key), Value: keep(h.Value)}
			}
		}
		if !held {
			rec.Headers = append(rec.Headers, beyond)
		}
		recs = append(recs, rec)
		size += len(r.Key) + len(r.Value) + 64
		r.Recycle() // it was copied
	}
	if len(recs) == 0 {
		recs = nil
	}
	cut(0)
	if end < 0 {
		return out
	}
	if len(out) == before {
		b := record.FromRecords(l.part.topic, l.name, nil)
		b.First, b.End = first, end
		return append(out, queued{Batch: b})
	}
	out[len(out)-1].End = end
	return out
}

// dense reports whether the records have no gaps between them, as is usual.
func dense(in []*kgo.Record) bool {
	for i, r := range in {
		if r.Attrs.IsControl() || r.Offset != in[0].Offset+int64(i) {
			return false
		}
	}
	return len(in) > 0
}

// pack copies dense records into arenas: what waits to be read is then nothing that the garbage
// collector has to look through, and the records of the client, which are large, go at once.
func (l *Lease) pack(out []queued, in []*kgo.Record) []queued {
	var b record.Builder
	var headers []record.Header
	first, left := in[0].Offset, 0
	for _, r := range in {
		left += recordSize(r)
	}
	build := func() {
		if batch := b.Build(); batch != nil {
			batch.At(first)
			first = batch.End
			out = append(out, queued{Batch: batch, held: int64(batch.Size())})
		}
	}
	room := 0
	for _, r := range in {
		size := recordSize(r)
		if b.Len() == 0 || b.Size()+size > room {
			build()
			room = min(left, record.TargetSize+size)
			b.Reset(l.part.topic, l.name, room)
		}
		headers = headers[:0]
		for _, h := range r.Headers {
			headers = append(headers, record.Header(h))
		}
		at, beyond, held := timestamp(r)
		if !held {
			headers = append(headers, beyond)
		}
		b.Append(at, r.Key, r.Value, headers)
		left -= size
		r.Recycle() // it was copied
	}
	build()
	return out
}

// recordSize is what a record takes in a batch at most.
func recordSize(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value) + 40
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 20
	}
	return n
}

// onFetchError deals with a partition that could not be fetched.
func (l *Lease) onFetchError(ctx context.Context, err error) {
	log := l.s.in.env.Log.With("partition", l.name)
	var loss *kgo.ErrDataLoss
	var large *kgo.ErrDecompressTooLarge
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
	case errors.As(err, &loss):
		l.relocate(ctx, loss)
	case errors.Is(err, kerr.OffsetOutOfRange):
		l.relocate(ctx, nil)
	case errors.Is(err, errCrowded):
		l.s.in.metrics.crowded.Inc()
		l.seekAgain()
		l.s.wakeReader()
	case errors.As(err, &large):
		l.skipLarge(large)
	default:
		if otherLife(err) {
			l.s.suspectLife()
		}
		l.s.in.metrics.fetchErrors.Inc()
		l.s.in.refused.failed(l.name, fmt.Errorf("%s: %w", l.name, err))
		l.s.in.metrics.logFailure(log, "a partition cannot be fetched; trying again", err)
		// franz-go goes on by itself after most errors; after the others it waits to be asked.
		if !kerr.IsRetriable(err) {
			l.mu.Lock()
			l.ahead.seek = l.ahead.seek || l.gone == nil && l.failure == nil
			l.mu.Unlock()
			_ = fault.Sleep(ctx, 100*time.Millisecond)
			l.s.wakeReader()
		}
	}
}

// relocate finds out what an offset out of range means: records taken by retention are skipped, and
// said to be; a partition that ends before the position, or of which the client has found that it
// was another one before the position, is not the one that was read before.
func (l *Lease) relocate(ctx context.Context, loss *kgo.ErrDataLoss) {
	start, end, err := l.s.bounds(ctx, l.part)
	l.mu.Lock()
	if l.gone != nil || l.failure != nil || l.ahead.seek {
		l.mu.Unlock()
		return
	}
	log := l.s.in.env.Log.With("partition", l.name)
	at, left := l.ahead.next, end // what is left of what was read
	if loss != nil {
		left = min(left, loss.ResetTo)
	}
	anew := false
	switch {
	case err != nil:
		l.ahead.seek = true // ask again
	case at < start:
		log.Error(
			"records are gone before they were read: retention took them", "from", at, "to", start,
			"records", start-at,
			"do", "lengthen the topic's retention, or find out what held this partition up",
		)
		l.s.in.metrics.skipped.Add(float64(start - at))
		l.s.in.gone.Add(start - at)
		b := record.FromRecords(l.part.topic, l.name, nil)
		b.First, b.End, b.Lost = at, start, start-at
		l.ahead.pass(queued{Batch: b})
	case left < at && left >= l.committed.pos && l.committed.settled():
		log.Error(
			"brokers have lost records that were read and not committed; the partition is read again from its committed position",
			"committed", l.committed.pos, "from", left, "to", at,
			"do", "find out which broker came back without its last records, or became leader without them",
		)
		anew = true
	case at > end:
		l.fail(left, fmt.Errorf(
			"%s: the position is %d and the partition ends at %d: the topic was made anew, or records were lost on the brokers; "+
				"set the group's offset for the partition to where reading shall go on",
			l.name,
			at,
			end,
		))
	case left < at:
		l.fail(left, otherRecords(l.name, at, left))
	default:
		l.ahead.seek = true
	}
	l.change()
	l.mu.Unlock()
	if anew {
		l.s.beginAnew(l)
	}
	l.s.wakeReader()
}
