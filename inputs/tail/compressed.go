package tail

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errCompressed is wrapped by errors in compressed data.
var errCompressed = errors.New("damaged or incomplete compressed file")

// stream is the decompressed content of a file. It goes forward, and keeps what trim has not given
// up.
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
	s.close = func() {}
	s.at, s.kept, s.head = 0, s.kept[:0], s.head[:0]
	raw := bufio.NewReaderSize(io.NewSectionReader(s.src, 0, s.size), 64<<10)
	dec, done, err := formatOf(s.kind).open(raw)
	if err != nil {
		return s.wrap(err)
	}
	s.dec, s.close = dec, done
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
	if complete := formatOf(
		s.kind,
	).complete; err == io.EOF && complete != nil &&
		!complete(s.src, s.size) {
		err = io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		return io.EOF
	}
	return s.wrap(err)
}

// openStream makes the decompressed content of f, which the caller has the turn of, readable at its
// offset.
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

// headMatches reports whether the decompressed content begins like that of p.
func headMatches(h *handle, size int64, kind compression, p *position) (bool, error) {
	s, err := newStream(h, size, kind)
	if err != nil {
		return false, err
	}
	defer s.Close()
	var scratch [headSize]byte
	known := fingerprints{off: p.Off, head: p.Head}
	return known.matches(s, scratch[:])
}

// findContent reads a compressed file through and returns that of the candidates whose content it
// holds most of, and its length. An error comes with what was found before it.
func findContent(
	h *handle, size int64, kind compression, candidates []*position,
) (best *position, length int64, err error) {
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
		if p.Head.N > 0 && p.Head.N <= n && fingerprintOf(head[:p.Head.N]) == p.Head {
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
				if _, err := s.ReadAt(
					tail, off-int64(p.Tail.N),
				); err == nil && fingerprintOf(tail) == p.Tail &&
					(best == nil || off > best.Off) {
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
