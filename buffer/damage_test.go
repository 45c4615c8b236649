package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/prometheus/client_golang/prometheus"
)

// filled makes a buffer of some segments and returns its directory: closed in order, or as a kill
// leaves it. Records are numbered by position, the input's position "n" is the number of records,
// and the cursor "out" stands at 100.
func filled(t *testing.T, killed bool) (dir string, records int) {
	t.Helper()
	dir = t.TempDir()
	b := open(t, dir, small(t))
	c := cursor(t, b, "out")
	const batches, per = 200, 20
	for i := range batches {
		p := record.Position{Key: "n", Value: fmt.Append(nil, (i+1)*per)}
		if i%10 == 0 {
			appendWait(t, b, batchOf(i*per, per, 1000), p) // so that there are more groups
			continue
		}
		if err := b.Append(
			t.Context(), "in", batchOf(i*per, per, 1000), []record.Position{p}, nil,
		); err != nil {
			t.Fatal(err)
		}
	}
	readTo(t, c, 100)
	commit(t, c, 100)
	if !killed {
		c.Close()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		return dir, batches * per
	}
	runtest.Until(
		t, "old segments are closed",
		func() bool { _, heads := segmentDirs(t, dir); return len(heads) <= 2 },
	)
	to := filepath.Join(t.TempDir(), "copy")
	copyDir(t, dir, to)
	return to, batches * per
}

// middleOf returns the directory of a segment from the middle of the chain.
func middleOf(t *testing.T, dir string) string {
	sealed, _ := segmentDirs(t, dir)
	if len(sealed) < 3 {
		t.Fatalf("only %d segments", len(sealed))
	}
	return sealed[len(sealed)/2]
}

// readAll opens the buffer and reads all that is there from position 0 on.
func readAll(t *testing.T, dir string) (b *Buffer, reg *prometheus.Registry, got []int) {
	t.Helper()
	reg = prometheus.NewRegistry()
	opt := small(t)
	opt.Metrics = reg
	b = open(t, dir, opt)
	c := cursor(t, b, "all")
	b.Seal()
	for {
		batch, err := c.Next(t.Context())
		if err != nil {
			break
		}
		got = append(got, numbers(t, batch)...)
	}
	return b, reg, got
}

func edit(t *testing.T, path string, fn func([]byte) []byte) {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fn(p), 0o640); err != nil {
		t.Fatal(err)
	}
}

func flipAt(share float64) func([]byte) []byte {
	return func(p []byte) []byte {
		if len(p) > 0 {
			p[int(share*float64(len(p)-1))] ^= 0x40
		}
		return p
	}
}

func truncateTo(share float64) func([]byte) []byte {
	return func(p []byte) []byte { return p[:int(share*float64(len(p)))] }
}

// Damage in a closed segment's value log costs what cannot be read, and nothing else; the segment
// is kept aside.
func TestDamagedValueLog(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string){
		"flipped": func(path string) {
			edit(t, path, func(p []byte) []byte {
				i := len(p)/2 + strings.Index(string(p[len(p)/2:]), string(groupMagic))
				p[i+3000] ^= 1 // in the first batch
				return p
			})
		},
		"truncated": func(path string) { edit(t, path, truncateTo(0.5)) },
		"empty":     func(path string) { edit(t, path, truncateTo(0)) },
		"missing":   func(path string) { _ = os.Remove(path) },
		"zeroed in the middle": func(path string) {
			edit(t, path, func(p []byte) []byte { clear(p[len(p)/3 : len(p)/2]); return p })
		},
		"header flipped": func(path string) {
			edit(t, path, func(p []byte) []byte {
				i := strings.Index(string(p[len(p)/2:]), string(groupMagic))
				p[len(p)/2+i+10] ^= 1
				return p
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, n := filled(t, false)
			seg := middleOf(t, dir)
			damage(filepath.Join(seg, vlogName))
			b, reg, got := readAll(t, dir)
			if len(got) >= n || len(got) < n*2/3 || !slices.IsSorted(got) || got[0] != 0 ||
				got[len(got)-1] != n-1 {
				t.Fatalf("%d of %d records, from %d to %d", len(got), n, got[0], got[len(got)-1])
			}
			if len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Fatal("records twice")
			}
			partly := name != "empty" && name != "missing"
			var first int
			_, _ = fmt.Sscanf(filepath.Base(seg), "%d", &first)
			if _, some := slices.BinarySearch(got, first); partly && !some {
				t.Errorf("the good part of the damaged segment was not read")
			}
			if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 1 {
				t.Errorf("damaged segments %v", v)
			}
			if v := metricValue(t, reg, "penstock_buffer_damaged_records_total"); int(
				v,
			) != n-len(
				got,
			) {
				t.Errorf("damaged records %v, want %d", v, n-len(got))
			}
			if p := string(b.Positions("in")["n"]); p != fmt.Sprint(n) {
				t.Errorf("position %s", p)
			}
			if err := b.Forget("out"); err != nil {
				t.Fatal(err)
			}
			b.cursors.open["all"].commitAll(t)
			runtest.Until(t, "the segment is aside", func() bool {
				names, _ := os.ReadDir(filepath.Join(dir, damagedName))
				return len(names) == 1 && strings.HasPrefix(names[0].Name(), filepath.Base(seg))
			})
		})
	}
}

