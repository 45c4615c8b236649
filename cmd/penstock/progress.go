package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	humanize "github.com/dustin/go-humanize"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/outputs/replay"
)

// tell calls show every so often, more often for a terminal, until ended is called.
func tell(terminal bool, show func(now time.Time)) (ended func()) {
	every := 10 * time.Second
	if terminal {
		every = time.Second
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				show(now)
			case <-stop:
				return
			}
		}
	})
	return func() {
		close(stop)
		wg.Wait()
	}
}

// reached says how far a replay has come, how fast, what is left and for how long.
func reached(r replay.Reached, now time.Time) string {
	text := state.Number(r.Records)
	if r.OfRecords > 0 {
		text += " of " + state.Count(r.OfRecords, "record", "records")
	} else {
		text = fmt.Sprintf(
			"%s of %s objects, %s of %s, %s", state.Number(r.Objects), state.Number(r.OfObjects),
			humanize.IBytes(uint64(r.Bytes)), humanize.IBytes(uint64(r.OfBytes)),
			state.Count(r.Records, "record", "records"),
		)
	}
	text += ", " + state.Number(int64(r.PerSecond(now))) + " a second"
	if left := r.ToGo(now); left > 0 {
		text += ", " + state.Left(left)
	}
	return text
}

// liveLine is a terminal whose last line is redrawn; what is written to it goes above that line.
type liveLine struct {
	mu   sync.Mutex
	w    io.Writer
	line string
}

func (l *liveLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.draw(string(p) + l.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// show puts a line in the place of the one before; "" leaves none.
func (l *liveLine) show(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	width, _ := terminalSize(l.w)
	was := l.line
	if l.line = cutTo(line, width-1); was != "" || line != "" {
		_ = l.draw(l.line) // a terminal that is gone
	}
}

func (l *liveLine) draw(text string) error {
	if l.line != "" || text == "" {
		text = "\r\x1b[K" + text
	}
	_, err := io.WriteString(l.w, text)
	return err
}
