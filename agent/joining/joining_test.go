package joining

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
)

func expression(t *testing.T, text string) filter.Expression {
	t.Helper()
	e, err := filter.NewExpression(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func multiline(t *testing.T, c filter.MultilineConfig) *filter.Multiline {
	t.Helper()
	f, err := filter.NewMultiline(c, filter.Env{Name: "filter.multiline.m"})
	if err != nil {
		t.Fatal(err)
	}
	return filter.MultilineOf(f)
}

func onlyIf(t *testing.T, c filter.MultilineConfig, condition string) *filter.Multiline {
	t.Helper()
	env := filter.Env{Name: "filter.multiline.if"}
	f, err := filter.NewMultiline(c, env)
	if err != nil {
		t.Fatal(err)
	}
	g, err := filter.With(f, filter.Common{If: expression(t, condition)}, env)
	if err != nil {
		t.Fatal(err)
	}
	return filter.MultilineOf(g)
}

func logOf(t *testing.T, value []byte) string {
	t.Helper()
	var v struct{ Log string }
	if err := json.Unmarshal(value, &v); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return v.Log
}

// joined appends batches of values, and returns the values of what comes out, complete or not.
func joined(t *testing.T, c filter.MultilineConfig, batches ...[]string) (out []string) {
	t.Helper()
	store := &memoryStore{positions: map[string][]byte{}}
	j := newJoiner([]*filter.Multiline{multiline(t, c)}, store, nil)
	for _, values := range batches {
		if err := j.Append(t.Context(), batchOf(values...), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.end(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	store.settle(len(store.pending))
	for i := range store.records {
		out = append(out, string(store.records[i].Value))
	}
	if len(store.positions) != 0 {
		t.Errorf("left behind: %q", store.positions)
	}
	return out
}

func batchOf(values ...string) *record.Batch {
	var b record.Builder
	b.Reset("t", "o", 0)
	for _, v := range values {
		b.Append(1, nil, []byte(v), nil)
	}
	return b.Build()
}

func configOf(t *testing.T, set func(c *filter.MultilineConfig)) filter.MultilineConfig {
	t.Helper()
	c := filter.DefaultMultiline()
	set(&c)
	return c
}

// A Java trace of two containers, of two streams each, as a shipper of container logs sends them.
func TestTracesInFieldsOfInterleavedStreams(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) {
		c.Field, c.Presets = "log", []string{"java"}
		c.Key = expression(t, "field.pod + field.stream")
	})
	got := joined(t, c,
		[]string{
			`{"log":"java.lang.IllegalStateException: a","stream":"stderr","pod":"x","n":1}`,
			`{"log":"GET /","stream":"stdout","pod":"x","n":2}`,
			`{"log":"java.lang.IllegalStateException: b","stream":"stderr","pod":"y","n":3}`,
			`{"log":"\tat a.B.c(B.java:1)","stream":"stderr","pod":"x","n":4}`,
		},
		[]string{
			`{"log":"\tat d.E.f(E.java:2)","stream":"stderr","pod":"y","n":5}`,
			`{"log":"\t... 1 more","stream":"stderr","pod":"x","n":6}`,
			`{"log":"done","stream":"stderr","pod":"x","n":7}`,
			`{"n":8}`, `{"log":9}`, `not JSON`,
			`{"log":"java.lang.Error: no key"}`, `{"log":"\tat a.b(C.java:1)"}`,
		},
	)
	want := []string{
		`{"log":"GET /","stream":"stdout","pod":"x","n":2}`,
		`{"log":"java.lang.IllegalStateException: a\n\tat a.B.c(B.java:1)\n\t... 1 more","stream":"stderr","pod":"x","n":1}`,
		`{"log":"done","stream":"stderr","pod":"x","n":7}`,
		`{"n":8}`, `{"log":9}`, `not JSON`,
		`{"log":"java.lang.Error: no key"}`, `{"log":"\tat a.b(C.java:1)"}`,
		`{"log":"java.lang.IllegalStateException: b\n\tat d.E.f(E.java:2)","stream":"stderr","pod":"y","n":3}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Docker cuts lines at 16 KiB, and only the last part ends with a newline; what is joined of them
// is joined with other lines then.
func TestPartsOfLinesAreJoinedBeforeLines(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) {
		c.Field, c.Partial = "log", expression(t, `not (field.log endsWith "\n")`)
		c.Continue = `^\s`
	})
	got := joined(t, c,
		[]string{`{"log":"ab"}`, `{"log":"cd"}`}, []string{`{"log":"ef\n"}`, `{"log":" g"}`},
		[]string{`{"log":"h\n"}`, `{"log":"i\n"}`},
	)
	want := []string{`{"log":"abcdef\n gh\n"}`, `{"log":"i\n"}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// CRI's P and F, as parse leaves them, of two streams; no pattern joins lines.
func TestPartsOfInterleavedStreams(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) {
		c.Field, c.Partial = "m", expression(t, "field.f == 'P'")
		c.Key = expression(t, "field.s")
	})
	got := joined(t, c, []string{
		`{"s":"stdout","f":"P","m":"a"}`, `{"s":"stderr","f":"P","m":"x"}`,
		`{"s":"stdout","f":"F","m":"b"}`, `{"s":"stdout","f":"F","m":"c"}`,
	}, []string{`{"s":"stderr","f":"F","m":"y"}`})
	want := []string{
		`{"s":"stdout","f":"P","m":"ab"}`, `{"s":"stdout","f":"F","m":"c"}`,
		`{"s":"stderr","f":"P","m":"xy"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is longer than allowed is cut between two lines, or two parts of one. No text is lost.
func TestJoiningHasLimits(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) {
		c.Continue, c.MaxLines, c.MaxSize = "^ ", 3, 16
	})
	got := joined(t, c, []string{"1", " 2", " 3", " 4", " 5"}, []string{"12345678", " 12345678", "x"})
	want := []string{"1\n 2\n 3", " 4\n 5", "12345678", " 12345678", "x"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c = configOf(t, func(c *filter.MultilineConfig) {
		c.Partial, c.MaxSize = expression(t, "not (value endsWith '.')"), 16
	})
	got = joined(t, c, []string{"12345678", "12345678", "9."})
	if want = []string{"1234567812345678", "9."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// However many keys there are, what is held has a bound; the rest passes as it is.
func TestWhatIsHeldHasABound(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) {
		c.Start, c.Key = "^b", expression(t, "value")
	})
	store := &memoryStore{positions: map[string][]byte{}}
	j := newJoiner([]*filter.Multiline{multiline(t, c)}, store, nil)
	fill := strings.Repeat("x", 100<<10)
	for i := range 40 { // 4 MB
		var all []string
		for k := range 10 {
			all = append(all, fmt.Sprintf("b %d %d %s", i, k, fill))
		}
		if err := j.Append(t.Context(), batchOf(all...), nil, nil); err != nil {
			t.Fatal(err)
		}
		store.settle(len(store.pending))
	}
	if held := j.bytes.Load(); held > maxHeldBytes || held < maxHeldBytes/2 {
		t.Errorf("%d bytes are held", held)
	}
	if n := int64(len(store.records)) + j.count.Load(); n != 400 {
		t.Errorf("%d of 400 are held or passed", n)
	}
}

// A batch of which nothing is joined or held goes on as it came.
func TestUntouchedBatchesGoOnAsTheyCame(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) { c.Presets = []string{"java", "go"} })
	store := &memoryStore{positions: map[string][]byte{}}
	j := newJoiner([]*filter.Multiline{multiline(t, c)}, store, nil)
	b := batchOf("one", "two")
	if err := j.Append(t.Context(), b, nil, nil); err != nil {
		t.Fatal(err)
	}
	if store.pending[0].b != b {
		t.Error("it was made anew")
	}
}

// What cannot be read any more is in the dead letter, and forgotten; the rest goes on.
func TestDamageToWhatIsHeld(t *testing.T) {
	c := configOf(t, func(c *filter.MultilineConfig) { c.Continue = "^ " })
	store := &memoryStore{positions: map[string][]byte{"own": []byte("x")}}
	f := multiline(t, c)
	for _, values := range [][]string{{"a"}, {" b"}} {
		j := newJoiner([]*filter.Multiline{f}, store, nil)
		if err := j.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), batchOf(values...), nil, nil); err != nil {
			t.Fatal(err)
		}
		store.settle(len(store.pending))
	}
	store.positions[keyPrefix+"00/0"] = []byte("damaged")
	j := newJoiner([]*filter.Multiline{f}, store, nil)
	if err := j.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.end(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	store.settle(len(store.pending))
	if len(store.records) != 1 || string(store.records[0].Value) != "a\n b" || store.dead != 1 ||
		len(store.positions) != 1 {
		t.Errorf("%v, %d dead letters, %q left", store.records, store.dead, store.positions)
	}
}

func BenchmarkJoining(b *testing.B) {
	line := `{"log":"10.0.0.1 - - [28/Nov/2026:10:00:00 +0000] GET /a/b?c=d HTTP/1.1","stream":"stdout","pod":"a","status":200,"bytes":1234}`
	for name, set := range map[string]func(c *filter.MultilineConfig){
		"presets": func(c *filter.MultilineConfig) { c.Presets = []string{"java", "python", "go"} },
		"start":   func(c *filter.MultilineConfig) { c.Start = `^\d` },
	} {
		b.Run(name, func(b *testing.B) {
			c := filter.DefaultMultiline()
			set(&c)
			c.Field = "log"
			c.Key, _ = filter.NewExpression("field.stream")
			f, err := filter.NewMultiline(c, filter.Env{})
			if err != nil {
				b.Fatal(err)
			}
			store := &memoryStore{positions: map[string][]byte{}}
			j := newJoiner([]*filter.Multiline{filter.MultilineOf(f)}, store, nil)
			lines := slices.Repeat([]string{line}, 1000)
			batch := batchOf(lines...)
			for b.Loop() {
				if err := j.Append(b.Context(), batch, nil, nil); err != nil {
					b.Fatal(err)
				}
				store.pending = store.pending[:0]
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
		})
	}
}
