package kafkaclient

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestRepeatedMessagesAreLoggedAtIntervals(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
	for range 100 {
		l.Log(kgo.LogLevelError, "unable to request api versions", "err", "EOF")
		l.Log(kgo.LogLevelInfo, "detail")
	}
	l.Log(kgo.LogLevelError, "unable to initialize sasl")
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	if silent, due := l.due("unable to request api versions", time.Now().Add(repeatAfter)); !due ||
		silent != 99 {
		t.Errorf("after a minute: due %v, %d not logged", due, silent)
	}
}
