package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/penstock/penstock/buffer/record"
	"golang.org/x/sync/semaphore"
)

var (
	// ErrClosed is returned by a buffer that was closed.
	ErrClosed = errors.New("buffer is closed")
	// ErrSealed is returned by Append after Seal.
	ErrSealed = errors.New("buffer is sealed: it takes no more data")
	// ErrTooLarge is returned for a batch that the buffer could never hold.
	ErrTooLarge = errors.New("batch is larger than the buffer can hold")
)

const (
	// maxInFlight bounds the uncompressed bytes accepted and not yet durable.
	maxInFlight = 8 << 20
	// recentBytes bounds the batches kept in memory for readers at the head.
	recentBytes = 8 << 20
	// commitBytes bounds one commit, encoded.
	commitBytes = 8 << 20

	maxBatchBytes = 1 << 30

	// formatVersion is the format of a buffer's directory: segments, groups and the state in them.
	formatVersion = 2
	// formatMaps is that of one in which there are, or were, batches of the form record.Msgpack.
	formatMaps = 3
)

// Buffer is an open buffer: what holds its parts together. All methods are safe for concurrent use.
//
// There is one lock, mu, for all parts: a batch becomes visible, acknowledged and counted at one
// moment, in publish. Parts do not lock; whoever calls them holds mu, but for those of chain that
// say otherwise. Nothing waits for the disk, or for anybody, with it held, except that a reader
// opens a segment's file and a closed segment is renamed: these two exclude each other.
type Buffer struct {
	dir      *directory
	opt      Options
	codec    codecChoice
	mark     formatMark
	m        *metrics
	inflight *semaphore.Weighted // of maxInFlight
	writerSignals

	mu sync.Mutex // guards everything below, and the fields of segments

	ends
	queue   queue   // accepted, on the way to disk
	window  window  // of spill mode: in the log, in memory alone
	chain   chain   // on disk
	recent  recent  // in memory for readers, wherever else it is
	state   *state  // durable; changed by the writer alone
	cursors cursors // open readers, and what they want stored
	books   books   // of counts, what is not stored yet
	space   space   // room for appends, and those that wait for it
	changed signal  // ends, the chain or the phase
	phase
}

// writerSignals are what the writer and the others tell each other without the lock.
type writerSignals struct {
	wake chan struct{} // tells the writer that there is something to do; capacity 1
	quit chan struct{} // closed by Close
	done chan struct{} // closed by the writer when it ends
}

// wakeWriter wakes the writer.
func (s *writerSignals) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// ends are where the log ends: disk <= end <= assigned. Buffer.mu guards them.
type ends struct {
	disk     int64 // after the last record on disk: end, but for what is in memory alone
	end      int64 // after the last record that readers may have
	assigned int64 // after the last accepted record
}

// phase is where in its life the buffer is. Buffer.mu guards it.
type phase struct {
	recovered bool // until then whoever opens the buffer changes all of it without mu
	headless  bool // opened without room for a head; see Options.OpenFull
	sealed    bool
	closed    bool
}

// codecChoice is how batches are packed, and whether it pays to keep them unpacked in memory, too.
// Safe for concurrent use.
type codecChoice struct {
	codec  atomic.Uint32
	missed atomic.Bool // records were wanted of a batch that Pack had left packed alone
}

func (c *codecChoice) set(codec record.Codec) { c.codec.Store(uint32(codec)) }

func (c *codecChoice) get() record.Codec { return record.Codec(c.codec.Load()) }

