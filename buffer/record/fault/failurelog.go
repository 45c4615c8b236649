package fault

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

const logEvery = 5 * time.Minute // what goes on

// FailureLog logs when something begins to fail, at intervals while it goes on, and when it works
// again: never once per attempt.
type FailureLog struct {
	Log  *slog.Logger
	What string // "the output"
	Do   string // What a person can do about it

	mu         sync.Mutex
	since      time.Time // zero while all is well
	lastLogged time.Time
	failures   int
	last       string
	lastDo     string // what a person can do about last
	failed     error  // the latest that was tried again; nil while all is well
	answers    bool   // though nothing is tried
}

func (t *FailureLog) Failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.failures++
	t.last, t.failed, t.answers = err.Error(), err, false
	do := t.Do
	var remedy interface{ Do() string }
	if errors.As(err, &remedy) {
		do = remedy.Do()
	}
	t.lastDo = do
	switch {
	case t.since.IsZero():
		t.since, t.lastLogged = now, now
		t.Log.Warn(
			t.What+" is failing; it is tried again until it works, and nothing is lost meanwhile",
			"error", err, "do", do,
		)
	case now.Sub(t.lastLogged) >= logEvery:
		t.lastLogged = now
		t.Log.Warn(
			t.What+" is still failing", "error", err,
			"for", now.Sub(t.since).Round(time.Second).String(), "attempts", t.failures, "do", do,
		)
	}
}

// Ended notes a failure for good, which its finder has logged.
func (t *FailureLog) Ended(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	if t.last = err.Error(); t.since.IsZero() {
		t.since = time.Now()
	}
	t.lastLogged = time.Now()
}

func (t *FailureLog) Worked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.since.IsZero() {
		return
	}
	t.Log.Info(
		t.What+" works again", "after", time.Since(t.since).Round(time.Millisecond).String(),
		"attempts", t.failures,
	)
	t.since, t.failures, t.failed, t.answers = time.Time{}, 0, nil, false
}

// Answers notes whether what has failed answers when it is asked, while nothing is tried: it is not
// told as failing then, until it fails again.
func (t *FailureLog) Answers(is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = is
}

// Advise changes what a person can do about it.
func (t *FailureLog) Advise(do string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Do = do
}

// Refusal returns the latest error if what failed is hopeless, an error that trying again does not
// mend; "" otherwise.
func (t *FailureLog) Refusal(hopeless error) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !errors.Is(t.failed, hopeless) {
		return ""
	}
	return t.last
}

// HasAnswered reports whether the latest failure is an answer, and not that there is none.
func (t *FailureLog) HasAnswered() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	var answer interface{ Answered() bool }
	return errors.As(t.failed, &answer) && answer.Answered()
}

// State returns since when it fails (zero if it does not), the latest error, and what a person can
// do about that.
func (t *FailureLog) State() (since time.Time, last, do string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answers {
		return time.Time{}, t.last, t.lastDo
	}
	return t.since, t.last, t.lastDo
}

// Throttle paces what is worth a line when it first happens, and then at intervals.
type Throttle struct {
	mu         sync.Mutex
	lastLogged time.Time
	unlogged   int
}

// Due adds n, and returns how many there were since the last line if another one is due; otherwise
// 0.
func (c *Throttle) Due(n int, now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unlogged += n
	if !c.lastLogged.IsZero() && now.Sub(c.lastLogged) < logEvery {
		return 0
	}
	n, c.unlogged, c.lastLogged = c.unlogged, 0, now
	return n
}
