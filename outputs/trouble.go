package outputs

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/penstock/penstock/spool"
)

const stillFailingEvery = 5 * time.Minute

// trouble logs when something begins to fail, at intervals while it goes on, and when it works again: never once per attempt.
type trouble struct {
	log  *slog.Logger
	what string // "the output"
	do   string // what a person can do about it
	flag func(failing bool)

	mu       sync.Mutex
	since    time.Time // zero while all is well
	said     time.Time
	failures int
	last     string
	refused  bool // last is what trying again does not mend
}

func (t *trouble) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.failures++
	t.last, t.refused = err.Error(), errors.Is(err, spool.ErrRefused)
	do := t.do
	var remedy interface{ Do() string }
	if errors.As(err, &remedy) {
		do = remedy.Do()
	}
	switch {
	case t.since.IsZero():
		t.since, t.said = now, now
		t.log.Warn(t.what+" is failing; it is tried again until it works, and nothing is lost meanwhile", "error", err, "do", do)
	case now.Sub(t.said) >= stillFailingEvery:
		t.said = now
		t.log.Warn(t.what+" is still failing", "error", err, "for", now.Sub(t.since).Round(time.Second).String(), "attempts", t.failures, "do", do)
	default:
		return
	}
	if t.flag != nil {
		t.flag(true)
	}
}

// ended notes a failure for good, which its finder has logged.
func (t *trouble) ended(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	if t.last = err.Error(); t.since.IsZero() {
		t.since = time.Now()
	}
	t.said = time.Now()
	if t.flag != nil {
		t.flag(true)
	}
}

func (t *trouble) worked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() {
		return
	}
	t.log.Info(t.what+" works again", "after", time.Since(t.since).Round(time.Millisecond).String(), "attempts", t.failures)
	t.since, t.failures, t.refused = time.Time{}, 0, false
	if t.flag != nil {
		t.flag(false)
	}
}

// advise changes what a person can do about it.
func (t *trouble) advise(do string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.do = do
}

// refusal returns the latest error if trying again does not mend it; "" otherwise.
func (t *trouble) refusal() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.refused {
		return ""
	}
	return t.last
}

// state returns since when it fails (zero if it does not) and the latest error.
func (t *trouble) state() (since time.Time, last string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since, t.last
}

// notice paces what is worth a line when it first happens, and then at intervals.
type notice struct {
	mu     sync.Mutex
	said   time.Time
	unsaid int
}

// due adds n, and returns how many there were since the last line if another one is due; otherwise 0.
func (c *notice) due(n int, now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsaid += n
	if !c.said.IsZero() && now.Sub(c.said) < stillFailingEvery {
		return 0
	}
	n, c.unsaid, c.said = c.unsaid, 0, now
	return n
}
