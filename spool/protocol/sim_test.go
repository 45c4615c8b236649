package protocol

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/penstock/penstock/buffer/record"
)

// The simulated world: a broker that stores one position and note per partition and fences by
// lease, a store of objects, and members that run the machine for the partitions they own.
// Everything that goes over a network is an item that may arrive late, after its sender died, or
// whose answer may be lost. One random event is one step.

const (
	simPartitions = 3
	simMembers    = 4
	simPaths      = 3
)

// mutation is a way to break the protocol, which the simulation has to find.
type mutation uint8

const (
	sound          mutation = iota
	commitFirst             // commits the end before the upload
	withoutIntent           // uploads without having committed an intent
	withoutFencing          // the broker takes commits from owners that have lost the partition
	wallClockNames          // names depend on when the upload happens
	// a successor makes a cut of its own, as where an ordinary commit erased the note
	forgetIntent
	trustTimeouts     // a commit that timed out counts as applied
	overwriteWithLess // a redo that lacks records overwrites what is there
	namesWithoutLife  // a log that is made again takes the names of the one before
	mutations
)

func (m mutation) String() string {
	return [...]string{"sound", "commit before upload", "no intent", "no fencing", "wall-clock names", "intent forgotten",
		"timeouts trusted", "overwritten with less", "names without life"}[m]
}

type simPartition struct {
	pos    int64
	note   string
	lease  int
	owner  *simTask
	ids    []int64 // offsets of records; there are gaps
	seen   []int8  // visible objects that hold the record, by index of ids
	gone   int     // index of the first record that retention has left
	end    int64
	config string
	life   int
	former bool // the earliest life is called nothing, as by an earlier release
}

// request is a commit on its way to the broker.
type request struct {
	task    *simTask
	pos     int64
	note    string
	refresh bool
}

// put is an upload on its way to the store.
type put struct {
	task    *simTask
	key     string
	records []int // indexes in ids
	part    int
	keep    bool
	file    int
	of      *simPartition // the life of the log
}

type simTask struct {
	part    int
	of      *simPartition // the life of the log that it reads
	lease   int
	dead    bool
	m       *Machine
	read    int   // index of the next record
	readPos int64 // position read up to
	files   [simPaths][]int
	records int64
	sealed  [simPaths][]int // the cut that is being archived
	done    [simPaths]bool
	pending *request // unanswered
	upload  bool
	keep    bool
	cut     Cut
	late    *Step // commitFirst: upload to do after the commit
}

type simWorld struct {
	rng      *rand.Rand
	mutation mutation
	parts    [simPartitions]*simPartition
	tasks    []*simTask // living
	requests []*request
	puts     []*put
	objects  map[string]*put
	calm     bool // no more faults
	step     int
	stats    map[string]int
	err      error
}

func newWorld(seed uint64, mut mutation) *simWorld {
	w := &simWorld{
		rng:      rand.New(rand.NewPCG(seed, 1)),
		mutation: mut,
		objects:  map[string]*put{},
		stats:    map[string]int{},
	}
	for i := range w.parts {
		w.parts[i] = &simPartition{config: "a", former: w.rng.IntN(2) == 0}
	}
	return w
}

func (w *simWorld) failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("step %d: %s", w.step, fmt.Sprintf(format, args...))
	}
}

func (w *simWorld) run(steps int) error {
	for w.step = 0; w.step < steps && w.err == nil; w.step++ {
		w.event()
	}
	if w.err == nil {
		w.settle()
	}
	return w.err
}

// settle ends all faults and lets the last owners finish: then every record must be archived.
func (w *simWorld) settle() {
	w.calm = true
	for p := range w.parts {
		w.acquire(p)
	}
	for range 1_000_000 {
		w.step++
		w.event()
		if w.err != nil || w.settled() {
			break
		}
	}
	for p, sp := range w.parts {
		if w.err == nil && sp.pos != sp.end {
			w.failf("partition %d is stuck at %d of %d", p, sp.pos, sp.end)
		}
	}
}

func (w *simWorld) settled() bool {
	for _, sp := range w.parts {
		if sp.pos != sp.end {
			return false
		}
	}
	return len(w.requests) == 0 && len(w.puts) == 0
}

