package tail

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
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

// A log and a copy of it are found together, nothing having been read of either, and the copy is
// empty, or not complete, or complete while the log is not truncated yet.
func TestCopyFoundTogetherWithItsLog(t *testing.T) {
	for part := range 3 {
		scripted(t, true, func(p *play) {
			p.toggle()
			for range 5 {
				p.write(false)
			}
			c, data := p.create("app.log.1"), p.content(p.writer)
			n := len(data) * part / 2
			p.put(c, data[:n])
			c.lines = slices.Clone(p.writer.lines)
			p.step(20)
			p.put(c, data[n:])
			p.step(20)
			p.truncate(p.writer)
			p.write(false)
			p.step(20)
		})
	}
}

// A backup of a log is not what comes before it: it is read once, and the log goes on.
func TestBackupOfLogFoundTogetherWithIt(t *testing.T) {
	scripted(t, true, func(p *play) {
		for range 5 {
			p.write(false)
		}
		c, data := p.create("app.log.1"), p.content(p.writer)
		p.put(c, data)
		c.lines = slices.Clone(p.writer.lines)
		p.toggle()
		p.step(20)
		p.write(false)
		p.settle()
		p.write(false)
	})
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

// What is compressed holds lines that were read, and are not appended yet: nobody takes any.
func TestCompressedWhileItsLinesAreOnTheirWay(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.toggle()
		p.a.sink.stalled = true
		p.write(false)
		p.step(3) // they are read
		p.write(false)
		p.byCopy()
		p.write(false)
		p.compressed("app.log.1")
		for range 20 {
			p.clock.at += 200e6
			p.step(3)
		}
		p.a.sink.stalled = false
	})
}

// A copy that is not begun yet is compressed: its place among the others is that of the copy,
// whatever their names and times are by then.
func TestCompressedCopyKeepsItsPlace(t *testing.T) {
	for _, tick := range []int64{1, 10e6} {
		scripted(t, true, func(p *play) {
			p.tick = tick
			p.write(false)
			p.toggle()
			p.settle()
			p.write(false)
			p.byCopy()
			p.step(0) // the copy is held
			p.write(false)
			p.pause = func() { p.step(0) } // its compressed form is found beside it
			p.compressed("app.log.1")
			p.pause = func() {}
			p.step(0)
			p.byLink()
			p.write(false)
			p.step(0)
			p.compressed("app.log.1")
		})
	}
}

// Where the file system does not know when files were made, too: what is older than what has been
// read comes too late, and is a source of its own.
func TestFoundTooLateWithoutBirth(t *testing.T) {
	for _, zip := range []bool{false, true} {
		scripted(t, true, func(p *play) {
			p.birth = false
			p.write(false)
			p.toggle()
			p.settle()
			p.a.halt()
			p.killed()
			p.write(false)
			p.byRename()
			must(p.a.start()) // there is no live file
			p.a.sink.held = true
			p.write(false)
			p.step(1)
			p.a.halt()
			p.killed()
			p.a.sink.held = false
			p.byRename()
			if zip {
				p.compressed("app.log.2")
			}
			p.write(false)
			must(p.a.start())
		})
	}
}

// A log that waits for its copies to be read holds another thing when its turn comes than when it
// was found again after a start: what lies between is in copies that nobody has seen yet.
func TestTruncatedAgainWhileItWaits(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.watched = false
		p.write(false)
		p.toggle()
		p.settle()
		p.a.halt()
		p.killed()
		p.write(false)
		p.byCopy()
		must(p.a.start())
		p.a.halt()
		p.killed()
		p.write(false)
		must(p.a.start()) // the log is found with lines in it, and waits for the copy
		p.byCopy()
		p.write(false)
		for range 30 { // nobody looks
			p.a.work()
			p.a.results()
		}
	})
}

// long writes more than headSize.
func (p *play) long() {
	for from := len(p.content(p.writer)); len(p.content(p.writer)) < from+2*headSize; {
		p.write(false)
	}
}

// A log is replaced by one that goes on with its content, and that one by another one, or it is
// rotated, before anything of it was read.
func TestReplacedAgainBeforeItWasRead(t *testing.T) {
	for what, next := range map[string]func(p *play){
		"replaced": func(p *play) { p.replace(true, true) },
		"copied":   func(p *play) { p.byCopy() },
		"renamed":  func(p *play) { p.byRename() },
	} {
		t.Run(what, func(t *testing.T) {
			scripted(t, true, func(p *play) {
				p.open()
				p.long()
				p.toggle()
				p.settle()
				p.a.sink.stalled = true
				p.long()
				p.step(2) // read, but not appended
				p.replace(true, true)
				p.step(2)
				next(p)
				p.step(2)
				p.a.sink.stalled = false
				p.write(false)
			})
		})
	}
}

