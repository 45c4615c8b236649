package replay

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/penstock/penstock/outputs/recordline"
)

// Progress is how far a replay has come, for those who want to see it while it goes on. The zero
// value has not begun, and a nil one is not kept. Safe for concurrent use.
type Progress struct {
	mu  sync.Mutex
	now Reached
}

// Reached is how far a replay has come at one moment.
type Reached struct {
	Since     time.Time // zero: it has not begun
	Records   int64     // that the output took
	OfRecords int64     // 0: that is not known
	Objects   int64     // or files
	OfObjects int64
	Bytes     int64 // of those objects
	OfBytes   int64
}

// Now returns how far it has come.
func (p *Progress) Now() Reached {
	if p == nil {
		return Reached{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *Progress) change(how func(*Reached)) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	how(&p.now)
}

// begin tells what there is to replay. What is found later, in another directory, is added.
func (p *Progress) begin(objects, bytes, records int64) {
	p.change(func(r *Reached) {
		if r.Since.IsZero() {
			r.Since = time.Now()
		}
		r.OfObjects += objects
		r.OfBytes += bytes
		r.OfRecords += records
	})
}

// PerSecond returns how many records were taken in a second so far.
func (r Reached) PerSecond(now time.Time) float64 {
	return float64(r.Records) / max(now.Sub(r.Since), time.Second).Seconds()
}

// ToGo returns how long the rest takes at the rate so far; 0 if that is not known.
func (r Reached) ToGo(now time.Time) time.Duration {
	done, of := r.Bytes, r.OfBytes
	if r.OfRecords > 0 {
		done, of = r.Records, r.OfRecords
	}
	if r.Since.IsZero() || done <= 0 || of <= done {
		return 0
	}
	return time.Duration(float64(now.Sub(r.Since)) * float64(of-done) / float64(done))
}

// beginFiles tells of the records in files that f wants.
func (p *Progress) beginFiles(ctx context.Context, names []string, f *Filter) error {
	if p == nil {
		return nil
	}
	var records, bytes int64
	for _, name := range names {
		n, size, err := countFile(ctx, name, f)
		if err != nil {
			return err
		}
		records += n
		bytes += size
	}
	p.begin(int64(len(names)), bytes, records)
	return nil
}

func countFile(ctx context.Context, name string, f *Filter) (records, size int64, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	lines, err := recordline.NewLineReader(file, nil)
	if err != nil {
		return 0, 0, err
	}
	defer lines.Close()
	for ctx.Err() == nil {
		line, err := lines.ReadLine()
		if err != nil { // the end, or what is told when the file is replayed
			return records, fi.Size(), nil
		}
		if l, err := recordline.ParseLine(line); len(line) > 0 && err == nil && f.Wants(&l) {
			records++
		}
	}
	return 0, 0, context.Cause(ctx)
}
