package tail

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/inputs"
)

// manager owns the table of files: what exists, where it is, when it is read and when it is given
// up.
type manager struct {
	run   *run
	cfg   *Config
	sys   *system
	log   *slog.Logger
	globs *globs
	queue *queue

	table    fileTable
	sources  sources
	looks    looks
	swept    sweptFiles
	next     nextTimes
	decision decision

	detached       *detachedPositions // of content that is not in the table
	copyCandidates copyCandidates
	gz             backlog
	pipes          map[ident]*pipe
	watches        watches
	unreadable     unreadable
	disposer       *disposer // nil: files are kept
}

// decision is the step under way.
type decision struct {
	underWay bool
	ready    []*file // to be started when it is done
	// of content that is gone, to be stored with what has taken its place
	unstored []*position
	// the source of a file that is in no stream while it becomes another generation
	truncating string
}

func newManager(r *run) *manager {
	cfg := &r.tail.cfg
	return &manager{
		run:            r,
		cfg:            cfg,
		sys:            &r.tail.sys,
		log:            r.tail.log,
		globs:          newGlobs(cfg),
		queue:          r.queue,
		table:          newFileTable(),
		sources:        newSources(),
		swept:          newSweptFiles(),
		gz:             newBacklog(),
		copyCandidates: copyCandidates{},
		pipes:          map[ident]*pipe{},
		unreadable:     unreadable{run: r, reasons: map[string]string{}},
	}
}

const (
	busyTick = 100 * time.Millisecond // while something is about to happen
	idleTick = time.Second
)

// manage works until ctx ends.
func (m *manager) manage(ctx context.Context) error {
	if err := m.restore(ctx); err != nil {
		return err
	}
	tick := time.NewTimer(busyTick)
	defer tick.Stop()
	for {
		m.sweepPipes(ctx)
		select {
		case <-ctx.Done():
			return nil
		case res := <-m.run.results:
			m.step(func() { m.result(res) })
		case c := <-m.watches.changes():
			m.queue.begin()
			m.step(func() { m.changed(c) })
			m.queue.done()
		case done := <-m.disposer.done():
			m.step(func() { m.disposed(done) })
		case <-tick.C:
			m.step(func() { m.sweep(m.sys.now()) })
			tick.Reset(m.interval())
		}
	}
}

// step does one thing, and begins to read only then: what it finds is ordered as a whole. A file
// that waits for another is not begun because that one is about to be another generation, or a
// copy.
func (m *manager) step(do func()) {
	m.decision.underWay, m.looks.refreshed = true, false
	do()
	if len(m.decision.ready) > 0 && m.next.scan.IsZero() {
		// there is something that is not found yet
		m.scan()
	}
	m.decision.underWay = false
	for len(m.decision.ready) > 0 {
		m.startReady()
	}
}

// startReady begins with what a step has found to be ready, in the order of each source.
func (m *manager) startReady() {
	ready := m.decision.ready
	m.decision.ready = nil
	wanted := map[*file]bool{}
	var sources []string
	for _, f := range ready {
		if f.m.ended || f.m.started {
			continue
		}
		wanted[f] = true
		if !slices.Contains(sources, f.firstPath) {
			sources = append(sources, f.firstPath)
		}
	}
	for _, source := range sources {
		if m.sources.unsorted[source] {
			delete(m.sources.unsorted, source)
			m.arrange(source)
			for _, f := range m.sources.streams[source] {
				wanted[f] = wanted[f] || f.m.pred != nil
				f.m.pred = nil
			}
		}
		list := slices.Clone(m.sources.streams[source])
		for _, f := range list {
			if wanted[f] {
				m.tryStart(f)
			}
		}
	}
}

func (m *manager) interval() time.Duration {
	if !m.swept.isEmpty() || len(m.copyCandidates) > 0 || m.gz.waits() {
		return busyTick
	}
	if !m.watches.on() {
		return min(idleTick, m.cfg.PollInterval)
	}
	return min(idleTick, m.cfg.RescanInterval)
}

// close gives back what the manager holds, once all workers have returned.
func (m *manager) close() {
	m.watches.stop()
	for f := range m.run.files {
		m.run.closeFile(f)
	}
	for _, p := range m.pipes {
		p.wait()
	}
}