// A log that was replaced while nobody looked is read on; a copy that is made of it then is known
// by what was read of it, and not of the one before it.
func TestCopyOfALogThatWentOn(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.open()
		p.long()
		p.toggle()
		p.settle()
		p.a.halt()
		p.killed()
		p.replace(true, true)
		must(p.a.start())
		p.settle()
		p.open()
		p.long()
		p.settle()
		c, data := p.create("app.log.1"), p.content(p.writer)
		c.lines = slices.Clone(p.writer.lines)
		p.put(c, data[:3*headSize])
		p.step(3)
		p.put(c, data[3*headSize:])
		p.step(3)
		p.truncate(p.writer)
		p.write(false)
	})
}

// A log that was read, and is closed, is rotated and compressed before anybody looks: it has no
// name when its compressed form is found.
func TestCompressedWhenItHadNoName(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.open()
		p.long()
		p.toggle()
		p.settle()
		p.a.halt()
		p.killed()
		must(p.a.start()) // all of it has been read: it is not opened
		p.byLink()
		p.compressed("app.log.1")
		p.write(false)
		p.byLink()
		p.write(false)
	})
}

// A generation that was read before a restart is compressed, and the log that follows gets its
// inode before the compressed form is found: it is still known by what was read.
func TestCompressedWhenItsInodeIsAnothers(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.open()
		p.long()
		p.toggle()
		p.settle()
		p.a.halt()
		p.killed()
		p.byRename()
		p.open()
		p.write(false)
		must(p.a.start())
		p.settle()
		taken := p.names["app.log.1"].id.ino
		p.compressed("app.log.1")
		p.close()
		p.rename("app.log", "app.log.2")
		p.inodes = taken - 1
		p.open()
		p.write(false)
		p.tell(len(p.events))
		compressed := 0
		for f := range p.a.m.run.files {
			if f.compression == none {
				continue
			}
			compressed++
			if !slices.ContainsFunc(p.a.m.candidates(f), func(pos *position) bool {
				return pos.Ino == taken
			}) {
				t.Errorf("%s is not compared with what was read of app.log.1", f.where())
			}
		}
		if compressed != 1 {
			t.Errorf("%d compressed files", compressed)
		}
		p.settle()
	})
}

// A log is rotated while the agent looks at it for the first time, wherever that look is.
func TestRotatedDuringTheFirstLook(t *testing.T) {
	for look := 1; look <= 26; look++ {
		t.Run(fmt.Sprint(look), func(t *testing.T) {
			scripted(t, true, func(p *play) {
				p.open()
				p.write(false)
				looks := 0
				p.clock.onLook = func() {
					if looks++; looks != look {
						return
					}
					p.close()
					p.rename("app.log", "app.log.1")
					p.open()
					p.write(false)
				}
				p.toggle()
				p.clock.onLook = nil
				p.settle()
				if len(p.last) != 1 {
					t.Errorf("its lines are of %d sources: %v", len(p.last), p.last)
				}
			})
		})
	}
}

// A log that was empty when it was found is filled, rotated and compressed before anybody looks,
// and so is one after it: its place is that of what it was compressed into and what begins as it.
func TestFoundEmptyAndCompressedBeforeItWasRead(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.birth, p.watched, p.tick = false, false, 10e6
		p.write(false)
		p.close()
		p.rename("app.log", "app.log.1")
		p.create("app.log")
		p.toggle()
		p.step(3)
		for range 2 {
			p.write(false)
			p.close()
			p.rename("app.log.1", "app.log.2")
			p.rename("app.log", "app.log.1")
			if p.names["app.log.3.gz"] == nil {
				p.rename("app.log.2", "app.log.3")
				p.compressed("app.log.3")
			}
		}
		p.compressed("app.log.2")
		p.settle()
	})
}

// A log is truncated and rotated before that is noticed, and compressed: its compressed form is
// found beside it while it is still thought to hold what it did.
func TestCompressedBeforeItsTruncationWasNoticed(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.tick = 4e6
		p.toggle()
		p.write(false)
		p.settle()
		p.copyOf("app.log", "app.log.3")
		p.truncate(p.names["app.log"])
		p.long()
		p.close()
		p.rename("app.log", "app.log.2")
		p.write(false)
		p.copyOf("app.log", "app.log.1")
		p.truncate(p.names["app.log"])
		p.write(false)
		p.pause = func() {
			if z := p.names["app.log.2.gz"]; len(p.content(z)) > 0 {
				p.tell(len(p.events))
				p.a.work() // the truncation is found, and not told yet
			}
		}
		p.compressed("app.log.2")
		p.pause = func() {}
		p.settle()
	})
}

