package fault

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNotesAreFew(t *testing.T) {
	var buf bytes.Buffer
	n := NewThrottledLog(slog.New(slog.NewTextHandler(&buf, nil)))
	for range 100 {
		n.Warn("10.0.0.1", "bad")
		n.Warn("10.0.0.2", "bad")
	}
	if c := strings.Count(buf.String(), "\n"); c != 2 {
		t.Fatalf("%d lines", c)
	}
	if since, ok := n.due(warning{"10.0.0.1", "bad"}, time.Now().Add(logEvery)); !ok || since != 100 {
		t.Fatal(since, ok)
	}
	for i := range 10 * maxLogged {
		n.Warn(fmt.Sprint(i), "bad")
	}
	if len(n.seen) > maxLogged+1 {
		t.Fatalf("%d sources remembered", len(n.seen))
	}
}
