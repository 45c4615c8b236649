package tail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compression of a file.
type compression uint8

const (
	none compression = iota
	gzipped
	zstandard
)

// errCompressed is wrapped by errors in compressed data.
var errCompressed = errors.New("damaged or incomplete compressed file")

var (
	gzipMagic = []byte{0x1F, 0x8B}
	zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}
)

// compressionOf goes by a file's first bytes, and by its name only while there are none.
func compressionOf(path string, head []byte) compression {
	switch {
	case bytes.HasPrefix(head, gzipMagic) || len(head) < 2 && strings.HasSuffix(path, ".gz"):
		return gzipped
	case bytes.HasPrefix(head, zstdMagic) || len(head) < 4 && strings.HasSuffix(path, ".zst"):
		return zstandard
	}
	return none
}

// stream is the decompressed content of a file. It goes forward, and keeps what trim has not given up.
type stream struct {
	src   io.ReaderAt
	size  int64
	kind  compression
	dec   io.Reader
	close func()
	at    int64  // decompressed so far
	kept  []byte // what ends at at
	head  []byte // the first bytes
}

func newStream(src io.ReaderAt, size int64, kind compression) (*stream, error) {
	s := &stream{src: src, size: size, kind: kind, close: func() {}}
	return s, s.rewind()
}

func (s *stream) rewind() error {
	s.close()
	s.at, s.kept, s.head = 0, s.kept[:0], s.head[:0]
	raw := bufio.NewReaderSize(io.NewSectionReader(s.src, 0, s.size), 64<<10)
	if s.kind == gzipped {
		s.close = func() {}
		zr, err := gzip.NewReader(raw)
		if err != nil {
			return s.wrap(err)
		}
		s.dec = zr
		return nil
	}
	zr, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return s.wrap(err)
	}
	s.dec, s.close = zr, zr.Close
	return nil
}

func (s *stream) wrap(err error) error {
	if err == nil || err == io.EOF && s.at > 0 {
		return err
	}
	var sys interface{ Timeout() bool } // errors of the file itself
	if errors.As(err, &sys) {
		return err
	}
	return fmt.Errorf("%w: %w", errCompressed, err)
}

// Close gives back the decoder.
func (s *stream) Close() { s.close() }

// trim gives up what lies before off.
func (s *stream) trim(off int64) {
	if from := s.at - int64(len(s.kept)); off > from {
		n := copy(s.kept, s.kept[min(off-from, int64(len(s.kept))):])
		s.kept = s.kept[:n]
	}
}

// ReadAt implements io.ReaderAt. Going back before what is kept means to begin again.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= int64(len(s.head)) {
		return copy(p, s.head[off:]), nil
	}
	if off < s.at-int64(len(s.kept)) {
		if err := s.rewind(); err != nil {
			return 0, err
		}
	}
	for s.at < off { // nothing before off is wanted
		s.kept = s.kept[:0]
		if err := s.more(int(min(off-s.at, blockSize))); err != nil {
			return 0, err
		}
	}
	var err error
	if want := off + int64(len(p)) - s.at; want > 0 {
		err = s.more(int(want))
	}
	return copy(p, s.kept[int64(len(s.kept))-(s.at-off):]), err
}

// more decompresses n bytes.
func (s *stream) more(n int) error {
	from := len(s.kept)
	if cap(s.kept)-from < n {
		s.kept = append(make([]byte, 0, max(from+n, 64<<10)), s.kept...)
	}
	m, err := io.ReadFull(s.dec, s.kept[from:from+n])
	s.kept = s.kept[:from+m]
	if len(s.head) < headSize {
		s.head = append(s.head, s.kept[from:from+min(m, headSize-len(s.head))]...)
	}
	s.at += int64(m)
	switch {
	case err == io.ErrUnexpectedEOF && m < n:
		// ReadFull's way to say EOF after some bytes; the decoder says what kind of end it is.
		if _, err = s.dec.Read(make([]byte, 1)); err == nil {
			err = io.ErrUnexpectedEOF
		}
	case err == nil:
		return nil
	}
	if err == io.EOF {
		return io.EOF
	}
	return s.wrap(err)
}