// What was truncated and rotated is found while it is empty, and the copy made of it before is not.
// It is looked for when there is something in it.
func TestCopyOfWhatWasFoundEmpty(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.toggle()
		p.write(false)
		p.copyOf("app.log", "app.log.2")
		p.truncate(p.names["app.log"])
		p.rename("app.log", "app.log.1")
		p.create("app.log")
		p.events = nil
		p.a.notify(changes{touched: map[string]struct{}{
			p.path("app.log"): {}, p.path("app.log.1"): {},
		}})
		p.write(false)
		p.events = nil
		p.a.notify(changes{written: map[string]struct{}{p.path("app.log.1"): {}}})
		for p.a.work() || p.a.results() {
		}
		p.settle()
	})
}

// A log is rotated after what a copy of it holds was read, while nobody looks: it was made before
// the copy, but what is in it was written later, and belongs to the log.
func TestRotatedAfterACopyOfItWasRead(t *testing.T) {
	for _, known := range []bool{true, false} {
		scripted(t, true, func(p *play) {
			p.write(false)
			if known {
				p.toggle()
				p.settle()
			}
			p.write(false)
			p.clock.at += 1e9
			p.copyOf("app.log", "app.log.1")
			p.truncate(p.names["app.log"])
			if !known {
				p.toggle()
			}
			p.settle()
			p.toggle()
			p.write(false)
			p.close()
			p.rename("app.log.1", "app.log.2")
			p.rename("app.log", "app.log.1")
			p.create("app.log")
			p.toggle()
			p.settle()
		})
	}
}

// A log is copied and truncated twice before that is noticed, and nothing of the second copy was
// seen before: where no birth tells, it is younger than what was read for it was written to later.
func TestCopiedTwiceUnnoticedWithoutBirth(t *testing.T) {
	for _, tick := range []int64{1, 10e6} {
		scripted(t, true, func(p *play) {
			p.birth, p.tick = tick > 1, tick // or all were made in one tick
			p.toggle()
			p.write(false)
			p.step(3)
			for _, to := range []string{"app.log-20261128", "app.log-20261129"} {
				p.copyOf("app.log", to)
				p.truncate(p.names["app.log"])
				p.write(false)
				p.clock.at += 20e6
			}
			p.settle()
		})
	}
}

// A log is empty when it is found, and what was rotated before it was read to its end. It is
// rotated when it is first seen with something in it.
func TestRotatedWhenItIsFirstSeenFilled(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.write(false)
		p.close()
		p.rename("app.log", "app.log.1")
		p.compressed("app.log.1")
		p.create("app.log")
		p.toggle()
		p.settle()
		p.write(false)
		p.close()
		p.rename("app.log.1.gz", "app.log.2.gz")
		p.rename("app.log", "app.log.1")
		p.settle()
	})
}

// A log was made before the one that it follows was compressed, and is rotated while nobody looks,
// before anything of it was durable. It is not older than the compressed file that was read,
// whether that is still there or not.
func TestRotatedAfterWhatItFollowsWasCompressed(t *testing.T) {
	t.Parallel()
	for _, keeps := range []bool{true, false} {
		for _, removed := range []bool{true, false} {
			scripted(t, true, func(p *play) {
				p.keeps = keeps
				p.write(false)
				p.close()
				p.rename("app.log", "app.log.1")
				p.write(false)
				p.clock.at += 1e9
				p.compressed("app.log.1")
				p.a.sink.held = true
				p.toggle()
				p.settle()
				for len(p.durable) == 0 {
					p.a.sink.sync(1)
				}
				p.a.halt()
				p.killed()
				p.a.sink.held = false
				p.close()
				p.rename("app.log.1.gz", "app.log.2.gz")
				p.rename("app.log", "app.log.1")
				if removed {
					p.unlink("app.log.2.gz")
				}
				must(p.a.start())
				p.settle()
				if len(p.last) != 1 {
					t.Errorf("its lines are of %d sources: %v", len(p.last), p.last)
				}
			})
		}
	}
}

// What was last written before a compressed file that was read turns up after that, and is a source
// of its own.
func TestFoundAfterWhatFollowsItWasReadCompressed(t *testing.T) {
	t.Parallel()
	for _, removed := range []bool{true, false} {
		scripted(t, true, func(p *play) {
			p.write(false)
			p.close()
			p.rename("app.log", ".away")
			p.clock.at += 1e9
			p.write(false)
			p.close()
			p.rename("app.log", "app.log.1")
			p.create("app.log")
			p.compressed("app.log.1")
			p.toggle()
			p.settle()
			p.a.halt()
			p.killed()
			if removed {
				p.unlink("app.log.1.gz")
			}
			p.rename(".away", "app.log.2")
			must(p.a.start())
			p.settle()
			if len(p.last) != 2 {
				t.Errorf("its lines are of %d sources: %v", len(p.last), p.last)
			}
		})
	}
}

