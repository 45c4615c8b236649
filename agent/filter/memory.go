package filter

// memory remembers something by key, and forgets what has not been asked for for the longest time
// once there are too many keys.
type memory[K comparable, V any] struct {
	limit      int
	young, old map[K]*V
}

func newMemory[K comparable, V any](limit int) memory[K, V] {
	return memory[K, V]{limit: limit, young: map[K]*V{}}
}

// get returns what is remembered, which the caller may change; fresh says that it is new.
func (m *memory[K, V]) get(key K) (v *V, fresh bool) {
	if v := m.young[key]; v != nil {
		return v, false
	}
	if v, fresh = m.old[key], false; v == nil {
		v, fresh = new(V), true
	}
	if len(m.young) >= (m.limit+1)/2 {
		m.old, m.young = m.young, make(map[K]*V, len(m.young))
	}
	m.young[key] = v
	return v, fresh
}

// progress tells records that are delivered again from those that come for the first time.
type progress struct {
	high, at int64
	repeated bool
}

func newProgress() progress { return progress{high: -1, at: -1} }

// isRepeated reports whether the record has been seen before. Records that share a position are
// seen together.
func (p *progress) isRepeated(v *View) bool {
	if at := v.rec.Offset; at != p.at || !v.sharesPosition {
		p.at, p.repeated, p.high = at, at <= p.high, max(p.high, at)
	}
	return p.repeated
}