// wake asks for a turn, unless the file has to wait for others.
func (m *manager) wake(f *file, cmd command) uint64 {
	if !f.m.started || f.m.hold != nil || f.m.ended {
		return 0
	}
	return m.queue.wake(f, cmd)
}

// result deals with how a turn ended.
func (m *manager) result(res result) {
	f := res.f
	switch {
	case res.outcome == compared:
		m.compared(res)
		return
	case f.m.ended:
		if res.outcome == truncated || res.outcome == filled {
			m.run.closeFile(f)
		}
		return
	}
	if res.outcome == waits {
		m.swept.limited[f] = waitingFile{f, res.since, res.until}
		return
	}
	now := m.sys.now()
	if res.grown {
		f.m.evidence.grown = now
	}
	switch res.outcome {
	case failed:
		m.unreadable.failed(f.where(), res.err)
		if tooMany(res.err) {
			m.run.tail.files.Short()
			m.closeIdle(now)
		}
		if f.compression != none && errors.Is(res.err, errCompressed) {
			m.gz.ended(f) // until it changes
			m.pass(f)
			return
		}
		f.m.turns.failure, f.m.turns.retry = res.err.Error(), now.Add(m.cfg.PollInterval)
		m.swept.due[f] = struct{}{}
		return
	case lost:
		m.displaced(f)
		return
	case truncated:
		m.truncated(f)
		return
	case filled:
		m.filled(f)
		return
	case finished:
		m.end(f)
		return
	case closed:
		if f.m.rotation.copied {
			m.end(f)
		}
		return
	}
	if f.m.turns.failure != "" {
		m.unreadable.works(f.where())
		f.m.turns.failure = ""
	}
	f.m.turns.idle = false
	f.m.turns.answered, f.m.turns.pending = res.wakes, res.pending
	m.setDeadline(f, now)
	m.release(f)
}

func (m *manager) setDeadline(f *file, now time.Time) {
	f.m.turns.deadline = time.Time{}
	m.supersede(f)
	switch {
	case f.m.turns.pending == pendingEvent:
		f.m.turns.deadline = now.Add(m.cfg.eventTimeout())
	case f.m.turns.pending == pendingLine && m.cfg.PartialLine > 0:
		f.m.turns.deadline = now.Add(m.cfg.PartialLine)
	default:
		return
	}
	m.swept.due[f] = struct{}{}
}

// release starts the successors that waited for f to be read to its end.
func (m *manager) release(f *file) {
	for _, g := range m.sources.streams[f.firstPath] {
		if f.m.turns.pending != pendingNone && !f.m.ended && !m.goesOn(g, f) {
			continue
		}
		if need, waits := g.m.pred[f]; waits && (f.m.ended || f.m.turns.answered >= need) {
			delete(g.m.pred, f)
			m.tryStart(g)
		}
	}
}

// pass lets the successors of f, which cannot be read, go ahead of it.
func (m *manager) pass(f *file) {
	for _, g := range m.sources.streams[f.firstPath] {
		if _, waits := g.m.pred[f]; waits {
			delete(g.m.pred, f)
			m.tryStart(g)
		}
	}
}

// tryStart begins to read f, once everything that was written before it has been read.
func (m *manager) tryStart(f *file) {
	if f.m.started || f.m.hold != nil || f.m.ended || f.toBeCompressed() {
		return
	}
	if m.decision.underWay {
		m.decision.ready = append(m.decision.ready, f)
		return
	}
	if m.awaitsCompressed(f) {
		return
	}
	if f.m.pred == nil {
		// f is not empty: whoever wrote it had finished with its predecessors. What they hold by
		// now goes first.
		f.m.pred = map[*file]uint64{}
		for _, p := range m.sources.streams[f.firstPath] {
			if p == f {
				break
			}
			if p.m.started && m.isLive(p) && !m.isLive(f) || p.toBeCompressed() {
				continue // f was written before, and comes too late; or there is nothing to read
			}
			m.await(f, p)
		}
	}
	if len(f.m.pred) > 0 || m.followsCopy(f) {
		return
	}
	m.continueReplaced(f)
	f.m.started = true
	f.r.blank = f.m.evidence.foundEmpty && f.last.Load() == nil
	if f.compression != none {
		m.gz.add(f)
		return
	}
	m.wake(f, cmdRead)
}

