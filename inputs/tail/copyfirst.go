package tail

import "path/filepath"

// A copy of a log that was found together with it, or before it, when nothing had been read of
// either, is read as what comes before the log. It is named so, and where the log is truncated
// next, as copytruncate does it, it is that. Until then both hold the same, and it is to be read
// once. So a log that begins with all that was read of such a copy waits until the copy has been
// quiet for rotate_wait, and is then read on where the copy ends.
//
// Two logs may begin alike, and one that was truncated may hold again what it did. A log was surely
// not truncated since the copy was made in two cases. Either it was last written before the copy
// was, or they have more in common than headSize, which is what tells files apart everywhere. Where
// neither is known the log is read from its beginning: what is in both is repeated, not lost.

// followsCopy reports whether f, all of whose predecessors have been read, waits because one of
// them may be a copy of it.
func (m *manager) followsCopy(f *file) bool {
	delete(m.swept.behind, f)
	if f.compression != none || len(f.m.rotation.replaces) > 0 || f.delivered.Load() > 0 ||
		!m.isLive(f) {
		return false
	}
	c, sure := m.copyAhead(f)
	if c == nil {
		return false
	}
	now := m.sys.now()
	if f.m.rotation.behind.IsZero() {
		f.m.rotation.behind = now
	}
	quiet := now.Sub(c.m.evidence.grown) >= m.cfg.RotateWait &&
		now.Sub(f.m.rotation.behind) >= m.cfg.RotateWait
	if !quiet && now.Sub(f.m.rotation.behind) < longestCopy*m.run.tail.patience {
		m.swept.behind[f] = struct{}{}
		return true
	}
	if sure {
		m.log.Info(
			"a log begins with what was read of a copy of it; it is read on where that ends",
			"path", f.where(), "copy", c.where(), "offset", c.delivered.Load(),
		)
		m.continueAt(f, c.last.Load())
	}
	return false
}

// copyAhead returns the file before f that was made as a copy of it as it is, or is still empty and
// may become one; nil if there is none. It reports whether that surely is a copy.
func (m *manager) copyAhead(f *file) (c *file, sure bool) {
	for _, p := range m.sources.streams[f.firstPath] {
		if p == f {
			break
		}
		if p.compression != none || p.birth != 0 && p.birth < f.birth ||
			!isRotationOf(filepath.Base(p.where()), filepath.Base(f.firstPath)) {
			continue
		}
		last := p.last.Load()
		if last == nil || last.Off == 0 {
			if c == nil {
				c = p
			}
			continue
		}
		if last.Skip || last.Head.isNUL() || c != nil && c.delivered.Load() >= last.Off {
			continue
		}
		h, fi, _ := m.openFile(f)
		if h == nil {
			return nil, false
		}
		var scratch [headSize]byte
		known := last.fingerprints()
		same, err := known.matches(h, scratch[:])
		_ = h.Close()
		if err == nil && same && fi.size >= last.Off {
			c, sure = p, last.Off > headSize || fi.mtime < max(p.m.evidence.mtime, p.birth)
		}
	}
	return c, sure
}
