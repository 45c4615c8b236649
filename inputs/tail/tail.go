package tail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/kubernetes"
)

// Tail is the input "tail". Run may be called again after it has returned.
type Tail struct {
	cfg      Config
	env      inputs.Env
	files    *inputs.Descriptors
	log      *slog.Logger
	tagger   *tagger
	counts   *counts
	sys      system
	block    int // how much is read at a time
	newWatch func() (notifier, error)
	addWatch func(dir string) error // instead of inotify, if set
	blind    bool                   // as if no file system told of holes
	pods     *kubernetes.Watcher    // nil if nothing is to be known of them
	removing func(removalStep)      // called in the middle of a removal, if set
	patience time.Duration          // how long a file waits for a compressed one to be complete
	run      atomic.Pointer[run]    // the current Run, for Status
}

// New returns a Tail; it looks at no file yet.
func New(cfg Config, env inputs.Env) (*Tail, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	name := env.Name[strings.LastIndexByte(env.Name, '.')+1:]
	tagger, err := newTagger(&cfg, name)
	if err != nil {
		return nil, err
	}
	t := &Tail{
		cfg:      cfg,
		files:    env.Descriptors,
		env:      env,
		log:      env.Log,
		tagger:   tagger,
		block:    blockSize,
		patience: patience,
		newWatch: newNotifier,
	}
	if t.files == nil {
		t.files = inputs.NewDescriptors()
	}
	t.counts = newCounts(env.Metrics, t)
	if t.pods, err = newPods(t); err != nil {
		return nil, err
	}
	return t, nil
}

// bufferSize is what a line of the longest length allowed needs, with its end.
func (t *Tail) bufferSize() int {
	return max(t.block, int(t.cfg.MaxLineSize)+64+maxDelimiter)
}

// FileStatus tells about one file.
type FileStatus struct {
	Path       string // where it is, or was last seen
	Source     string // where it was first seen
	Offset     int64  // after the last line appended, in decompressed bytes for compressed files
	Size       int64  // as last seen
	Lag        int64  // bytes not appended yet; 0 for compressed files, of which it is not known
	Open       bool
	Compressed bool
}

// Status lists the known files by path. It is safe for concurrent use.
func (t *Tail) Status() []FileStatus {
	r := t.run.Load()
	if r == nil {
		return nil
	}
	r.mu.Lock()
	out := make([]FileStatus, 0, len(r.files))
	for f := range r.files {
		s := FileStatus{
			Path: f.where(), Source: f.firstPath, Offset: f.delivered.Load(), Size: f.size.Load(),
			Open: f.isOpen.Load(), Compressed: f.compression != none,
		}
		if !s.Compressed && !f.excluded.Load() {
			s.Lag = max(0, s.Size-s.Offset)
		}
		out = append(out, s)
	}
	r.mu.Unlock()
	sort.Slice(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset)) < 0
	})
	return out
}

// run is what lives as long as one Run.
type run struct {
	tail       *Tail
	sink       inputs.Sink
	packer     inputs.Packer // nil if the sink is none
	queue      *queue
	results    chan result
	cancel     context.CancelCauseFunc
	onAppended func(error) // passed to the sink; one for all appends
	opened     atomic.Int64
	read       atomic.Int64   // bytes of complete lines
	crowded    sync.Once      // told that there are more files than may be open
	pending    sync.WaitGroup // appends whose outcome is not known yet
	limits     limits

	mu          sync.Mutex
	files       map[*file]struct{} // for Status; the manager adds and removes
	holesLogged map[string]bool    // sources of which it was told that they have holes

	unread map[string]inputs.Unread // by path; guarded by mu
	pipes  atomic.Int64             // named pipes that are followed
	// events of named pipes that wait for more lines
	pipesHold atomic.Int64
	looked    bool // what matches is known; guarded by mu
}

var errStopped = errors.New("stopped")

// Run implements inputs.Input.
func (t *Tail) Run(ctx context.Context, sink inputs.Sink) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errStopped)
	r := t.newRun(sink, cancel)
	t.run.Store(r)
	defer t.run.CompareAndSwap(r, nil)

	stop := context.AfterFunc(ctx, r.queue.close)
	defer stop()
	var wg sync.WaitGroup
	if t.pods != nil {
		wg.Go(func() { t.pods.Run(ctx) })
	}
	for range min(max(2, runtime.GOMAXPROCS(0)), 8) {
		w := newWorker(r)
		wg.Go(func() { w.work(ctx) })
	}
	m := newManager(r)
	if t.cfg.AfterRead != afterReadKeep {
		m.disposer = newDisposer(r, m.globs)
		wg.Go(func() { m.disposer.run(ctx) })
	}
	err := m.manage(ctx)
	if err == nil {
		err = errStopped
	}
	cancel(err)
	wg.Wait()
	m.close()
	// Whoever runs the input next begins at what is durable: that has to be all that was appended.
	r.pending.Wait()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// newRun returns what one Run needs; cancel ends it.
func (t *Tail) newRun(sink inputs.Sink, cancel context.CancelCauseFunc) *run {
	r := &run{
		tail: t, sink: sink, queue: newQueue(), results: make(chan result, 256), cancel: cancel,
		files: map[*file]struct{}{}, holesLogged: map[string]bool{}, limits: newLimits(&t.cfg),
	}
	r.packer, _ = sink.(inputs.Packer)
	if f, ok := sink.(inputs.Flusher); ok {
		r.queue.onRest = f.Flush
	}
	r.onAppended = func(err error) {
		defer r.pending.Done()
		if err != nil {
			r.fail(fmt.Errorf("what was read did not become durable: %w", err))
		}
	}
	return r
}

// fail ends the Run with err.
func (r *run) fail(err error) { r.cancel(err) }

// append appends a batch with its positions. It does not wait until they are durable: if they never
// will be, the Run ends, and the next one begins at what is.
func (r *run) append(ctx context.Context, b *record.Batch, positions []inputs.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.pending.Add(1)
	if err := r.sink.Append(ctx, b, positions, r.onAppended); err != nil {
		r.pending.Done()
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// sendResult passes a result to the manager.
func (r *run) sendResult(ctx context.Context, res result) {
	select {
	case r.results <- res:
	case <-ctx.Done():
	}
}

// closeFile closes f, whose turn the caller has.
func (r *run) closeFile(f *file) {
	if f.r.z != nil {
		f.r.z.Close()
		f.r.z = nil
	}
	if h := r.takeOpen(f); h != nil {
		_ = h.Close()
	}
}

// takeOpen takes the open file of f, which nobody reads any more; nil if it is closed.
func (r *run) takeOpen(f *file) *handle {
	h := f.r.h
	if h != nil {
		f.r.h = nil
		f.isOpen.Store(false)
		r.opened.Add(-1)
		r.tail.files.Give()
	}
	return h
}

// holdOpen makes h the open file of f, whose turn the caller has or which nobody reads yet.
func (r *run) holdOpen(f *file, h *handle) {
	f.r.h = h
	f.isOpen.Store(true)
	r.opened.Add(1)
	r.tail.files.Take()
}