func (w *simWorld) event() {
	r := w.rng
	if w.calm {
		switch n := r.IntN(10); {
		case n < 3:
			w.deliverRequest(false)
		case n < 6:
			w.deliverPut(false)
		default:
			w.work()
		}
		return
	}
	switch n := r.IntN(1000); {
	case n < 180:
		w.produce()
	case n < 400:
		w.deliverRequest(r.IntN(6) == 0)
	case n < 600:
		w.deliverPut(r.IntN(6) == 0)
	case n < 965:
		w.work()
	case n < 975:
		w.timeout()
	case n < 985:
		w.crash()
	case n < 986:
		w.makeAgain(r.IntN(simPartitions))
	case n < 994:
		w.acquire(r.IntN(simPartitions))
	case n < 999:
		w.retain()
	default: // a quiet time: what is under way arrives
		for range 20 {
			w.deliverRequest(false)
		}
	}
}

func (w *simWorld) produce() {
	sp := w.parts[w.rng.IntN(simPartitions)]
	for range 1 + w.rng.IntN(4) {
		if w.rng.IntN(5) == 0 { // a transaction marker, or compacted away
			sp.end += 1 + int64(w.rng.IntN(3))
		}
		sp.ids = append(sp.ids, sp.end)
		sp.seen = append(sp.seen, 0)
		sp.end++
	}
	if w.rng.IntN(8) == 0 {
		sp.end++
	}
}

// retain removes the oldest records, read or not.
func (w *simWorld) retain() {
	sp := w.parts[w.rng.IntN(simPartitions)]
	keep := sp.gone
	if w.rng.IntN(2) == 0 { // also of what is being archived
		keep, _ = slices.BinarySearch(sp.ids, sp.pos)
	}
	if n := min(keep+w.rng.IntN(6), len(sp.ids)); n > sp.gone {
		sp.gone = n
		w.stats["retention"]++
	}
}

// makeAgain ends a partition's life: its records are gone, its positions begin anew, and the broker
// has dropped what was committed. Who reads it still has the former life in hand.
func (w *simWorld) makeAgain(p int) {
	old := w.parts[p]
	w.parts[p] = &simPartition{config: old.config, life: old.life + 1, lease: old.lease + 1}
	w.stats["lives"]++
}

// acquire gives a partition to a new owner. The old one, if it lives, does not know: it is a zombie
// from now on.
func (w *simWorld) acquire(p int) {
	sp := w.parts[p]
	sp.lease++
	if sp.owner != nil && !sp.owner.dead {
		w.stats["zombies"]++
		if w.rng.IntN(2) == 0 || w.calm {
			w.kill(sp.owner)
		}
	}
	note := sp.note
	if w.mutation == forgetIntent {
		note = ""
	}
	life := fmt.Sprintf("life%d", sp.life)
	if sp.former {
		life = ""
	}
	m, err := New(sp.pos, note, sp.config, "", life, w.rng.IntN(4) > 0)
	if err != nil {
		w.failf("partition %d: %v", p, err)
		return
	}
	t := &simTask{part: p, of: sp, lease: sp.lease, m: m, readPos: sp.pos}
	t.seek(sp)
	if _, ok := m.Redo(); ok {
		w.stats["redos"]++
	}
	sp.owner = t
	w.tasks = append(w.tasks, t)
}

func (t *simTask) seek(sp *simPartition) {
	t.read, _ = slices.BinarySearch(sp.ids, t.readPos)
}

func (w *simWorld) kill(t *simTask) {
	t.dead = true
	if i := slices.Index(w.tasks, t); i >= 0 {
		w.tasks = slices.Delete(w.tasks, i, i+1)
	}
}

// crash ends some tasks with nothing said; what they have sent is still on its way. The partition
// is owned by nobody until somebody acquires it.
func (w *simWorld) crash() {
	if len(w.tasks) > 0 {
		w.kill(w.tasks[w.rng.IntN(len(w.tasks))])
		w.stats["crashes"]++
	}
}