func (c *Cursor) commitAll(t *testing.T) { commit(t, c, c.End()) }

// Badger's own files are not needed to read what was acknowledged.
func TestDamagedBadgerFiles(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		for name, fn := range map[string]func([]byte) []byte{"flipped": flipAt(0.1), "truncated": truncateTo(0.5), "empty": truncateTo(0), "missing": nil} {
			t.Run(fmt.Sprintf("%s killed=%v", name, killed), func(t *testing.T) {
				dir, n := filled(t, killed)
				for _, file := range []string{"MANIFEST", "*.sst", "KEYREGISTRY", "DISCARD", "*.mem"} {
					paths, _ := filepath.Glob(filepath.Join(dir, "*", file))
					if len(paths) == 0 && (killed || file != "*.mem") {
						t.Fatalf("no %s", file)
					}
					for _, path := range paths {
						if fn == nil {
							_ = os.Remove(path)
						} else {
							edit(t, path, fn)
						}
					}
				}
				b, reg, got := readAll(t, dir)
				wantRun(t, got, 0, n)
				if p := string(b.Positions("in")["n"]); p != fmt.Sprint(n) {
					t.Errorf("position %s", p)
				}
				if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 0 {
					t.Errorf("damaged segments %v", v)
				}
				if pos, _ := cursor(t, b, "out").Committed(); pos != 100 {
					t.Errorf("cursor at %d", pos)
				}
			})
		}
	}
}

// A seal that is gone or damaged is made up for by reading the segment.
func TestDamagedSeal(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func([]byte) []byte{"flipped": flipAt(0.5), "empty": truncateTo(0), "missing": nil} {
		t.Run(name, func(t *testing.T) {
			dir, n := filled(t, false)
			sealed, _ := segmentDirs(t, dir)
			for _, seg := range sealed {
				if fn == nil {
					_ = os.Remove(filepath.Join(seg, sealName))
				} else {
					edit(t, filepath.Join(seg, sealName), fn)
				}
			}
			_, _, got := readAll(t, dir)
			wantRun(t, got, 0, n)
		})
	}
}

// headOf returns the newest head that has groups.
func headOf(t *testing.T, dir string) (path string, entries []entry) {
	t.Helper()
	_, heads := segmentDirs(t, dir)
	for _, h := range slices.Backward(heads) { // an older one may be about to be closed
		path = filepath.Join(h, vlogName)
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was being made
		} else if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for off := int64(vlogHeaderSize); ; {
			e, next, err := readEntryAt(f, off)
			if err != nil {
				break
			}
			entries = append(entries, e)
			off = next
		}
		if len(entries) > 0 {
			return path, entries
		}
	}
	t.Fatal("no head")
	return "", nil
}

// The last group before a crash may be incomplete. It was not acknowledged: data and position of it
// go, together, and that is no damage.
func TestTornEndIsCutOff(t *testing.T) {
	t.Parallel()
	dir, _ := filled(t, true)
	path, entries := headOf(t, dir)
	last := entries[len(entries)-1]
	for last.records == 0 { // the commit of the cursor
		entries = entries[:len(entries)-1]
		last = entries[len(entries)-1]
	}
	edit(t, path, func(p []byte) []byte {
		clear(p[last.off+last.size()/2:])
		return p
	})
	b, reg, got := readAll(t, dir)
	wantRun(t, got, 0, int(last.first))
	if p := string(b.Positions("in")["n"]); p != fmt.Sprint(last.first) {
		t.Errorf("position %s, want %d", p, last.first)
	}
	if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 0 {
		t.Errorf("damaged segments %v", v)
	}
}