// await makes f wait until its predecessor p has been read.
func (m *manager) await(f, p *file) {
	m.tryStart(p)
	f.m.pred[p] = max(1, m.wake(p, cmdRead))
	if p.m.rotation.left.IsZero() && !slices.Contains(p.m.names, p.firstPath) {
		m.leave(p) // its last line is complete, with or without line end
	}
}

// isLive reports whether f is where its source is, now: names are known as of the last look.
func (m *manager) isLive(f *file) bool {
	if !slices.Contains(f.m.names, f.firstPath) {
		return false
	}
	fi, err := m.sys.stat(f.firstPath)
	return err == nil && fi.is(f.id, f.birth)
}

// grew notes that f has more to read.
func (m *manager) grew(f *file) {
	if f.m.started && f.m.evidence.foundEmpty && m.queue.rests(f) && f.r.off == 0 {
		f.m.started, f.m.pred = false, nil // it was empty, and goes behind what came meanwhile
	}
	if f.m.started {
		m.wake(f, cmdRead)
	} else if f.m.evidence.foundEmpty && m.identifyEmpty(f) {
		return
	} else if f.size.Load() > 0 || f.delivered.Load() > 0 {
		m.begin(f)
	}
}

// changed deals with notifications.
func (m *manager) changed(c changes) {
	if c.missed {
		m.next.scan = time.Time{}
	}
	var look []string
	for _, p := range slices.Sorted(maps.Keys(c.written)) {
		f, p := m.table.at(p)
		if f != nil && f.m.started {
			m.wake(f, cmdRead)
		} else if m.globs.match(p) {
			look = append(look, p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(c.touched)) {
		f, p := m.table.at(p)
		switch {
		case f != nil:
			look = append(look, p)
		case m.watches.forget(p) || m.isDir(p): // a directory is gone, or new
			m.next.scan = time.Time{}
		case m.globs.match(p):
			look = append(look, p)
		}
	}
	if len(look) > 0 {
		m.look(look)
	}
	if m.next.scan.IsZero() {
		m.scan()
	}
}

func (m *manager) isDir(path string) bool {
	fi, err := m.sys.stat(path)
	return err == nil && fi.dir()
}

// end forgets a file that is finished; its position is kept for a while.
func (m *manager) end(f *file) {
	f.m.ended = true
	delete(m.swept.left, f)
	delete(m.swept.due, f)
	delete(m.swept.limited, f)
	if f.compression != none {
		m.gz.ended(f)
		if len(f.m.names) > 0 {
			// It stays where it is, and known.
			m.unstream(f)
			return
		}
	}
	m.table.remove(f)
	m.unstream(f)
	m.unfamily(f)
	m.run.mu.Lock()
	delete(m.run.files, f)
	m.run.mu.Unlock()
	if f.beingRemoved() {
		m.storeForgotten(f)
	} else if last := f.last.Load(); last != nil {
		gone := *last
		f.locate(&gone)
		gone.Gone = m.sys.now().Unix()
		m.detached.add(&gone)
		m.store(&gone)
	}
}

func (m *manager) unstream(f *file) {
	m.release(f)
	m.sources.remove(f)
}

// store appends positions of content that no worker deals with any more.
func (m *manager) store(positions ...*position) {
	list := encodePositions(positions)
	m.queue.do(func(ctx context.Context) error { return m.run.append(ctx, nil, list) })
}

// forget drops positions of content that has been gone for long.
func (m *manager) forget(now time.Time) {
	var list []inputs.Position
	for _, p := range m.detached.expire(now.Add(-m.cfg.ForgetAfter)) {
		list = append(list, inputs.Position{Key: p.key})
	}
	m.gz.forget(now)
	if len(list) > 0 {
		m.queue.do(func(ctx context.Context) error { return m.run.append(ctx, nil, list) })
	}
}
