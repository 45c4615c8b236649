package record

// Over returns a batch over body, which is the record section of a Kafka record batch, not
// compressed. It has count records, whose positions are first and those after it, and whose times
// are base, in milliseconds since the Unix epoch, and the delta of each. The batch keeps body until
// free is called.
func Over(tag, origin string, body []byte, first, base int64, count int, free func()) *Batch {
	return &Batch{
		Tag: tag, Origin: origin, First: first, End: first + int64(count), count: count,
		bodySize: len(body), section: section{base: base, body: body, free: free},
	}
}

// Recycle tells that nobody will look at the batch any more, nor at anything that was read from it.
// It gives back memory that was lent for it, and does nothing for other batches, or after Keep.
// Only the reader of a log calls it, for what Next has returned.
func (b *Batch) Recycle() {
	b.mu.Lock()
	free := b.free
	if free != nil {
		b.free, b.body, b.count = nil, nil, 0
	}
	b.mu.Unlock()
	if free != nil {
		free()
	}
}

// Keep makes Recycle do nothing: somebody else than the log's reader may look at the batch later.
// It comes before the reader has the batch.
func (b *Batch) Keep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = nil
}
