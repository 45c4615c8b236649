package tail

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

// family is a log with all that it is rotated into, on a real file system, and the reference: which
// of its lines have to arrive. Its lines are numbered, so each has to come once, after all smaller
// ones.
//
// A line need not come once the last copy of it that the agent could find has gone before it was
// durable. Everything else has to.
type family struct {
	rng   *rand.Rand
	clock *handClock
	tick  int64 // how exact the times of files are
	birth bool  // the file system knows when a file was made

	root  string // all of it
	dir   string // where the file really is
	live  string // its name there
	glob  string
	wide  bool // the glob finds what it is rotated into, too
	dated bool // by date; by number otherwise
	zips  bool
	keeps bool // whoever compresses keeps the time

	names  map[string]*generation
	made   []*generation    // all that there ever were
	stamps map[ident]*stamp // by what the file system knows a file by
	inodes uint64           // as the agent sees them
	reuses bool             // those of files that are gone are used again, as ext4 does
	freed  []*stamp         // that nobody can find any more; the agent or the writer may have them open
	writer *generation      // what the writer has open
	fd     int
	next   int  // number of the next line
	half   bool // the last line of the writer's file has no end yet
	shifts int
	keep   int // how many generations stay

	gone    map[int]bool // lines that need not come
	durable map[int]string
	last    map[string]int // by origin
	copied  *generation    // a copy that no glob leads to, and that nobody may have noticed yet
	of      *generation
	wrong   []string
	label   string
	story   []string
	agent   *agent
	events  []event // that the agent was not told of
	watched bool    // it is told of them at all
	pause   func()  // what happens in the middle of a rotation
	// unnamed are the origins that files may have that were there at a start without the log, of
	// which nothing was durable
	unnamed map[string]bool
	// replaces decides about what is replaced
	replaces *rand.Rand
	// short are replacements that the agent may not have understood yet, of logs of which no more
	// than headSize had been read, with the lines that were in those
	short map[*generation][]int
	again map[int]bool // lines that may come again: see puzzle
	twice int          // how many did
}

// generation is one file of a family.
type generation struct {
	id    ident
	stamp *stamp
	names []string
	lines []int
	zip   bool
	cut   int64 // when it was last truncated
}

// event is one that inotify tells.
type event struct {
	name    string
	written bool
}

// stamp is what the identity and the times of a file are in the history: so it runs again in the
// same way.
type stamp struct {
	id                  ident
	birth, mtime, ctime int64
}

func (w *family) log(format string, args ...any) {
	w.story = append(
		w.story,
		fmt.Sprintf("%s  ", time.Unix(0, w.clock.at).UTC().Format("05.000000"))+fmt.Sprintf(
			format,
			args...),
	)
}

