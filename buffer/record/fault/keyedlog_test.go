package fault

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func keyed(out *bytes.Buffer) *KeyedLog[string] {
	return &KeyedLog[string]{
		Log: slog.New(slog.NewTextHandler(out, nil)), Fails: "x fails", Works: "x works again",
		Do: func(error) string { return "mend it" },
	}
}

// What fails for one key is told once, though the same works for others all the time.
func TestKeyedFailureIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	l, err := keyed(&out), errors.New("broken")
	changes := ""
	l.OnChange = func(failing bool) { changes += fmt.Sprint(failing, " ") }
	for range 5 {
		l.Failed("a", err)
		l.Failed("b", err)
		l.Worked("b")
		l.Worked("c")
	}
	if got := strings.Count(out.String(), "\n"); got != 1 {
		t.Errorf("%d lines: %s", got, out.String())
	}
	if o := l.Outage(); o.Failing != 1 || o.Failures != 10 || o.Last != err {
		t.Errorf("%+v", o)
	}
	l.Worked("a")
	if got := strings.Count(out.String(), "works again"); got != 1 {
		t.Errorf("%s", out.String())
	}
	if changes != "true false " {
		t.Error(changes)
	}
}

// What comes and goes many times in a short while is no more than one line, unless Due says so.
func TestKeyedFailureThatComesAndGoes(t *testing.T) {
	for _, always := range []bool{false, true} {
		var out bytes.Buffer
		l, want := keyed(&out), 2
		if always {
			l.Due, want = func(error, time.Time) bool { return false }, 20
		}
		for range 10 {
			l.Failed("a", errors.New("broken"))
			l.Worked("a")
		}
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("%v: %d lines: %s", always, got, out.String())
		}
	}
}

// What is forgotten fails no more; that all works again is told by the next that works.
func TestKeyedFailureThatIsForgotten(t *testing.T) {
	var out bytes.Buffer
	hopeless := errors.New("hopeless")
	l := keyed(&out)
	l.Failed("a", fmt.Errorf("a: %w", hopeless))
	l.Failed("b", errors.New("b"))
	if got := l.Refusal(hopeless); got != "a: hopeless" {
		t.Error(got)
	}
	l.Forget("a")
	if got := l.Refusal(hopeless); got != "" {
		t.Error(got)
	}
	l.Forget("b")
	if o := l.Outage(); o.Failing != 0 || strings.Contains(out.String(), "works") {
		t.Errorf("%+v %s", o, out.String())
	}
	if l.Worked("c"); !strings.Contains(out.String(), "works again") {
		t.Error(out.String())
	}
}
