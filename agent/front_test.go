package agent

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/agent/joining"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
)

// frontWorld has the filters that these tests want.
func frontWorld() *world {
	w := newWorld()
	w.more = Catalogue{
		FilterType("multiline", "Joins.", filter.DefaultMultiline, filter.NewMultiline),
		FilterType("dedupe", "Dedupe.", filter.DefaultDedupe, filter.NewDedupe),
		FilterType("sample", "Sample.", filter.DefaultSample, filter.NewSample),
		FilterType(
			"keep_fields", "Keep.", filter.DefaultKeepFields, filter.NewKeepFields,
		),
		FilterType("parse", "Parse.", filter.DefaultParse, filter.NewParse),
	}
	return w
}

// frontConfig joins what is indented; FILTERS are its other filters, OPTIONS attributes of it.
const frontConfig = `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a]
  filter "multiline" {
    continue = "^ "
    timeout  = "10m"
    OPTIONS
  }
  FILTERS
  to = [output.fake.x]
}`

func frontText(options, filters string) string {
	return strings.NewReplacer("OPTIONS", options, "FILTERS", filters).Replace(frontConfig)
}

// What comes in several batches leaves as one record, and filters behind see it whole. A stop
// delivers what is held.
func TestRecordsAreJoinedInFrontOfTheBuffer(t *testing.T) {
	t.Parallel()
	w := frontWorld()
	r := startAgent(t, w, t.TempDir(), frontText("", `filter "grep" { exclude = ["secret"] }`))
	w.send(t, "a", "t", "one", " more")
	w.send(t, "a", "t", " more", "two", " secret", "three")
	w.send(t, "a", "u", "other tag")
	w.send(t, "a", "t", "four")
	w.await(t, "what is complete", w.has("x", 2))
	held := `penstock_input_held_events{component="input.fake.a"} 2` // one of each tag
	if m := get(t, r, "/metrics"); !strings.Contains(m, held) {
		t.Errorf("not shown as held:\n%s", m)
	}
	for path, held := range map[string]string{
		"/api/status": `"held_events": 2`, "/": "2 events wait for their last lines",
	} {
		said := get(t, r, path)
		if !strings.Contains(said, held) {
			t.Errorf("%s does not say %s:\n%s", path, held, said)
		}
	}
	for _, path := range []string{"/api/status", "/api/audit", "/api/dead-letters"} {
		if said := get(t, r, path); strings.Contains(said, "null") {
			t.Errorf("%s has a null where a list is:\n%s", path, said)
		}
	}
	r.stop()
	r.wait()
	equal(t, "x", w.delivered("x"), "t/one\n more\n more", "t/three", "t/four", "u/other tag")
}

// Lines as containerd writes them: parts of each stream become lines, and lines a trace, whatever
// the other stream says between them.
func TestATraceInTextOfCRI(t *testing.T) {
	t.Parallel()
	w := frontWorld()
	r := startAgent(t, w, t.TempDir(), `
input "fake" "a" { name = "a" }
output "fake" "x" { name = "x" }
pipeline "p" {
  from = [input.fake.a]
  filter "parse" { format = "cri" }
  filter "multiline" {
    field   = "log"
    key     = "field.stream"
    partial = "field.partial == true"
    presets = ["java"]
    timeout = "10m"
  }
  filter "keep_fields" { fields = ["stream", "log"] }
  to = [output.fake.x]
}`)
	at := func(i int, line string) string {
		return fmt.Sprintf("2026-11-28T01:02:03.%dZ %s", i, line)
	}
	w.send(t, "a", "t", at(1, "stdout P a"), at(2, "stderr P java.lang.Ill"), at(3, "stdout F b"))
	w.send(t, "a", "t",
		at(4, "stderr F egalStateException: x"), at(5, "stdout F java.lang.Error: y"),
		at(6, "stderr P \tat a.B"), at(7, "stdout F \tat c.D(D.java:3)"),
		at(8, "stderr F .c(B.java:1)"), at(9, "stderr F Caused by: java.io.IOException: z"),
	)
	w.send(t, "a", "t", at(10, "stderr F \t... 1 more"), at(11, "stdout F ok"), at(12, "stderr F ok"))
	r.stop()
	r.wait()
	equal(t, "x", w.delivered("x"),
		`t/{"stream":"stdout","log":"ab"}`,
		`t/{"stream":"stdout","log":"java.lang.Error: y\n\tat c.D(D.java:3)"}`,
		`t/{"stream":"stdout","log":"ok"}`,
		`t/{"stream":"stderr","log":"java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)`+
			`\nCaused by: java.io.IOException: z\n\t... 1 more"}`,
		`t/{"stream":"stderr","log":"ok"}`,
	)
}

