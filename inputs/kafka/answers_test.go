package kafka

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/twmb/franz-go/pkg/kfake"
)

// An input tells that no broker answers, and why; while one does, a connection that is cut is not
// told.
func TestAnInputTellsThatNoBrokerAnswers(t *testing.T) {
	t.Parallel()
	c := startCluster(t, kfake.SeedTopics(1, "logs"))
	m := join(t, testConfig(c))
	produceAt(t, c, "logs", 0, time.Now(), "1")
	if _, err := m.log("logs/0").Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.in.answers.failed(io.ErrUnexpectedEOF)
	m.in.answers.failed(io.ErrUnexpectedEOF)
	runtest.Until(t, "an answer makes good what failed before", func() bool {
		m.in.answers.mu.Lock()
		defer m.in.answers.mu.Unlock()
		return m.in.answers.times == 0
	})
	if f := m.in.Failing(); !f.Since.IsZero() {
		t.Errorf("while all is well: %+v", f)
	}
	gone := time.Now()
	c.Close()
	runtest.Until(t, "it is told", func() bool {
		f := m.in.Failing()
		return !f.Since.IsZero() && f.Since.After(gone.Add(-time.Second)) && f.Error != "" &&
			strings.Contains(f.Do, "runs and listens on this port")
	})
}
