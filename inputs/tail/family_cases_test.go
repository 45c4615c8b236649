package tail

import (
	"math/rand/v2"
	"testing"
)

// scripted plays one history that is written down, on real files and by a clock of its own.
func scripted(t *testing.T, wide bool, do func(p *play)) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	w := newFamily(rng, t.TempDir())
	w.tick, w.birth, w.wide, w.dated, w.keeps, w.watched, w.keep = 1, true, wide, false, true, true, 9
	p := w.play()
	w.pause = func() {}
	p.catching(func() {
		do(p)
		p.finish()
	})
	for _, wrong := range w.wrong {
		t.Errorf("%.300s", wrong)
	}
	if t.Failed() {
		for _, s := range w.story {
			t.Log(s)
		}
	}
}

// step lets the agent hear of everything, look, and read a little.
func (p *play) step(turns int) {
	p.tell(len(p.events))
	p.a.sweep()
	for range turns {
		p.a.work()
	}
	p.a.results()
}

// What looks like a copy being made is held; the names of both pass on meanwhile.
func TestHeldCopyWhileNamesPassOn(t *testing.T) {
	t.Parallel()
	scripted(t, true, func(p *play) {
		p.write(false)
		p.toggle()
		p.settle()
		for range 3 {
			p.write(false)
			p.byCopy()
			p.tell(len(p.events)) // the copy is held
			p.write(false)
			p.byCopy() // it is renamed, and nobody looks
			for p.a.work() || p.a.results() {
			}
			p.write(false)
			p.settle()
		}
	})
}

// A copy is seen when there is nothing in it yet, before the log that it is made of has been read.
func TestCopySeenEmpty(t *testing.T) {
	t.Parallel()
	for _, wide := range []bool{true, false} {
		scripted(t, wide, func(p *play) {
			p.toggle()
			p.write(false)
			p.write(false)
			p.pause = func() { p.step(2) }
			p.byCopy()
			p.pause = func() {}
			p.write(false)
			p.step(2)
			p.byCopy()
		})
	}
}

// A compressed file is renamed between the decision to compare it and the comparison.
func TestCompressedFileRenamedBeforeItIsCompared(t *testing.T) {
	t.Parallel()
	scripted(t, true, func(p *play) {
		p.write(false)
		p.toggle()
		p.settle()
		p.byRename()
		p.write(false)
		p.settle()
		p.compressed("app.log.1")
		for range 30 {
			p.tell(len(p.events))
			p.a.sweep()
			if p.a.m.gz.busy != nil {
				break
			}
			for p.a.m.gz.busy == nil && p.a.work() {
			}
			p.a.results()
			p.clock.at += 100e6
		}
		if p.a.m.gz.busy == nil {
			t.Fatal("it was never compared")
		}
		p.byRename()
		for p.a.work() { // it is no longer where it was
		}
		p.tell(len(p.events)) // and is found again before that is known
		p.a.results()
		p.write(false)
	})
}

// What gzip makes stands there empty at first: it is not sent as it is.
func TestCompressedFileSeenEmpty(t *testing.T) {
	t.Parallel()
	scripted(t, true, func(p *play) {
		p.write(false)
		p.toggle()
		p.settle()
		p.byRename()
		p.write(false)
		p.step(3)
		p.pause = func() {
			p.step(2)
			p.clock.at += 10e6
		}
		p.compressed("app.log.1")
		p.pause = func() {}
		p.write(false)
	})
}

// A log is truncated, as copytruncate does it, again and again before anything of it has been read.
func TestTruncatedBeforeAnythingWasRead(t *testing.T) {
	t.Parallel()
	for _, wide := range []bool{true, false} {
		scripted(t, wide, func(p *play) {
			p.write(false)
			p.toggle()
			p.settle()
			p.byCopy()
			p.settle()
			p.a.sink.stalled = true
			for range 3 {
				p.write(false)
				p.step(1)
				p.byCopy()
				p.step(1)
			}
			p.write(false)
		})
	}
}

// A copy that is not begun yet is compressed, and the copy before it, while nobody could read.
func TestCopyCompressedBeforeItWasRead(t *testing.T) {
	t.Parallel()
	scripted(t, true, func(p *play) {
		p.write(false)
		p.toggle()
		p.settle()
		p.a.sink.stalled = true
		for range 3 {
			p.write(false)
			p.byCopy()
			p.step(1)
			p.compressed("app.log.1")
		}
		p.write(false)
		p.step(1)
	})
}
