package record

// Scratch is memory that Each uses again and again. The zero Scratch is ready. Not safe for
// concurrent use.
type Scratch struct {
	body    []byte
	seen    []byte // values
	headers []Header
}

// Each calls do with the records in order, as Records yields them, but keeps nothing of them. What
// a record refers to is valid until the next Each with the same scratch, and the record itself
// until do returns. The error is do's, or tells of a batch that does not decompress or parse, which
// may be found after some records. Safe for concurrent use with a scratch for each caller.
func (b *Batch) Each(s *Scratch, do func(*Record) error) error {
	if b.form == AsSeen {
		return b.each(s, do)
	}
	s.seen = s.seen[:0]
	return b.each(s, func(r *Record) error {
		start := len(s.seen)
		var err error
		if s.seen, err = b.form.appendSeen(s.seen, r.Value); err != nil {
			return err
		}
		r.Value = s.seen[start:len(s.seen):len(s.seen)]
		return do(r)
	})
}

func (b *Batch) each(s *Scratch, do func(*Record) error) error {
	if b.recs != nil || b.count == 0 {
		for i := range b.recs {
			r := b.recs[i]
			if err := do(&r); err != nil {
				return err
			}
		}
		return nil
	}
	body, err := b.openIn(s)
	if err != nil {
		return err
	}
	p := parser{b: body}
	r := Record{Headers: s.headers}
	for i := range b.count {
		delta, err := p.record(&r)
		if err != nil {
			return err
		}
		r.Offset, r.Time = b.First+int64(i), (b.base+delta)*1e6
		if b.sub != nil {
			r.Time += int64(b.sub[i])
		}
		if s.headers = r.Headers; len(r.Headers) == 0 {
			r.Headers = nil
		}
		if err := do(&r); err != nil {
			return err
		}
		r.Headers = s.headers
	}
	if len(p.b) != 0 {
		return errTrailing
	}
	return nil
}

// openIn returns the uncompressed record section, in the scratch unless the batch holds it.
func (b *Batch) openIn(s *Scratch) ([]byte, error) {
	b.mu.Lock()
	body, packed := b.body, b.packed
	if body == nil {
		b.noteMiss()
	}
	b.mu.Unlock()
	if body != nil {
		return body, nil
	}
	body, err := decompress(s.body, packed[batchHeaderSize:], b.codec, b.bodySize)
	if err == nil && b.codec != None { // else it is the batch's own memory
		s.body = body
	}
	return body, err
}
