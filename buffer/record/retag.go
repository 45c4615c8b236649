package record

// Retag returns a batch of the same records, positions and bytes under another tag.
func (b *Batch) Retag(tag string) *Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &Batch{
		Tag: tag, Origin: b.Origin, Topic: b.Topic, First: b.First, End: b.End, Input: b.Input,
		Places: b.Places,
		count:  b.count, bodySize: b.bodySize, maxTime: b.maxTime, form: b.form, recs: b.recs,
		section: section{
			base: b.base, body: b.body, sub: b.sub, packed: b.packed, codec: b.codec,
			valid: b.valid,
		},
	}
}
