package runtest

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// Until waits until ok, for a minute at most.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, time.Minute, ok, func() string { return "never: " + what })
}

// Within waits until ok, or fails the test with what say returns.
func Within(t testing.TB, span time.Duration, ok func() bool, say func() string) {
	t.Helper()
	deadline := time.Now().Add(span)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", span, say())
		}
		<-tick.C
	}
}

// LogBuffer is a log that a test reads while it is written.
type LogBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *LogBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all that was written.
func (l *LogBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Lines returns the lines that hold all of parts.
func (l *LogBuffer) Lines(parts ...string) (out []string) {
lines:
	for line := range strings.Lines(l.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		out = append(out, line)
	}
	return out
}