// Open opens the buffer in dir, creating it if need be. It fails with ErrLocked if another process
// has it open.
func Open(dir string, opt Options) (*Buffer, error) {
	opt.fill()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("create buffer directory: %w", err)
	}
	b := &Buffer{
		dir: newDirectory(dir, &opt), opt: opt,
		inflight: semaphore.NewWeighted(maxInFlight),
		writerSignals: writerSignals{
			wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		},
	}
	b.chain = chain{dir: b.dir, retry: opt.retry, quit: b.quit, mu: &b.mu}
	b.cursors.open, b.cursors.asked = map[string]*Cursor{}, map[string]int64{}
	b.cursors.unresolved.none = make(chan struct{})
	b.window.max, b.window.maxAge = opt.window, opt.age
	if opt.MaxSize > 0 {
		b.space.limit = opt.limit()
	}
	b.SetCodec(opt.Codec)
	if err := b.dir.take(); err != nil {
		return nil, err
	}
	err = b.mark.raise(dir, formatVersion)
	if isFull(err) && b.dir.giveReserve() {
		err = b.mark.raise(dir, formatVersion)
	}
	if err != nil {
		return nil, errors.Join(err, b.dir.release())
	}
	if b.m, err = newMetrics(opt.Metrics, b.Stats); err != nil {
		return nil, errors.Join(err, b.dir.release())
	}
	b.chain.m = b.m
	w, err := b.recover()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open buffer %s: %w", dir, err), b.dir.release())
	}
	b.mu.Lock()
	b.recovered = true
	b.mu.Unlock()
	go w.run()
	return b, nil
}

// SetCodec changes Options.Codec for what is appended from now on.
func (b *Buffer) SetCodec(c record.Codec) { b.codec.set(c) }

// taken returns the bytes of disk in use, or that what was accepted will take. Caller holds mu.
func (b *Buffer) taken() int64 { return b.chain.used + b.queue.bytes + b.window.disk }

// hasRoom reports whether n more encoded bytes may be accepted. Caller holds mu.
func (b *Buffer) hasRoom(n int64) bool { return b.space.fits(b.taken(), n) }

// makeRoom wakes the appends that wait. Caller holds mu.
func (b *Buffer) makeRoom() {
	if b.closed || b.sealed || b.hasRoom(0) || b.window.waiting > 0 {
		b.space.wakeAll()
	}
}

// trim takes the segments that every cursor has passed out of the chain, and forgets batches that
// everybody has read. Caller holds mu.
func (b *Buffer) trim() (removed []*segment) {
	low := b.state.minCursor(b.end)
	b.recent.trim(low)
	return b.chain.trim(low)
}

// Positions returns a copy of all positions of input as of the last append that is in the log.
func (b *Buffer) Positions(input string) map[string][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string][]byte, len(b.state.inputs[input]))
	for k, v := range b.state.inputs[input] {
		out[k] = append([]byte{}, v...)
	}
	for _, list := range [][]*appendOp{b.queue.ops, b.window.ops} {
		for _, op := range list {
			if !op.isPublished || op.input != input {
				continue
			}
			for i := range op.changes {
				switch c := &op.changes[i]; c.kind {
				case changePosition:
					out[c.key] = append([]byte{}, c.value...)
				case changeForget:
					delete(out, c.key)
				}
			}
		}
	}
	return out
}

// Inputs returns the names of the inputs that have positions.
func (b *Buffer) Inputs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for name := range b.state.inputs {
		if name != booksName {
			out = append(out, name)
		}
	}
	return out
}

// Seal ends the log: Append fails with ErrSealed from now on, and cursors return io.EOF once they
// have read what was accepted. It is not remembered over a restart.
func (b *Buffer) Seal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sealed = true
	b.changed.fire()
	b.makeRoom()
}

// Close writes what was accepted and closes the buffer. Appends and reads that wait fail with
// ErrClosed. What cannot be written because the disk is full is refused through its done function.
func (b *Buffer) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		<-b.done
		return nil
	}
	b.closed = true
	b.changed.fire()
	b.makeRoom()
	b.mu.Unlock()
	close(b.quit)
	<-b.done
	b.chain.bg.Wait()
	_ = b.dir.emptyTrash() // what there was no room to remove; else the next start does
	return b.dir.release()
}