// work lets one task, zombie or not, do something on its own account.
func (w *simWorld) work() {
	if len(w.tasks) == 0 {
		w.acquire(w.rng.IntN(simPartitions))
		return
	}
	t := w.tasks[w.rng.IntN(len(w.tasks))]
	sp := t.of
	if len(w.tasks) > simMembers*simPartitions {
		w.kill(t)
		return
	}
	if t.upload && w.rng.IntN(2) == 0 {
		w.send(t)
		return
	}
	in, redo := t.m.Redo()
	switch {
	case redo && t.readPos < in.End:
		for range 1 + w.rng.IntN(4) {
			w.readOne(t, sp, in.End)
		}
	case redo:
		w.makeCut(t, in.End)
	case t.m.Ready() && t.readPos > t.m.Position() && (w.rng.IntN(6) == 0 || w.calm && t.readPos == sp.end):
		w.makeCut(t, t.readPos)
	case t.m.Ready() && w.rng.IntN(100) == 0 && !w.calm:
		p := t.m.Progress()
		p.Watermark = max(p.Watermark, t.readPos)
		w.do(t, t.m.NoteProgress(p))
	default:
		for range 1 + w.rng.IntN(3) {
			w.readOne(t, sp, sp.end)
		}
	}
}

// readOne reads the next record before end, or learns that there is none up to end.
func (w *simWorld) readOne(t *simTask, sp *simPartition, end int64) {
	t.read = max(t.read, sp.gone)
	if t.read >= len(sp.ids) || sp.ids[t.read] >= end {
		t.readPos = max(t.readPos, end)
		return
	}
	i := t.read
	path := sp.ids[i] % simPaths
	t.files[path] = append(t.files[path], i)
	t.records++
	t.read++
	t.readPos = sp.ids[i] + 1
}

func (w *simWorld) makeCut(t *simTask, end int64) {
	c := Cut{
		Start:   t.m.Position(),
		End:     end,
		Records: t.records,
		After:   Progress{Watermark: max(end, t.m.Progress().Watermark)},
	}
	for _, f := range t.files {
		if len(f) > 0 {
			c.Files++
		}
		c.Digest += fmt.Sprintf("%d.", len(f))
	}
	t.sealed, t.files, t.records = t.files, [simPaths][]int{}, 0
	w.stats["cuts"]++
	lost := t.m.Missing
	s := t.m.MakeCut(c)
	if t.m.Missing > lost {
		w.stats["redos with records gone"]++
	}
	w.do(t, s)
}

// do carries out what the machine says.
func (w *simWorld) do(t *simTask, s Step) {
	switch s.Kind {
	case Commit:
		if w.mutation == withoutIntent && t.m.phase == intending {
			w.do(t, t.m.Committed(nil))
			return
		}
		t.pending = &request{task: t, pos: s.Pos, note: s.Note}
		w.requests = append(w.requests, t.pending)
	case Refresh:
		t.pending = &request{task: t, refresh: true}
		w.requests = append(w.requests, t.pending)
	case Upload:
		if w.mutation == commitFirst && t.late == nil {
			t.late = &s
			w.do(t, t.m.Uploaded())
			return
		}
		t.upload, t.keep, t.cut, t.done = true, s.Keep, s.Cut, [simPaths]bool{}
	case Release:
		if t.late != nil {
			s := *t.late
			t.upload, t.keep, t.cut, t.done = true, s.Keep, s.Cut, [simPaths]bool{}
			return
		}
		t.sealed = [simPaths][]int{}
		w.stats["committed cuts"]++
	case Fail:
		w.stats["fenced"]++
		w.kill(t)
		if p := w.parts[t.part]; p.owner == t && p.lease == t.lease && w.mutation == sound {
			w.failf("partition %d: owner stopped: %v", t.part, s.Err)
		}
	}
}

// send puts one file of the cut on its way.
func (w *simWorld) send(t *simTask) {
	for path, f := range t.sealed {
		if len(f) == 0 || t.done[path] || w.rng.IntN(2) == 0 {
			continue
		}
		key := fmt.Sprintf("%d/%d/%s_%d-%d", t.part, path, t.m.Life(), t.cut.Start, t.cut.End)
		if w.mutation == namesWithoutLife {
			key = fmt.Sprintf("%d/%d/%d-%d", t.part, path, t.cut.Start, t.cut.End)
		}
		if w.mutation == wallClockNames {
			key = fmt.Sprintf("%d/%d/%d", t.part, path, w.step/50)
		}
		w.puts = append(
			w.puts, &put{t, key, f, t.part, t.keep && w.mutation != overwriteWithLess, path, t.of},
		)
		return
	}
}

