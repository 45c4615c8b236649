package recordline

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
	"github.com/penstock/penstock/outputs"
)

const (
	ObjectSuffix = ".ndjson.zst"
	// maxLine bounds what a damaged object can make a reader hold.
	maxLine = 256 << 20
	// maxWindow is what a reader takes for a few bytes: the zstd command needs no more, unless it
	// is told to.
	maxWindow = 8 << 20
)

// ObjectWriter makes one overflow object in memory. The same batches make the same bytes.
type ObjectWriter struct {
	buf     bytes.Buffer
	enc     *zstd.Encoder
	sum     hash.Hash // of the lines, not compressed: another release may compress otherwise
	line    []byte
	Raw     int64
	Records int64
	Oldest  time.Time // of the first record
}

func NewObjectWriter() *ObjectWriter {
	w := &ObjectWriter{sum: sha256.New()}
	// The options are valid, so there is no error. One megabyte of window keeps readers and writers
	// small.
	w.enc, _ = zstd.NewWriter(
		&w.buf, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20),
		zstd.WithLowerEncoderMem(true),
	)
	return w
}

// Reset begins another object, in the same memory.
func (w *ObjectWriter) Reset() {
	w.buf.Reset()
	w.enc.Reset(&w.buf)
	w.sum.Reset()
	w.Raw, w.Records, w.Oldest = 0, 0, time.Time{}
}

// Add appends the records of b. router may be nil. A batch that cannot be read is kept as it is.
func (w *ObjectWriter) Add(b *record.Batch, router outputs.Router) error {
	l := outputs.DeadRecord{Tag: b.Tag, Origin: b.Origin, Topic: b.Topic}
	recs, err := b.Records()
	if err != nil {
		l.Raw, _ = b.PackedAsKept(record.None)
		l.Record.Offset = b.First
		return w.Write(&l)
	}
	for r := range recs {
		l.Record = *r
		if b.Topic == "" && router != nil {
			l.Topic = router.Topic(b, r)
		}
		if err := w.Write(&l); err != nil {
			return err
		}
	}
	return nil
}

func (w *ObjectWriter) Write(l *outputs.DeadRecord) error {
	w.line = AppendLine(w.line[:0], l)
	if w.Records == 0 {
		w.Oldest = l.Record.When()
	}
	w.Records++
	w.Raw += int64(len(w.line))
	w.sum.Write(w.line)
	_, err := w.enc.Write(w.line)
	return err
}

// Size returns the compressed bytes so far, give or take a block.
func (w *ObjectWriter) Size() int64 { return int64(w.buf.Len()) }

// Finish returns the object, which is valid until reset, and the digest of its lines.
func (w *ObjectWriter) Finish() (data []byte, digest string, err error) {
	if err := w.enc.Close(); err != nil {
		return nil, "", err
	}
	return w.buf.Bytes(), hex.EncodeToString(w.sum.Sum(nil)[:16]), nil
}

// LineReader reads the lines of an overflow object or a dead letter file, zstd or plain.
type LineReader struct {
	R    *bufio.Reader
	dec  *zstd.Decoder
	long []byte
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// NewLineReader reads from r. sum, if not nil, is fed all lines by the time that the end is
// reached.
func NewLineReader(r io.Reader, sum hash.Hash) (*LineReader, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(head, zstdMagic) {
		if sum != nil {
			br = bufio.NewReaderSize(io.TeeReader(br, sum), 64<<10)
		}
		return &LineReader{R: br}, nil
	}
	dec, err := zstd.NewReader(
		br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow),
	)
	if err != nil {
		return nil, err
	}
	var text io.Reader = dec
	if sum != nil {
		text = io.TeeReader(dec, sum)
	}
	return &LineReader{R: bufio.NewReaderSize(text, 64<<10), dec: dec}, nil
}

func (l *LineReader) Close() {
	if l.dec != nil {
		l.dec.Close()
	}
}