// openStream makes the decompressed content of f, which the caller has the turn of, readable at its offset.
func (r *run) openStream(f *file) error {
	if f.r.z == nil {
		fi, err := f.r.h.stat()
		if err != nil {
			return err
		}
		f.size.Store(fi.size)
		if f.r.z, err = newStream(f.r.h, fi.size, f.compression); err != nil {
			return err
		}
	}
	f.r.z.trim(f.r.off)
	return nil
}

// headMatches tells whether the decompressed content begins like that of p.
func headMatches(h *handle, size int64, kind compression, p *position) (bool, error) {
	s, err := newStream(h, size, kind)
	if err != nil {
		return false, err
	}
	defer s.Close()
	var scratch [headSize]byte
	prints := prints{off: p.Off, head: p.Head}
	return prints.matches(s, scratch[:])
}

// findContent reads a compressed file through and returns that of the candidates whose content it holds most of, and its length.
// An error comes with what was found before it.
func findContent(h *handle, size int64, kind compression, candidates []*position) (best *position, length int64, err error) {
	s, err := newStream(h, size, kind)
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	var head [headSize]byte
	n, err := s.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return nil, 0, err
	}
	ends := map[int64][]*position{}
	for _, p := range candidates {
		if p.Head.N > 0 && p.Head.N <= n && printOf(head[:p.Head.N]) == p.Head {
			ends[p.Off] = append(ends[p.Off], p)
		}
	}
	buf := make([]byte, blockSize)
	at := int64(0)
	for {
		n, err := s.ReadAt(buf, at)
		for off, list := range ends {
			if off > at+int64(n) {
				continue
			}
			delete(ends, off)
			for _, p := range list {
				tail := buf[:p.Tail.N]
				if _, err := s.ReadAt(tail, off-int64(p.Tail.N)); err == nil && printOf(tail) == p.Tail && (best == nil || off > best.Off) {
					best = p
				}
			}
		}
		at += int64(n)
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return best, at, err
		}
		if len(ends) == 0 && best == nil {
			return nil, -1, nil // nothing can match any more
		}
		s.trim(at - tailSize)
	}
}

// backlog reads compressed files one after the other: they wait until they are complete and compared with what is known, then to be read.
type backlog struct {
	compare   []*file
	read      []*file
	busy      *file // being compared or read
	comparing *file // busy, if it is being compared
}

// undecided calls f for each file not compared yet.
func (b *backlog) undecided(f func(*file) bool) bool {
	return slices.ContainsFunc(b.compare, f) || b.comparing != nil && f(b.comparing)
}

func (b *backlog) len() int { return len(b.compare) + len(b.read) }

func (b *backlog) add(f *file) { b.read = append(b.read, f) }

func (b *backlog) ended(f *file) {
	if b.busy == f {
		b.busy = nil
	}
}

// discoverCompressed adds a compressed file that nothing is known of.
func (m *manager) discoverCompressed(s sight, kind compression) {
	f := m.newFile(s.path, s.fi, s.path, newKey(s.fi.id, time.Now()))
	f.compression = kind
	if m.cfg.Compressed == "ignore" || m.first && m.starting && m.cfg.StartAt == "end" {
		f.m.ended, f.r.dead = true, true
		if m.cfg.Compressed != "ignore" {
			last := f.position(prints{}, false)
			last.Done = true
			f.last.Store(last)
		}
		m.register(f)
		return
	}
	f.m.hold = &hold{}
	m.register(f)
	m.gz.compare = append(m.gz.compare, f)
}

// settleFor is how long a compressed file must be unchanged to be taken as complete.
const settleFor = time.Second

// sweepGz takes the backlog a step further.
func (m *manager) sweepGz(now time.Time) {
	if m.gz.busy != nil {
		return
	}
	for i, f := range m.gz.compare {
		if f.m.ended {
			m.gz.compare = append(m.gz.compare[:i:i], m.gz.compare[i+1:]...)
			return
		}
		fi, err := statPath(f.where())
		if err != nil || !fi.is(f.id, f.birth) {
			m.gz.compare = append(m.gz.compare[:i:i], m.gz.compare[i+1:]...)
			m.unregister(f)
			m.startWaiting()
			m.nextScan = time.Time{}
			return
		}
		if now.Sub(time.Unix(0, fi.mtime)) < min(settleFor, m.cfg.RotateWait) || fi.size == 0 || m.beingCompressed(f) {
			continue
		}
		m.gz.compare = append(m.gz.compare[:i:i], m.gz.compare[i+1:]...)
		m.compare(f)
		return
	}
	if len(m.gz.read) > 0 {
		f := m.gz.read[0]
		m.gz.read = m.gz.read[1:]
		if !f.m.ended {
			m.gz.busy = f
			m.wake(f, cmdRead)
		}
	}
}