// deliverRequest lets one request reach the broker. Those of one owner stay in order; its answer
// may be lost.
func (w *simWorld) deliverRequest(loseAnswer bool) {
	if len(w.requests) == 0 {
		return
	}
	i := w.rng.IntN(len(w.requests))
	t := w.requests[i].task
	i = slices.IndexFunc(w.requests, func(r *request) bool { return r.task == t })
	req := w.requests[i]
	w.requests = slices.Delete(w.requests, i, i+1)
	sp := w.parts[t.part]
	var err error
	if t.of != sp {
		err = record.ErrFenced // the topic's id is another
	} else if req.task.lease != sp.lease && w.mutation != withoutFencing {
		err = record.ErrFenced
	} else if !req.refresh {
		w.apply(sp, t.part, req)
	}
	if t.dead || t.pending != req {
		return
	}
	t.pending = nil
	if loseAnswer {
		w.stats["answers lost"]++
		err = errTimeout
	}
	w.answer(t, req, err)
}

func (w *simWorld) answer(t *simTask, req *request, err error) {
	switch sp := w.parts[t.part]; {
	case req.refresh:
		w.do(t, t.m.Refreshed(sp.pos, sp.note, err))
	case err == errTimeout && w.mutation == trustTimeouts:
		w.do(t, t.m.Committed(nil))
	default:
		w.do(t, t.m.Committed(err))
	}
}

var errTimeout = fmt.Errorf("timed out")

// timeout makes a task give up waiting for an answer; the request is still on its way, or is lost.
func (w *simWorld) timeout() {
	if len(w.requests) == 0 {
		return
	}
	i := w.rng.IntN(len(w.requests))
	req := w.requests[i]
	if w.rng.IntN(2) == 0 {
		w.requests = slices.Delete(w.requests, i, i+1)
		w.stats["requests lost"]++
	}
	if t := req.task; !t.dead && t.pending == req {
		t.pending = nil
		w.stats["timeouts"]++
		w.answer(t, req, errTimeout)
	}
}

// apply is the broker's commit: every retained record that the position passes must be in exactly
// one object.
func (w *simWorld) apply(sp *simPartition, p int, req *request) {
	if req.pos < sp.pos {
		w.failf("partition %d: committed position goes back from %d to %d", p, sp.pos, req.pos)
		return
	}
	from, _ := slices.BinarySearch(sp.ids, sp.pos)
	to, _ := slices.BinarySearch(sp.ids, req.pos)
	for i := max(from, sp.gone); i < to; i++ {
		if sp.seen[i] != 1 {
			w.failf(
				"partition %d: record %d is in %d objects when %d is committed", p, sp.ids[i],
				sp.seen[i], req.pos,
			)
			return
		}
	}
	sp.pos, sp.note = req.pos, req.note
}

func (w *simWorld) deliverPut(loseAnswer bool) {
	if len(w.puts) == 0 {
		return
	}
	i := w.rng.IntN(len(w.puts))
	u := w.puts[i]
	w.puts = slices.Delete(w.puts, i, i+1)
	if !w.calm && w.rng.IntN(20) == 0 {
		w.stats["puts lost"]++
		return // the sender will try again
	}
	if u.task.dead {
		w.stats["late puts"]++
	}
	w.store(u)
	t := u.task
	if t.dead || !t.upload || loseAnswer || len(u.records) == 0 || len(t.sealed[u.file]) == 0 ||
		&t.sealed[u.file][0] != &u.records[0] {
		return
	}
	t.done[u.file] = true
	for path, f := range t.sealed {
		if len(f) > 0 && !t.done[path] {
			return
		}
	}
	t.upload = false
	if t.late != nil {
		t.late, t.sealed = nil, [simPaths][]int{}
		return
	}
	w.do(t, t.m.Uploaded())
}

// store makes an object visible. A record that has been visible must stay so, and be in one object
// only.
func (w *simWorld) store(u *put) {
	sp := u.of
	old := w.objects[u.key]
	if old != nil && u.keep {
		w.stats["kept"]++
		return
	}
	if old != nil {
		w.stats["overwritten"]++
		for _, i := range old.records {
			old.of.seen[i]--
		}
	}
	w.objects[u.key] = u
	for _, i := range u.records {
		if sp.seen[i]++; sp.seen[i] > 1 {
			w.failf(
				"partition %d: record %d is in %d objects, one of them %s", u.part, sp.ids[i],
				sp.seen[i], u.key,
			)
		}
	}
	if old == nil {
		return
	}
	for _, i := range old.records {
		if old.of.seen[i] == 0 {
			w.failf(
				"partition %d: record %d was archived and is no more, since %s was overwritten",
				old.part, old.of.ids[i], u.key,
			)
		}
	}
}