// copyOf makes a copy as copytruncate does.
func (p *play) copyOf(from, to string) {
	g, c := p.names[from], p.create(to)
	p.put(c, p.content(g))
	c.lines = slices.Clone(g.lines)
}

// A log is between two names when the agent starts: what was rotated meanwhile is known by what was
// read of the log before.
func TestStartWhileTheLogHasNoName(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.open()
		p.write(false)
		p.toggle()
		p.settle()
		p.rename("app.log", "app.log.1")
		p.write(false)
		p.settle()
		p.close()
		p.a.sink.sync(1 << 30)
		p.toggle()
		p.compressed("app.log.1")
		p.open()
		p.write(false)
		p.close()
		p.rename("app.log", "app.log.2")
		p.toggle()
		p.settle()
		p.open()
		p.write(false)
		p.settle()
		if len(p.last) != 1 {
			t.Errorf("its lines are of %d sources: %v", len(p.last), p.last)
		}
	})
}

// The very first start finds a log between two names, and nothing is known of it: what was rotated
// is read as that log's. What has a date, or no number that counts, is that if it was just renamed.
func TestFirstStartWhileTheLogHasNoName(t *testing.T) {
	for _, tc := range []struct {
		live, rotated string
		pause         time.Duration
		sources       int
	}{
		{"app.log", "app.log.1", 0, 1},
		{"app.log", "app.log.1", 24 * time.Hour, 1},
		{"app.log", "app.log-20261128", 5 * time.Second, 1},
		{"app.log", "app.log-20261128", 24 * time.Hour, 2},
		{"app.logs", "app.logs.old", 24 * time.Hour, 1},
		{"app.1", "app.1.1", 5 * time.Second, 1},
		{"app.1", "app.1.1", time.Hour, 2},
	} {
		for _, zip := range []bool{false, true} {
			if zip && tc.pause == 5*time.Second {
				continue // whoever compresses it has long been told
			}
			name := fmt.Sprintf("%s after %v, compressed %v", tc.rotated, tc.pause, zip)
			t.Run(name, func(t *testing.T) {
				scripted(t, true, func(p *play) {
					p.live = tc.live
					p.glob = p.path("app*")
					p.a = p.playGlob().a
					p.open()
					p.write(false)
					p.clock.at += 1e9
					p.close()
					if tc.pause == 0 { // nothing was there when it ran before
						must(os.Rename(p.path(p.live), p.path(".x")))
						p.toggle()
						p.settle()
						p.toggle()
						must(os.Rename(p.path(".x"), p.path(p.live)))
					}
					p.rename(p.live, tc.rotated)
					if zip {
						p.compressed(tc.rotated)
					}
					p.clock.at += int64(tc.pause)
					p.toggle()
					p.settle()
					p.open()
					p.write(false)
					p.settle()
					if len(p.last) != tc.sources {
						t.Errorf("its lines are of %d sources: %v", len(p.last), p.last)
					}
				})
			})
		}
	}
}

// Instances of one program are not what rotation has made of a log that there is not.
func TestFirstStartBesideInstances(t *testing.T) {
	scripted(t, true, func(p *play) {
		p.glob = p.path("*")
		p.a = p.playGlob().a
		names := []string{"app-1.log", "app-2.log", "web.1", "web.2", "access.log.2026-11-28"}
		for _, name := range names {
			p.put(p.create(name), []byte(p.text(p.names[name], 4, false)))
			p.clock.at += 1e9
		}
		p.toggle()
		p.settle()
		if len(p.last) != len(names) {
			t.Errorf("they are of %d sources: %v", len(p.last), p.last)
		}
	})
}

// A copy that no glob leads to has the inode of another log, which was read, and removed since.
func TestCopyWithTheInodeOfAnotherLog(t *testing.T) {
	t.Parallel()
	scripted(t, false, func(p *play) {
		p.reuses = true
		g := p.create(otherLog)
		p.put(g, []byte(p.text(g, 4, false)))
		p.toggle()
		p.write(false)
		p.settle()
		if f := p.known(g); f == nil || f.isOpen.Load() {
			t.Fatal("the other log is to be known, and closed")
		}
		p.write(false) // is not read before it is copied
		p.unlink(otherLog)
		p.byCopy()
		p.write(false)
		if id := p.names[p.live+".1"].id; id != g.id {
			t.Fatal("the copy is to have the inode of the other log")
		}
		p.events = nil // those of the other log are polled less often
		p.a.notify(changes{written: map[string]struct{}{p.path(p.live): {}}})
		for p.a.work() || p.a.results() {
		}
	})
}