// beingCompressed tells whether the file that f may have been made of is still being read.
func (m *manager) beingCompressed(f *file) bool {
	path := f.where()
	for g := range m.left {
		if len(g.m.names) == 0 && g.compression == none && related(path, g.where()) && filepath.Dir(path) == filepath.Dir(g.where()) {
			return true
		}
	}
	g := m.byPath[uncompressedName(path)]
	return g != nil && g.compression == none && g.size.Load() > g.delivered.Load()
}

// compare has a worker find out whether f is the compressed form of what was read before.
func (m *manager) compare(f *file) {
	m.gz.busy, m.gz.comparing = f, f
	path := f.where()
	var candidates []*position
	for _, p := range m.known.byKey {
		if p.Off > 0 && (related(path, p.Path) || related(path, p.origin())) {
			candidates = append(candidates, p)
		}
	}
	for _, g := range m.byPath {
		if last := g.last.Load(); last != nil && g != f && last.Off > 0 && g.compression == none && related(path, g.where()) {
			candidates = append(candidates, last)
		}
	}
	m.queue.do(func(ctx context.Context) error {
		h, fi, err := openHandle(path)
		res := result{f: f, outcome: compared, err: err}
		if err == nil {
			if fi.is(f.id, f.birth) && len(candidates) > 0 {
				res.match, res.size, res.err = findContent(h, fi.size, f.compression, candidates)
			}
			_ = h.Close()
		}
		m.run.tell(ctx, res)
		return nil
	})
}

// compared begins to read a compressed file where what was read before ends.
func (m *manager) compared(res result) {
	f := res.f
	m.gz.ended(f)
	m.gz.comparing = nil
	defer m.startWaiting()
	if f.m.ended {
		return
	}
	path, names := f.where(), f.m.names
	if res.err != nil {
		m.trouble(path, res.err)
	}
	m.unregister(f)
	fi, err := statPath(path)
	if err != nil || !fi.is(f.id, f.birth) {
		m.nextScan = time.Time{}
		return
	}
	path0 := path
	if res.match != nil {
		path0 = res.match.origin()
	}
	g := m.newFile(path, fi, path0, f.key)
	g.compression, g.m.seq = f.compression, f.m.seq
	if p := res.match; p != nil {
		m.run.tail.counts.recognised.Inc()
		g.r.prints, g.r.skip = p.prints(), p.Skip
		g.delivered.Store(p.Off)
		last := g.position(p.prints(), p.Skip)
		last.Done = res.err == nil && res.size == p.Off
		g.last.Store(last)
		g.m.ended, g.r.dead = last.Done, last.Done
		m.store(last)
		m.log.Info("compressed file holds what was read before", "path", path, "source", path0, "offset", p.Off, "complete", last.Done)
	}
	m.register(g)
	for _, name := range names {
		m.arrive(g, name)
	}
	if !g.m.ended {
		m.tryStart(g)
	}
}

// awaitsCompressed tells whether a compressed file, not compared yet, may hold what comes before f.
func (m *manager) awaitsCompressed(f *file) bool {
	if !m.missing[f.path0] || f.compression != none || len(f.m.names) == 0 {
		return false
	}
	if m.gz.undecided(func(c *file) bool {
		return !c.m.ended && related(c.where(), f.path0) && uncompressedName(c.where()) != f.where()
	}) {
		return true
	}
	delete(m.missing, f.path0)
	return false
}

// startWaiting starts the files that waited for a comparison.
func (m *manager) startWaiting() {
	for path0 := range m.missing {
		for _, f := range slices.Clone(m.streams[path0]) {
			if f.size.Load() > 0 {
				m.tryStart(f)
			}
		}
	}
}