// What follows an unacknowledged group that did not survive must not survive either, or its
// positions would skip what is lost.
func TestNothingIsTakenFromBeyondATornGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opt := small(t)
	opt.FlushBytes = 4 << 10
	b := open(t, dir, opt)
	queued := make(chan struct{})
	if err := b.Append(
		t.Context(), "in", batchOf(0, 1, 3000), []record.Position{{Key: "n", Value: []byte("1")}},
		func(error) { <-queued },
	); err != nil {
		t.Fatal(err)
	}
	runtest.Until(t, "the first is written", func() bool { return b.End() == 1 })
	for i := 1; i < 10; i++ { // one commit of several groups, since the writer is held
		if err := b.Append(
			t.Context(), "in", batchOf(i, 1, 3000),
			[]record.Position{{Key: "n", Value: fmt.Append(nil, i+1)}}, nil,
		); err != nil {
			t.Fatal(err)
		}
	}
	close(queued)
	runtest.Until(t, "all is written", func() bool { return b.End() == 10 })
	to := filepath.Join(t.TempDir(), "copy")
	copyDir(t, dir, to)
	path, entries := headOf(t, to)
	var commits [][]entry
	for _, e := range entries {
		if e.records == 0 {
			continue
		}
		if n := len(commits); n > 0 && commits[n-1][0].durable == e.durable {
			commits[n-1] = append(commits[n-1], e)
		} else {
			commits = append(commits, []entry{e})
		}
	}
	lastCommit := commits[len(commits)-1]
	if len(lastCommit) < 3 {
		t.Fatalf("the last commit has %d groups", len(lastCommit))
	}
	torn := lastCommit[1]
	edit(t, path, func(p []byte) []byte { clear(p[torn.off+200 : torn.off+400]); return p })
	b, reg, got := readAll(t, to)
	wantRun(t, got, 0, int(torn.first))
	if p := string(b.Positions("in")["n"]); p != fmt.Sprint(torn.first) {
		t.Errorf("position %s, want %d", p, torn.first)
	}
	if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 0 {
		t.Errorf("damaged segments %v", v)
	}
}

// vector#17644, #16525: a hard reset leaves a buffer on which it crash-loops until somebody deletes
// it.
func TestVector17644_DamagedHeadDoesNotKeepItFromStarting(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(p []byte, entries []entry) []byte{
		"first group": func(p []byte, es []entry) []byte { p[es[0].off+20] ^= 1; return p },
		"middle": func(p []byte, es []entry) []byte {
			e := es[len(es)/2]
			clear(p[e.off-20 : e.off+e.size()])
			return p
		},
		"truncated in a group": func(p []byte, es []entry) []byte { e := es[len(es)/2]; return p[:e.off+e.size()/2] },
		"empty":                func(p []byte, es []entry) []byte { return nil },
		"noise": func(p []byte, es []entry) []byte {
			for i := range p[:len(p)/2] {
				p[i] ^= byte(i*7 + 1)
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, n := filled(t, true)
			path, entries := headOf(t, dir)
			var damaged []byte
			edit(t, path, func(p []byte) []byte {
				damaged = bytes.Clone(damage(p, entries))
				return damaged
			})
			b, reg, got := readAll(t, dir)
			if before := int(entries[0].first); len(got) < before || !slices.IsSorted(got) {
				t.Fatalf("%d records, %d were in other segments", len(got), before)
			}
			if v := metricValue(t, reg, "penstock_buffer_damaged_segments_total"); v != 1 {
				t.Errorf("damaged segments %v", v)
			}
			if b.End() < int64(n) {
				t.Errorf("position %d is used a second time", b.End())
			}
			if pos, _ := cursor(t, b, "out").Committed(); pos > 100 {
				t.Errorf("cursor at %d", pos)
			}
			if p := b.Positions("in")["n"]; p == nil {
				t.Error("the positions are gone, though the segment before has them")
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, damagedName, "*", vlogName)); aside != nil {
				path = aside[0]
			}
			if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, damaged) {
				t.Errorf("of %d bytes, not all of them readable, %d are left: %v",
					len(damaged), len(kept), err)
			}
			b = open(t, dir, small(t)) // and again
			c := cursor(t, b, "new")
			end := b.End()
			appendWait(t, b, batchOf(int(end), 5, 10))
			if err := c.SeekTo(end); err != nil {
				t.Fatal(err)
			}
			wantRun(t, numbers(t, next(t, c)), int(end), 5)
		})
	}
}

// fluentd#1638: a crash leaves a chunk that is never sent.
func TestFluentd1638_EverythingLeftByACrashIsRead(t *testing.T) {
	t.Parallel()
	dir, n := filled(t, true)
	_, _, got := readAll(t, dir)
	wantRun(t, got, 0, n)
	sealed, heads := segmentDirs(t, dir)
	if len(sealed) < 3 || len(heads) > 2 {
		t.Errorf("segments after recovery: %v, %v", sealed, heads)
	}
}

// A kill in the middle of the copy of a head's first group into the mapped file leaves a part of it
// without its beginning. It was never acknowledged, and is no damage.
func TestTornFirstGroupIsNoDamage(t *testing.T) {
	t.Parallel()
	dir, records := filled(t, true)
	head := filepath.Join(dir, "head-99999999")
	if err := os.Mkdir(head, 0o750); err != nil {
		t.Fatal(err)
	}
	torn := make([]byte, 1<<20)
	for i := 100; i < 8000; i++ {
		torn[i] = byte(i)
	}
	for name, content := range map[string][]byte{vlogName: torn, walName: make([]byte, 1<<20)} {
		if err := os.WriteFile(filepath.Join(head, name), content, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	b, _, got := readAll(t, dir)
	if len(got) != records {
		t.Errorf("%d records, want %d", len(got), records)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if aside, err := os.ReadDir(filepath.Join(dir, damagedName)); err == nil {
		t.Errorf("moved aside: %v", aside)
	}
}
