package outputs

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/penstock/penstock/buffer/record"
)

const (
	objectSuffix = ".ndjson.zst"
	// maxLine bounds what a damaged object can make a reader hold.
	maxLine = 256 << 20
)

// objectWriter makes one overflow object in memory. The same batches make the same bytes.
type objectWriter struct {
	buf     bytes.Buffer
	enc     *zstd.Encoder
	sum     hash.Hash // of the lines, not compressed: another release may compress otherwise
	line    []byte
	raw     int64
	records int64
	oldest  time.Time // of the first record
}

func newObjectWriter() *objectWriter {
	w := &objectWriter{sum: sha256.New()}
	// The options are valid, so there is no error. One megabyte of window keeps readers and writers small.
	w.enc, _ = zstd.NewWriter(&w.buf, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	return w
}

// reset begins another object, in the same memory.
func (w *objectWriter) reset() {
	w.buf.Reset()
	w.enc.Reset(&w.buf)
	w.sum.Reset()
	w.raw, w.records, w.oldest = 0, 0, time.Time{}
}

// add appends the records of b. router may be nil. A batch that cannot be read is kept as it is.
func (w *objectWriter) add(b *record.Batch, router Router) error {
	l := Letter{Tag: b.Tag, Origin: b.Origin, Topic: b.Topic}
	recs, err := b.Records()
	if err != nil {
		l.Raw, _ = b.Packed(record.None)
		l.Record.Offset = b.First
		return w.write(&l)
	}
	for r := range recs {
		l.Record = *r
		if b.Topic == "" && router != nil {
			l.Topic = router.Topic(b, r)
		}
		if err := w.write(&l); err != nil {
			return err
		}
	}
	return nil
}

func (w *objectWriter) write(l *Letter) error {
	w.line = appendLine(w.line[:0], l)
	if w.records == 0 {
		w.oldest = l.Record.When()
	}
	w.records++
	w.raw += int64(len(w.line))
	w.sum.Write(w.line)
	_, err := w.enc.Write(w.line)
	return err
}

// size returns the compressed bytes so far, give or take a block.
func (w *objectWriter) size() int64 { return int64(w.buf.Len()) }

// finish returns the object, which is valid until reset, and the digest of its lines.
func (w *objectWriter) finish() (data []byte, digest string, err error) {
	if err := w.enc.Close(); err != nil {
		return nil, "", err
	}
	return w.buf.Bytes(), hex.EncodeToString(w.sum.Sum(nil)[:16]), nil
}

// lineReader reads the lines of an overflow object or a dead letter file, zstd or plain.
type lineReader struct {
	r    *bufio.Reader
	dec  *zstd.Decoder
	long []byte
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// newLineReader reads from r. sum, if not nil, is fed all lines by the time that the end is reached.
func newLineReader(r io.Reader, sum hash.Hash) (*lineReader, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(head, zstdMagic) {
		if sum != nil {
			br = bufio.NewReaderSize(io.TeeReader(br, sum), 64<<10)
		}
		return &lineReader{r: br}, nil
	}
	dec, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return nil, err
	}
	var text io.Reader = dec
	if sum != nil {
		text = io.TeeReader(dec, sum)
	}
	return &lineReader{r: bufio.NewReaderSize(text, 64<<10), dec: dec}, nil
}

func (l *lineReader) close() {
	if l.dec != nil {
		l.dec.Close()
	}
}

// next returns the next line without its end, valid until the next call; io.EOF after the last. A last line without an end is returned
// with io.ErrUnexpectedEOF: it is torn.
func (l *lineReader) next() ([]byte, error) {
	p, err := l.r.ReadSlice('\n')
	if err == nil {
		return p[:len(p)-1], nil
	}
	l.long = append(l.long[:0], p...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if p, err = l.r.ReadSlice('\n'); len(l.long)+len(p) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		l.long = append(l.long, p...)
	}
	switch {
	case err == nil:
		return l.long[:len(l.long)-1], nil
	case errors.Is(err, io.EOF) && len(l.long) > 0:
		return l.long, io.ErrUnexpectedEOF
	}
	return nil, err
}

// lineSource groups lines into batches. Positions are line numbers from 0.
type lineSource struct {
	lines   *lineReader
	at      int64                // number of the next line
	pending *Letter              // read already, belongs to the next batch
	err     error                // met after lines that are still to be returned
	bad     int                  // lines that could not be read
	badErr  error                // the first of them
	skip    func(pos int64) bool // may be nil
	torn    bool                 // the last line was cut short

	// Of the records that have a position in a log, as dead letters have not.
	positioned bool
	low, high  int64
}

// next returns the next batch; io.EOF after the last; any other error means that the rest cannot be read.
func (s *lineSource) next() (*record.Batch, error) {
	var recs []record.Record
	var tag, origin, topic string
	size := 0
	for s.err == nil && size < record.TargetSize {
		l := s.pending
		if s.pending = nil; l == nil {
			if l = s.letter(); l == nil {
				continue
			}
		}
		if recs != nil && (l.Tag != tag || l.Origin != origin || l.Topic != topic) {
			s.pending = l
			break
		}
		tag, origin, topic = l.Tag, l.Origin, l.Topic
		recs = append(recs, l.Record)
		size += len(l.Record.Key) + len(l.Record.Value) + 64
	}
	if recs == nil {
		return nil, s.err
	}
	b := record.FromRecords(tag, origin, recs)
	b.Topic = topic
	return b, nil
}

// letter returns the next record; nil if s.err was set or the line is none.
func (s *lineSource) letter() *Letter {
	p, err := s.lines.next()
	if p == nil && err != nil {
		s.err = err
		return nil
	}
	at := s.at
	s.at++
	l, perr := parseLine(p)
	switch {
	case err != nil && perr != nil:
		s.torn, s.err = true, io.EOF // by a crash: it was never acknowledged to anybody
		return nil
	case len(bytes.TrimSpace(p)) == 0:
		return nil
	case perr == nil && l.Raw != nil:
		perr = errors.New("a batch that could not be read when it was stored")
	}
	if perr != nil {
		if s.bad++; s.badErr == nil {
			s.badErr = fmt.Errorf("line %d: %w", at+1, perr)
		}
		return nil
	}
	if l.Output == "" {
		s.place(l.Record.Offset)
		if s.skip != nil && s.skip(l.Record.Offset) {
			return nil
		}
	}
	l.Record.Offset = at
	if l.Output != "" {
		l.Topic = "" // a dead letter may have been refused for it; the writer chooses anew
	}
	return &l
}

func (s *lineSource) place(pos int64) {
	if !s.positioned {
		s.positioned, s.low, s.high = true, pos, pos
	}
	s.low, s.high = min(s.low, pos), max(s.high, pos)
}
