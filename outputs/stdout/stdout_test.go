package stdout

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/outputtest"
)

// terminal is a standard output that can be broken, in the middle of what it is given.
type terminal struct {
	mu     sync.Mutex
	b      bytes.Buffer
	broken bool
	n      int // bytes that a broken one still takes
}

func (w *terminal) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		n, _ := w.b.Write(p[:min(len(p), w.n)])
		return n, errors.New("broken pipe")
	}
	return w.b.Write(p)
}

type harness struct{ w *terminal }

func (h harness) New(testing.TB, outputs.Env) any { return newOutput(Default(), h.w) }

func (h harness) Received(testing.TB) (got []outputtest.Received) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	for _, line := range strings.Split(strings.TrimSuffix(h.w.b.String(), "\n"), "\n") {
		got = append(got, outputtest.Received{Record: record.Record{Value: []byte(line)}})
	}
	return got
}

func (h harness) set(broken bool) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.broken = broken
}

func (h harness) Break(testing.TB)        { h.set(true) }
func (h harness) Mend(testing.TB)         { h.set(false) }
func (h harness) Keeps() outputtest.Keeps { return outputtest.Keeps{} }

func TestConformance(t *testing.T) {
	outputtest.Run(t, func(t *testing.T) outputtest.Harness { return harness{&terminal{}} })
}

// A line that was cut off by an error is finished before anything else.
func TestLinesStayWhole(t *testing.T) {
	w := &terminal{broken: true, n: 3}
	o := newOutput(Default(), w)
	b := record.FromRecords(
		"app", "/f", []record.Record{{Value: []byte("one line")}, {Value: []byte("two")}},
	)
	for range 2 {
		if err := o.Write(t.Context(), b); err == nil {
			t.Fatal("no error")
		}
	}
	w.broken = false
	if err := o.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := w.b.String(); got != "one line\none line\ntwo\n" {
		t.Fatalf("got %q", got)
	}
}

func TestLinesOfEachFormat(t *testing.T) {
	b := record.FromRecords("app", "/f", []record.Record{
		{Time: 1e9, Key: []byte("k"), Value: []byte("text \"x\"")},
		{Value: []byte(" {\"a\":\n1} ")},
	})
	for format, want := range map[string]string{
		"raw":    "text \"x\"\n {\"a\":\n1} \n",
		"ndjson": "{\"message\":\"text \\\"x\\\"\"}\n{\"a\":1}\n",
		"full": `{"tag":"app","origin":"/f","offset":0,"time":"1970-01-01T00:00:01Z","key":"k","value":"text \"x\""}` + "\n" +
			`{"tag":"app","origin":"/f","offset":0,"time":"1970-01-01T00:00:00Z","value":" {\"a\":\n1} "}` + "\n",
	} {
		w := &terminal{}
		if err := newOutput(Config{Format: format}, w).Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if format == "full" {
			want = strings.ReplaceAll(want, "{\"a\":\n1}", `{\"a\":\n1}`)
		}
		if got := w.b.String(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", format, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := (&Config{Format: "xml"}).Validate(); err == nil ||
		!strings.HasPrefix(err.Error(), "format: ") {
		t.Fatal(err)
	}
}