// ReadLine returns the next line without its end, valid until the next call; io.EOF after the
// last. A last line without an end is returned with io.ErrUnexpectedEOF: it is torn.
func (l *LineReader) ReadLine() ([]byte, error) {
	p, err := l.R.ReadSlice('\n')
	if err == nil {
		return p[:len(p)-1], nil
	}
	l.long = append(l.long[:0], p...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if p, err = l.R.ReadSlice('\n'); len(l.long)+len(p) > maxLine {
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

// LineSource groups lines into batches. Positions are line numbers from 0.
type LineSource struct {
	Lines   *LineReader
	At      int64                // number of the next line
	pending *stored              // read already, belongs to the next batch
	err     error                // met after lines that are still to be returned
	Bad     int                  // Lines that could not be read
	BadErr  error                // the first of them
	Skip    func(pos int64) bool // may be nil
	Torn    bool                 // the last line was cut short
	// Want tells which records are wanted; nil for all.
	Want func(*outputs.DeadRecord) bool

	// Of the records that have a position in a log, as dead letters have not.
	Positioned bool
	Low, High  int64
	Origins    map[string]*OriginCount // those that Skip is true of too
}

// OriginCount is how many records of one origin there are, and the position of the first.
type OriginCount struct{ First, Records, Bytes int64 }

// ReadBatch returns the next batch; io.EOF after the last; any other error means that the rest
// cannot be read.
func (s *LineSource) ReadBatch() (*record.Batch, error) {
	var recs []record.Record
	var places record.Places
	var tag, origin, topic string
	size := 0
	for s.err == nil && size < record.TargetSize {
		l := s.pending
		if s.pending = nil; l == nil {
			if l = s.next(); l == nil {
				continue
			}
		}
		if recs != nil && (l.Tag != tag || l.Origin != origin || l.Topic != topic) {
			s.pending = l
			break
		}
		tag, origin, topic = l.Tag, l.Origin, l.Topic
		recs = append(recs, l.Record)
		if l.Output == "" {
			places.Add(l.Record.Offset, l.place)
		}
		size += len(l.Record.Key) + len(l.Record.Value) + 64
		for _, h := range l.Record.Headers {
			size += len(h.Key) + len(h.Value) + 64
		}
	}
	if recs == nil {
		return nil, s.err
	}
	b := record.FromRecords(tag, origin, recs)
	b.Topic, b.Places = topic, places
	return b, nil
}

// stored is a record of a line.
type stored struct {
	outputs.DeadRecord
	place int64 // its position in the log, which dead letters have not
}

// next returns the next record; nil if s.err was set or the line is none.
func (s *LineSource) next() *stored {
	p, err := s.Lines.ReadLine()
	if p == nil && err != nil {
		s.err = err
		return nil
	}
	at := s.At
	s.At++
	if err == nil && len(bytes.TrimSpace(p)) == 0 {
		return nil
	}
	l, perr := ParseLine(p)
	switch {
	case err != nil && perr != nil:
		s.Torn, s.err = true, io.EOF // by a crash: it was never acknowledged to anybody
		return nil
	case perr == nil && l.Raw != nil:
		perr = errors.New("a batch that could not be read when it was stored")
	}
	if perr != nil {
		if s.Bad++; s.BadErr == nil {
			s.BadErr = fmt.Errorf("line %d: %w", at+1, perr)
		}
		return nil
	}
	if l.Output == "" {
		s.count(&l)
		if s.Skip != nil && s.Skip(l.Record.Offset) {
			return nil
		}
	}
	if s.Want != nil && !s.Want(&l) {
		return nil
	}
	place := l.Record.Offset
	l.Record.Offset = at
	if l.Output != "" {
		l.Topic = "" // a dead letter may have been refused for it; the writer chooses anew
	}
	return &stored{l, place}
}

func (s *LineSource) count(l *outputs.DeadRecord) {
	pos := l.Record.Offset
	n := s.Origins[l.Origin]
	if n == nil {
		if s.Origins == nil {
			s.Origins = map[string]*OriginCount{}
		}
		n = &OriginCount{First: pos}
		s.Origins[l.Origin] = n
	}
	n.Records++
	n.Bytes += int64(len(l.Record.Key) + len(l.Record.Value))
	if !s.Positioned {
		s.Positioned, s.Low, s.High = true, pos, pos
	}
	s.Low, s.High = min(s.Low, pos), max(s.High, pos)
}