// Of several filters next to each other, each record is joined by the first whose condition holds.
func TestFiltersThatJoinStandNextToEachOther(t *testing.T) {
	t.Parallel()
	w := frontWorld()
	r := startAgent(t, w, t.TempDir(), frontText(`if = "tag == 't'"`, `filter "multiline" {
    if    = "tag == 'u'"
    start = "^-"
  }
  filter "grep" { exclude = ["secret"] }`))
	w.send(t, "a", "t", "1", " more", "-2", " secret")
	w.send(t, "a", "u", "-1", "more", "-2", " secret")
	w.send(t, "a", "v", "1", " more")
	r.stop()
	r.wait()
	got := w.delivered("x")
	slices.Sort(got)
	equal(t, "x", got, "t/1\n more", "u/-1\nmore", "v/ more", "v/1")
}

// After what is held has been quiet it is delivered while the agent runs.
func TestQuietRecordsAreDelivered(t *testing.T) {
	t.Parallel()
	w := frontWorld()
	startAgent(t, w, t.TempDir(), strings.Replace(frontText("", ""), "10m", "20ms", 1))
	w.send(t, "a", "t", "one", " more")
	w.await(t, "it", w.has("x", 1))
	w.send(t, "a", "t", "two")
	w.await(t, "the next", w.has("x", 2))
	equal(t, "x", w.delivered("x"), "t/one\n more", "t/two")
}

// A reload goes on with what is held, with the filter as it is then; without one, and without the
// input, it is delivered.
func TestWhatIsHeldSurvivesReloads(t *testing.T) {
	t.Parallel()
	w := frontWorld()
	r := startAgent(t, w, t.TempDir(), frontText("", ""))
	w.send(t, "a", "t", "one", " more")
	if err := r.reload(frontText("max_lines = 100", "")); err != nil {
		t.Fatal(err)
	}
	w.send(t, "a", "t", " and more", "two")
	w.await(t, "the first", w.has("x", 1))
	if err := r.reload(strings.NewReplacer("filter \"multiline\" {", "filter \"grep\" {",
		`continue = "^ "`, `exclude = ["not this"]`, `timeout  = "10m"`, "",
	).Replace(frontText("", ""))); err != nil {
		t.Fatal(err)
	}
	w.await(t, "the second", w.has("x", 2))
	w.send(t, "a", "t", " three")
	w.await(t, "the third", w.has("x", 3))
	equal(t, "x", w.delivered("x"), "t/one\n more\n and more", "t/two", "t/ three")
}

// hold leaves something held in a buffer, as a crash does.
func hold(t *testing.T, dir, input string, lines ...string) {
	t.Helper()
	buf, err := buffer.Open(dir, buffer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := filter.DefaultMultiline()
	c.Continue = "^ "
	m, err := filter.NewMultiline(c, filter.Env{Name: "filter.multiline.m"})
	if err != nil {
		t.Fatal(err)
	}
	s := &frontSink{sink: &sink{buf: buf, input: input}}
	j, err := joining.New(t.Context(), []*filter.Multiline{filter.MultilineOf(m)}, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []record.Record
	for _, l := range lines {
		all = append(all, record.Record{Value: []byte(l)})
	}
	b, err := joining.Rebuilt(record.FromRecords("t", "origin", all))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), b, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := buf.Close(); err != nil {
		t.Fatal(err)
	}
}

// What a crash has left held of an input that is gone is delivered, once.
func TestWhatIsHeldOfInputsThatAreGoneIsDelivered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hold(t, filepath.Join(dir, "buffer", "p"), "input.fake.gone", "one", " more")
	hold(t, filepath.Join(dir, "buffer", "p"), "input.fake.a", "two", " more")
	for i := range 2 {
		w := frontWorld()
		r := startAgent(t, w, dir, frontText("", ""))
		w.send(t, "a", "t", " and more", "three")
		r.stop()
		r.wait()
		want := []string{"t/one", "t/ more", "t/two\n more\n and more", "t/three"}
		if i == 1 {
			want = []string{"t/ and more", "t/three"}
		}
		got := w.delivered("x")
		slices.Sort(got)
		slices.Sort(want)
		equal(t, fmt.Sprint("x, ", i), got, want...)
	}
}

// What cannot stand before a multiline filter, or have one, is refused with what to write.
func TestMultilineRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"two": {
			frontText("", "filter \"grep\" { exclude = [\"x\"] }\n  filter \"multiline\" { end = \"x\" }"),
			"has another filter multiline further before it",
		},
		"dedupe": {
			strings.Replace(frontText("", ""), "filter", "filter \"dedupe\" {}\n  filter", 1),
			"remembers records by their places in the buffer, and cannot stand before",
		},
		"sample": {
			strings.Replace(frontText("", ""), "filter", "filter \"sample\" { keep = 0.5 }\n  filter", 1),
			"chooses by the records' places",
		},
		"sources": {
			strings.NewReplacer(`input "fake" "a" { name = "a" }`, `input "log" "a" {}`,
				"input.fake.a", "input.log.a").Replace(frontText("", "")),
			"input.log.a has none",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := frontWorld()
			_, err := New(loadTest(t, w, t.TempDir(), c[0]), Options{Catalogue: w.catalogue(), Log: slog.New(slog.DiscardHandler)})
			if err == nil || !strings.Contains(err.Error(), c[1]) {
				t.Errorf("got %v, want %s", err, c[1])
			}
		})
	}
}