func (w *family) fault(format string, args ...any) {
	if len(w.wrong) < 3 {
		w.log("WRONG: "+format, args...)
	}
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (w *family) path(name string) string { return filepath.Join(w.dir, name) }

// times is the system's.
func (w *family) times(fi *fileInfo) {
	if s := w.stamps[fi.id]; s != nil {
		fi.id, fi.birth, fi.mtime, fi.ctime = s.id, s.birth, s.mtime, s.ctime
		if !w.birth {
			fi.birth = 0
		}
	}
}

func (w *family) event(name string, written bool) {
	if w.watched && w.agent.m != nil {
		w.events = append(w.events, event{name, written})
	}
}

func (w *family) now() int64 { w.clock.at += 1000; return w.clock.at - w.clock.at%w.tick }

func (w *family) changed(g *generation, content bool) {
	s := g.stamp
	s.ctime = w.now()
	if content {
		s.mtime = s.ctime
		for _, name := range g.names {
			w.event(name, true)
		}
	}
}

// create makes an empty file of that name.
func (w *family) create(name string) *generation {
	fd, err := unix.Open(w.path(name), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	must(err)
	fi, err := statFD(fd)
	must(err)
	must(unix.Close(fd))
	now := w.now()
	s := &stamp{w.inode(now), now, now, now}
	w.stamps[fi.id] = s
	g := &generation{id: s.id, stamp: s, names: []string{name}, cut: w.clock.at}
	w.names[name], w.made = g, append(w.made, g)
	w.event(name, false)
	return g
}

// inode returns that of a new file. It is used again only where birth tells the two apart.
func (w *family) inode(now int64) ident {
	if w.reuses && w.birth {
		free := func(s *stamp) bool { return s.birth != now && !w.opened(s) }
		if i := slices.IndexFunc(w.freed, free); i >= 0 {
			id := w.freed[i].id
			w.freed = slices.Delete(w.freed, i, i+1)
			return id
		}
	}
	w.inodes++
	return ident{1, w.inodes}
}

// opened reports whether a file without a name is open.
func (w *family) opened(s *stamp) bool {
	if w.writer != nil && w.writer.stamp == s {
		return true
	}
	if w.agent == nil || w.agent.m == nil {
		return false
	}
	if w.agent.sink.working {
		return true // it may have anything open
	}
	for f := range w.agent.m.run.files {
		if f.isOpen.Load() && f.id == s.id && f.birth == s.birth {
			return true
		}
	}
	return false
}

// left notes that g has lost a name.
func (w *family) left(g *generation) {
	if len(g.names) == 0 {
		w.freed = append(w.freed, g.stamp)
	}
	w.changed(g, false)
	if !w.reachable(g) {
		w.lose(g)
	}
}

func (w *family) put(g *generation, data []byte) {
	fd, err := unix.Open(w.path(g.names[0]), unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0)
	must(err)
	_, err = unix.Write(fd, data)
	must(err)
	must(unix.Close(fd))
	w.changed(g, true)
}

func (w *family) content(g *generation) []byte {
	b, err := os.ReadFile(w.path(g.names[0]))
	must(err)
	return b
}

// open lets the writer open its log.
func (w *family) open() {
	if w.fd >= 0 {
		return
	}
	g := w.names[w.live]
	if g == nil {
		g = w.create(w.live)
	}
	fd, err := unix.Open(w.path(w.live), unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0)
	must(err)
	w.fd, w.writer = fd, g
}

func (w *family) close() {
	if w.half {
		w.gone[w.next-1] = true // nobody can tell that it is complete
		w.half = false
	}
	if w.fd >= 0 {
		must(unix.Close(w.fd))
		w.fd, w.writer = -1, nil
	}
}

// text returns some new lines, the first of which completes a half one.
func (w *family) text(g *generation, most int, halves bool) string {
	var b strings.Builder
	if w.half {
		b.WriteString(" end\n")
		w.half = false
	}
	for range 1 + w.rng.IntN(most) {
		fmt.Fprintf(&b, "%d %s", w.next, strings.Repeat("x", w.rng.IntN(60)))
		g.lines = append(g.lines, w.next)
		w.next++
		if w.half = halves && w.rng.IntN(12) == 0; w.half {
			break
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// write adds lines to the writer's file.
func (w *family) write(halves bool) {
	w.open()
	most := 4
	if w.rng.IntN(3) == 0 {
		most = 60
	}
	from := w.next
	s := w.text(w.writer, most, halves)
	_, err := unix.Write(w.fd, []byte(s))
	must(err)
	w.changed(w.writer, true)
	if !w.reachable(w.writer) {
		w.lose(w.writer)
	}
	w.log("write %d..%d to %v, half %v", from, w.next-1, w.writer.names, w.half)
}

// complete ends a half line.
func (w *family) complete() {
	if w.half {
		w.half = false
		_, err := unix.Write(w.fd, []byte(" end\n"))
		must(err)
		w.changed(w.writer, true)
		w.log("completed")
	}
}

// drop notes that a name is no longer that of its file.
func (w *family) drop(name string) {
	if g := w.names[name]; g != nil {
		g.names = slices.DeleteFunc(g.names, func(n string) bool { return n == name })
		delete(w.names, name)
		w.event(name, false)
		w.left(g)
	}
}

func (w *family) rename(from, to string) {
	g := w.names[from]
	must(unix.Rename(w.path(from), w.path(to)))
	w.drop(to)
	g.names = append(slices.DeleteFunc(g.names, func(n string) bool { return n == from }), to)
	delete(w.names, from)
	w.names[to] = g
	w.event(from, false)
	w.event(to, false)
	w.changed(g, false)
	if !w.reachable(g) {
		w.lose(g)
	}
}

func (w *family) unlink(name string) {
	must(unix.Unlink(w.path(name)))
	w.drop(name)
}

// reachable reports whether the agent can be expected to find what is in g.
func (w *family) reachable(g *generation) bool {
	if len(g.names) == 0 {
		return false // it may have it open, or not
	}
	for _, name := range g.names {
		if w.wide || name == w.live {
			return true
		}
	}
	if g == w.copied {
		return true
	}
	if f := w.known(g); f != nil && !f.m.ended {
		return true
	}
	return w.stored(g, 0)
}

// known returns what the agent has of g, and not of a file that had its inode before, or nil.
func (w *family) known(g *generation) *file {
	if w.agent == nil || w.agent.m == nil {
		return nil
	}
	f := w.agent.m.table.byID[g.id]
	fi := fileInfo{id: g.id, birth: g.stamp.birth}
	if f == nil || !fi.is(f.id, f.birth) {
		return nil
	}
	return f
}

// stored reports whether there is a durable position for g, behind off at least.
func (w *family) stored(g *generation, off int64) bool {
	for _, p := range w.agent.sink.stored()[g.id] {
		if p.Gone == 0 && !p.Trunc && p.Off >= off && w.same(p, g) && keyedAt(p.key) >= g.cut {
			return true
		}
	}
	return false
}

// keyedAt returns when the generation of a position was first seen.
func keyedAt(key string) int64 {
	at, err := strconv.ParseInt(key[strings.LastIndexByte(key, '-')+1:], 16, 64)
	must(err)
	return at
}

// same reports whether p is a position of g, and not of one that had its inode before.
func (w *family) same(p *position, g *generation) bool {
	fi := fileInfo{id: g.id, birth: g.stamp.birth}
	return fi.is(p.id(), p.Birth)
}

// lose notes that the lines in g need not come, but for those that are elsewhere or durable.
func (w *family) lose(g *generation) { w.loseLines(g.lines) }

func (w *family) loseLines(lines []int) {
	var there map[int]bool
	for _, n := range lines {
		if _, ok := w.durable[n]; ok || w.gone[n] {
			continue
		}
		if there == nil {
			there = map[int]bool{}
			for _, g := range w.names {
				if w.reachable(g) {
					for _, n := range g.lines {
						there[n] = true
					}
				}
			}
		}
		if !there[n] {
			w.gone[n] = true
		}
	}
}

// killed is called when the agent has gone down: what only it knew is lost.
func (w *family) killed() {
	w.events = nil
	w.puzzle()
	if c := w.copied; c != nil && !w.stored(c, 0) && !w.stored(w.of, 1) {
		w.noticed()
	}
	for _, g := range w.all() {
		if !w.reachable(g) {
			w.lose(g)
		}
	}
}

// noticed ends the time in which a copy that no glob leads to is looked for.
func (w *family) noticed() {
	if c := w.copied; c != nil {
		w.copied = nil
		if !w.reachable(c) {
			w.lose(c)
		}
	}
}

// noticedInTime is noticed, when the agent has had the time to notice, and all of it.
func (w *family) noticedInTime() {
	if w.agent.sink.held {
		return
	}
	before := len(w.gone)
	if w.noticed(); len(w.gone) > before {
		w.fault("%d lines of a copy that no glob leads to have not come", len(w.gone)-before)
	}
}

func (w *family) all() map[*generation]*generation {
	out := map[*generation]*generation{}
	for _, g := range w.names {
		out[g] = g
	}
	return out
}

// rotated lists the rotated generations by age, the newest first.
func (w *family) rotated() []string {
	var out []string
	for name := range w.names {
		if name != w.live && !strings.HasPrefix(name, ".") {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if w.dated {
			return strings.Compare(b, a)
		}
		return w.number(a) - w.number(b)
	})
	return out
}

func (w *family) number(name string) int {
	var n int
	_, err := fmt.Sscanf(strings.TrimPrefix(name, w.live+"."), "%d", &n)
	must(err)
	return n
}

// room makes room for a new rotated file and returns its name.
func (w *family) room() string {
	old := w.rotated()
	for len(old) >= w.keep {
		name := old[len(old)-1]
		if w.unread(w.names[name]) && w.rng.IntN(10) > 0 {
			break // few take away what was not read
		}
		w.log("remove %s", name)
		w.unlink(name)
		old = old[:len(old)-1]
		w.pause()
	}
	if w.dated {
		w.shifts++
		return fmt.Sprintf("%s-20261128-%06d", w.live, w.shifts)
	}
	for _, name := range slices.Backward(old) {
		ext := ""
		if strings.HasSuffix(name, ".gz") {
			ext = ".gz"
		}
		w.rename(name, fmt.Sprintf("%s.%d%s", w.live, w.number(name)+1, ext))
		w.pause()
	}
	return w.live + ".1"
}

func (w *family) unread(g *generation) bool {
	return slices.ContainsFunc(g.lines, func(n int) bool { _, ok := w.durable[n]; return !ok })
}

// byRename rotates as logrotate does, with create or without.
func (w *family) byRename() {
	g := w.names[w.live]
	if g == nil {
		return
	}
	to := w.room()
	w.log("rename to %s", to)
	w.rename(w.live, to)
	w.pause()
	if w.rng.IntN(2) == 0 && w.names[w.live] == nil {
		w.create(w.live)
		w.log("create")
		w.pause()
	}
	if w.half || w.rng.IntN(3) > 0 {
		w.close()
	} else if w.fd >= 0 && w.rng.IntN(2) == 0 {
		w.write(false) // the writer does not know yet
	}
	w.noticed()
}

// byLink rotates with ln and rm.
func (w *family) byLink() {
	g := w.names[w.live]
	if g == nil {
		return
	}
	to := w.room()
	w.log("link to %s", to)
	must(unix.Link(w.path(w.live), w.path(to)))
	g.names = append(g.names, to)
	w.names[to] = g
	w.event(to, false)
	w.changed(g, false)
	w.pause()
	w.log("unlink %s", w.live)
	w.unlink(w.live)
	w.close()
	w.noticed()
}

// byCopy rotates with copytruncate.
func (w *family) byCopy() {
	g := w.names[w.live]
	if g == nil || w.fd >= 0 && w.writer != g {
		return
	}
	w.puzzle()
	w.complete()
	w.noticed()
	to := w.room()
	c := w.create(to)
	w.log("copy to %s", to)
	data := w.content(g)
	for len(data) > 0 {
		w.pause()
		n := min(len(data), 1+w.rng.IntN(4000))
		if w.rng.IntN(2) == 0 {
			n = len(data)
		}
		w.put(c, data[:n])
		data = data[n:]
	}
	c.lines = slices.Clone(g.lines)
	if w.rng.IntN(5) == 0 {
		w.pause()
	}
	if !w.wide && w.has(g) {
		w.copied, w.of = c, g
	}
	if w.rng.IntN(10) == 0 && w.fd >= 0 {
		w.write(false) // what comes between is lost
	}
	w.truncate(g)
}

// truncate takes away what is in g, of which there may be a copy.
func (w *family) truncate(g *generation) {
	was := g.lines
	g.lines, g.cut = nil, w.clock.at
	must(unix.Truncate(w.path(w.live), 0))
	w.changed(g, true)
	w.log("truncate")
	w.loseLines(was)
}

// byReplacement puts another file in the place of the log: one that goes on with its content, as
// rsync and editors make it, or another one.
func (w *family) byReplacement(rng *rand.Rand) {
	goesOn := rng.IntN(4) > 0
	w.replace(goesOn, !goesOn || rng.IntN(3) > 0)
}

func (w *family) replace(goesOn, more bool) {
	g := w.names[w.live]
	if g == nil || w.fd >= 0 && w.writer != g {
		return
	}
	w.puzzle()
	w.complete()
	w.noticed()
	w.close()
	const temp = ".app.tmp"
	c := w.create(temp)
	w.log("replacement that goes on %v", goesOn)
	w.pause()
	data := w.content(g)
	if goesOn && len(data) > 0 {
		w.put(c, data)
		c.lines = slices.Clone(g.lines)
		w.pause()
	}
	if more {
		w.put(c, []byte(w.text(c, 4, false)))
	}
	must(unix.Rename(w.path(temp), w.path(w.live)))
	delete(w.names, temp)
	w.names[w.live], c.names = c, []string{w.live}
	g.names = slices.DeleteFunc(g.names, func(n string) bool { return n == w.live })
	w.event(temp, false)
	w.event(w.live, false)
	w.changed(c, false)
	w.left(g)
	w.log("replaced; next is %d", w.next)
	if goesOn && !w.stored(g, headSize+1) {
		w.short[c] = slices.Clone(g.lines)
	}
	if w.agent.m == nil {
		w.puzzle()
	}
}

// puzzle notes what may come again. Whether a log goes on with the content of one that it has
// replaced, of which no more than headSize had been read, or begins as that one did? That can only
// be told by who has seen the one go and the other come, and not by who comes later, or too late.
func (w *family) puzzle() {
	for c, lines := range w.short {
		if f := w.known(c); f != nil && f.m.started {
			continue
		}
		for _, n := range lines {
			w.again[n] = true
		}
	}
	clear(w.short)
}

// has reports whether the agent has begun to read g, and will know.
func (w *family) has(g *generation) bool {
	if w.stored(g, 1) {
		return true
	}
	f := w.known(g)
	return f != nil && f.delivered.Load() > 0 && keyedAt(f.key) >= g.cut
}

// compress does what gzip does to one of the rotated files.
func (w *family) compress() {
	old := w.rotated()
	for i, name := range slices.Backward(old) {
		g := w.names[name]
		if g.zip || g == w.writer || i == 0 && w.rng.IntN(3) > 0 {
			continue
		}
		if len(g.names) > 1 {
			continue // gzip refuses it
		}
		w.compressed(name)
		return
	}
}

// compressed replaces a rotated file by its compressed form.
func (w *family) compressed(name string) {
	g := w.names[name]
	w.log("gzip %s", name)
	z := w.create(name + ".gz")
	z.zip = true
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, err := zw.Write(w.content(g))
	must(err)
	must(zw.Close())
	data := b.Bytes()
	w.pause()
	if w.rng.IntN(3) == 0 {
		n := w.rng.IntN(len(data))
		w.put(z, data[:n])
		data = data[n:]
		w.pause()
	}
	w.put(z, data)
	z.lines = g.lines
	w.pause()
	if w.keeps {
		z.stamp.mtime = g.stamp.mtime // not everybody keeps it
	}
	w.unlink(name)
}

// arrived is called with each durable record.
func (w *family) arrived(origin string, n int, value string) {
	if n < 0 || n >= w.next {
		w.fault("not a line that was written: %.40q of %s", value, origin)
		return
	}
	if before, twice := w.durable[n]; twice {
		if w.again[n] {
			w.twice++
			return
		}
		w.fault("line %d came again, from %s after %s", n, origin, before)
	}
	w.split(origin, n)
	w.durable[n] = origin
	// a last line without an end has no time of its own
	if last, any := w.last[origin]; any && n < last && !w.gone[n] {
		w.fault("line %d came after line %d of %s", n, last, origin)
	}
	w.last[origin] = max(w.last[origin], n)
}

// split faults a source of its own that a generation becomes with line n, where nothing newer of
// the log had come that the line would have come after.
func (w *family) split(origin string, n int) {
	if _, known := w.last[origin]; known || origin == w.source() {
		return
	}
	if last, any := w.last[w.source()]; any && last < n && !w.unnamed[origin] && !w.ties(n) {
		w.fault("line %d is of %s; nothing newer than %d of the log's had come", n, origin, last)
	}
}

// ties reports whether the times of the file of line n are those of another one: then they do not
// tell which is older, and what turns up late is a source of its own. Line n is in one file, or in
// it and copies of it.
func (w *family) ties(n int) bool {
	for _, g := range w.made {
		if !slices.Contains(g.lines, n) {
			continue
		}
		for _, x := range w.made {
			if x != g && (x.stamp.birth == g.stamp.birth || x.stamp.mtime == g.stamp.mtime ||
				x.stamp.ctime == g.stamp.mtime) {
				return true
			}
		}
	}
	return false
}

// starts notes what may be sources of their own: nothing tells that they are the log's.
func (w *family) starts() {
	if _, any := w.last[w.source()]; any || w.names[w.live] != nil {
		return
	}
	for name := range w.names {
		w.unnamed["agent-1:"+w.path(name)] = true
	}
}

// source is the origin of the log's lines.
func (w *family) source() string {
	if !w.wide {
		return "agent-1:" + w.glob
	}
	return "agent-1:" + w.path(w.live)
}

func (w *family) missing() []int {
	var out []int
	for n := range w.next {
		if _, ok := w.durable[n]; !ok && !w.gone[n] {
			out = append(out, n)
		}
	}
	return out
}

func (w *family) state() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		g := w.names[name]
		fmt.Fprintf(&b, "%s %v %v %+v\n", name, g.id.ino, g.lines, *g.stamp)
	}
	if w.agent != nil {
		for k, v := range w.agent.sink.positions {
			fmt.Fprintf(&b, "%s %s\n", k, v)
		}
		for _, s := range w.agent.Status() {
			fmt.Fprintf(&b, "%+v\n", s)
		}
	}
	return b.String()
}
