package buffer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/prometheus/client_golang/prometheus"
)

// rowsOf returns the counts of a buffer, in order.
func rowsOf(books tally.Books) (rows []string) {
	for _, r := range books.Rows {
		cells := slices.Clone(r.Row)
		slices.SortFunc(cells, func(x, y tally.Cell) int {
			return int(x.Output)*100 + int(x.Stage) - int(y.Output)*100 - int(y.Stage)
		})
		rows = append(rows, fmt.Sprint(r.From.Unix(), r.Span, r.Origin, r.First, cells))
	}
	slices.Sort(rows)
	return rows
}

// The counts that a killed agent had are found again, to the last byte.
func TestCountsAreFoundAgainAfterAKill(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := open(t, dir, small(t))
		for _, name := range []string{"out", "filtered"} {
			cursor(t, b, name)
		}
		read := map[string]*Cursor{}
		for round := range 12 {
			for name := range map[string]bool{"out": true, "filtered": true} {
				b.mu.Lock()
				read[name] = b.cursors.open[name]
				b.mu.Unlock()
				if read[name] == nil {
					read[name] = cursor(t, b, name)
				}
			}
			for range rng.IntN(60) {
				time.Sleep(time.Duration(rng.IntN(20)) * time.Second)
				var bb record.Builder
				bb.Reset("app", fmt.Sprint("/var/log/", rng.IntN(5)), 10)
				for range 1 + rng.IntN(9) {
					bb.Append(1, nil, make([]byte, rng.IntN(5000)), nil)
				}
				appendWait(t, b, bb.Build())
				for name, c := range read {
					if rng.IntN(2) == 0 || c.pos >= b.End() {
						continue
					}
					batch := next(t, c)
					if name == "filtered" && batch.Len() > 1 {
						e := tally.Entry{Origin: batch.Origin, First: batch.First, End: batch.End}
						for s, n := range map[tally.Stage]int64{
							tally.Taken: int64(batch.Len()), tally.Filtered: 1,
							tally.Delivered: int64(batch.Len()) - 1,
						} {
							e.Stage, e.Count = s, tally.Count{Records: n, Bytes: 10 * n}
							c.Note(e)
						}
					} else {
						noteDelivered(c, batch)
					}
					if rng.IntN(4) == 0 {
						commit(t, c, batch.End)
					}
				}
			}
			want := rowsOf(b.Books())
			b = killed(t, dir, small(t))
			dir = b.dir.path
			if got := rowsOf(b.Books()); !slices.Equal(got, want) {
				t.Fatalf("round %d: found\n%s\nwant\n%s", round,
					strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Counting takes less than one in a hundred of the bytes that are written for 1,000 lines a second
// of 20 files, and not much more for 100. Where what is written is synced, and so fills pages, it
// is less.
func TestCountsTakeLittleDisk(t *testing.T) {
	t.Parallel()
	for _, load := range []struct {
		rate   int
		synced bool
		most   float64
	}{
		{100, false, 1.6}, {1000, false, 1}, {10_000, false, 0.4},
		{100, true, 0.2}, {1000, true, 1},
	} {
		t.Run(fmt.Sprintf("%d synced=%v", load.rate, load.synced), func(t *testing.T) {
			if load.rate != 1000 && !runtest.Long() {
				t.Skip("takes seconds")
			}
			without := storedAt(t, load.rate, load.synced, true)
			with := storedAt(t, load.rate, load.synced, false)
			share := 100 * (with - without) / without
			t.Logf("%.0f bytes, %.0f without counts: %.2f %%", with, without, share)
			if share > load.most {
				t.Errorf("%.2f %% of the bytes, may be %.2f", share, load.most)
			}
		})
	}
}

// storedAt returns the bytes of groups of two minutes in which 20 files get so many lines a second,
// which are read and written every 67 ms, and delivered before the next time.
func storedAt(t *testing.T, rate int, synced, off bool) (stored float64) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		opt := small(t)
		opt.SegmentSize, opt.noBooks, opt.Metrics, opt.Sync = 128<<20, off, reg, synced
		opt.Latency, opt.FlushBytes = time.Millisecond, 1<<20
		b := open(t, t.TempDir(), opt)
		c := cursor(t, b, "output.kafka.events")
		const files, turns = 20, 120 * 15
		lines := 0
		for turn := range turns {
			due := rate * (turn + 1) / 15
			texts := map[int][]int{}
			for ; lines < due; lines++ {
				texts[lines%files] = append(texts[lines%files], lines)
			}
			var want int64
			for file := range files {
				if len(texts[file]) == 0 {
					continue
				}
				var bb record.Builder
				name := fmt.Sprintf("/var/log/app/service-%d.log", file)
				bb.Reset("app", name, 4096)
				for _, n := range texts[file] {
					bb.Append(1_700_000_000_000_000_000+int64(n)*1e6, nil, logLine(n), nil)
				}
				if err := b.Append(t.Context(), "input.tail.app", bb.Build(), []record.Position{{
					Key: fmt.Sprintf("2049:%d", 7_340_000+file), Value: fmt.Appendf(nil, positionForm,
						name, 200*lines, uint64(lines)*0x9e3779b97f4a7c15),
				}}, nil); err != nil {
					t.Fatal(err)
				}
				want += int64(len(texts[file]))
			}
			time.Sleep(time.Second / 15)
			for want += c.pos; c.pos < want; {
				noteDelivered(c, next(t, c))
			}
			if !c.Advance(c.pos) {
				t.Fatal("the position is to be stored at once")
			}
		}
		stored = metricValue(t, reg, "penstock_buffer_stored_bytes_total")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return stored
}

const positionForm = `{"path":%q,"offset":%d,"first":"9f86d081884c7d65","last":"%016x","size":256,"state":"open"}`

// logLine is one of 200 bytes.
func logLine(n int) []byte {
	h := uint64(n+1) * 0x9e3779b97f4a7c15
	return fmt.Appendf(nil,
		"2026-11-28T10:%02d:%02d.%03dZ INFO request=%016x method=GET path=/api/v1/items/%d status=200 took_ms=%d user=%08x agent=curl/8.5.0 message=%-60q",
		n/60000%60, n/1000%60, n%1000, h, h%100_000, h%997, h>>32, "the item was found in the cache")
}
