package tail

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/inputs"
)

func mustTemplate(t *testing.T, s string) template.Template {
	t.Helper()
	tm, err := template.Parse(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tm
}

// sparse makes a file longer without writing to it.
func sparse(t *testing.T, path string, by int64) {
	t.Helper()
	fi, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, fi.Size()+by)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// heapFromSystem returns what the heap has from the system at present, which shrinks slowly if at
// all.
func heapFromSystem() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapSys - m.HeapReleased)
}

// resetPeakMemory makes costtest.MostResident begin anew, and reports whether the system has such a
// figure.
func resetPeakMemory() bool {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil &&
		costtest.MostResident(os.Getpid()) > 0
}

// tallySink counts values and keeps no batch.
type tallySink struct {
	mu     sync.Mutex
	values map[string]int // short ones
	long   int
	until  string
	seen   chan struct{}
}

func (s *tallySink) Append(
	_ context.Context, b *record.Batch, _ []inputs.Position, done func(error),
) error {
	defer done(nil)
	if b == nil {
		return nil
	}
	records, err := b.Records()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range records {
		if len(r.Value) > 1000 {
			s.long++
			continue
		}
		s.values[string(r.Value)]++
		if string(r.Value) == s.until {
			close(s.seen)
		}
	}
	return nil
}

func (s *tallySink) Positions() map[string][]byte { return nil }

// run runs tl until the value has been seen.
func (s *tallySink) run(t *testing.T, tl *Tail, until string) {
	t.Helper()
	s.until = until
	ctx, cancel := context.WithCancel(t.Context())
	errc := make(chan error, 1)
	go func() { errc <- tl.Run(ctx, s) }()
	select {
	case <-s.seen:
	case <-time.After(30 * time.Second):
		t.Errorf("%q does not come", until)
	}
	cancel()
	if err := <-errc; err != nil {
		t.Error(err)
	}
}
