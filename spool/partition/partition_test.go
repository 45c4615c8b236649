package partition

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/tinylib/msgp/msgp"
)

func mustNew(t testing.TB, change func(*Config), fields Fields) *Partitioner {
	t.Helper()
	cfg := Default()
	change(&cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := New(cfg, "edge-1", fields)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func path(t testing.TB, p *Partitioner, in *Input) (string, Result) {
	t.Helper()
	key, res, err := p.Key(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Path(key)
	if err != nil {
		t.Fatal(err)
	}
	return s, res
}

var noon = time.Date(2017, 8, 1, 4, 15, 30, 0, time.UTC).UnixNano()

func in(value string) *Input {
	return &Input{Topic: "app-logs", Tag: "app.web", Partition: 3, Record: &record.Record{
		Offset: 7, Time: noon, Key: []byte("k/1"), Value: []byte(value),
		Headers: []record.Header{{Key: "env", Value: []byte("prod")}},
	}}
}

func TestPathParts(t *testing.T) {
	for _, c := range []struct{ tmpl, value, want string }{
		{`${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}`, "", "app-logs/dt=2017-08-01/hr=04"},
		{`${topic}/${strftime("%F", "Asia/Tokyo")}/${strftime("%H%M", "Asia/Tokyo")}`, "", "app-logs/2017-08-01/1315"},
		{`${tag}/p=${partition}/${agent}/${key}/${header.env}`, "", "app.web/p=3/edge-1/k%2F1/prod"},
		{`u=${field.user.id}/v=${field("a.b")}`, `{"a":{"b":1.50},"user":{"id":"Ä b=c"}}`, "u=Ä b%3Dc/v=1.50"},
		{`${field["x.y"]}/${field.ok}`, `{"x.y":12345678901234567890,"ok":true}`, "12345678901234567890/true"},
		{`s=${regex("status=(\\d+)")}/m=${regex("(?P<m>GET|PUT)", "m")}`, "GET /x status=404", "s=404/m=GET"},
		{`${column(2)}`, "a\tbb\tc", "bb"},
	} {
		p := mustNew(t, func(cfg *Config) { cfg.Path = template.MustParse(c.tmpl) }, nil)
		if got, res := path(t, p, in(c.value)); got != c.want || res.Reason != nil || res.Class != Main {
			t.Errorf("%s: got %q (%v), want %q", c.tmpl, got, res.Reason, c.want)
		}
	}
}

func TestMissing(t *testing.T) {
	tmpl := template.MustParse(`${topic}/u=${field.u}/dt=${strftime("%F")}`)
	for _, c := range []struct{ value, want string }{
		{`{"u":"x"}`, "app-logs/u=x/dt=NONE"},
		{`{"ts":1501560000}`, "app-logs/u=NONE/dt=2017-08-01"},
		{`{"ts":0,"u":null}`, "app-logs/u=NONE/dt=NONE"},
		{`{"ts":1501560000,"u":""}`, "app-logs/u=NONE/dt=2017-08-01"},
		{`{"ts":1501560000,"u":{}}`, "app-logs/u=NONE/dt=2017-08-01"},
		{`{"ts":"soon","u":"` + strings.Repeat("x", 300) + `"}`, "app-logs/u=NONE/dt=NONE"},
		{`{"ts":"1970-01-01T00:00:01Z","u":1}`, "app-logs/u=1/dt=NONE"},
		{`not json at all`, "app-logs/u=NONE/dt=NONE"},
		{``, "app-logs/u=NONE/dt=NONE"},
	} {
		set := func(action string) func(*Config) {
			return func(cfg *Config) {
				cfg.Path, cfg.Time.Field, cfg.OnMissing, cfg.DefaultPartition = tmpl, "ts", action, "NONE"
			}
		}
		if got, res := path(t, mustNew(t, set("default"), nil), in(c.value)); got != c.want || res.Reason == nil {
			t.Errorf("default %s: got %q (%v), want %q", c.value, got, res.Reason, c.want)
		}
		if got, res := path(t, mustNew(t, set("dead_letter"), nil), in(c.value)); got != "_dead_letter/app-logs" || res.Class != DeadLetter {
			t.Errorf("dead letter %s: got %q %v", c.value, got, res)
		}
		if _, _, err := mustNew(t, set("stop"), nil).Key(nil, in(c.value)); !errors.Is(err, ErrStop) {
			t.Errorf("stop %s: %v", c.value, err)
		}
	}
}

func TestLateIsAFunctionOfTheRecordAlone(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Time.Field = "ts"
		cfg.Late = &LateConfig{After: time.Hour, Path: template.MustParse(`late/${strftime("%F")}`)}
	}, nil)
	if got, res := path(t, p, in(`{"ts":"2017-08-01T03:15:30Z"}`)); res.Class != Main || got != "app-logs/dt=2017-08-01/hr=03" {
		t.Errorf("just in time: %q %v", got, res)
	}
	if got, res := path(t, p, in(`{"ts":"2017-08-01T03:15:29Z"}`)); res.Class != Late || got != "late/2017-08-01" {
		t.Errorf("late: %q %v", got, res)
	}
}

// kafka-connect-storage-cloud#375: on the day of the clock change, one file per record.
func TestDaylightSavingKeepsOnePathPerHour(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Timezone = "America/New_York"
		cfg.Path = template.MustParse(`dt=${strftime("%F")}/hr=${strftime("%H")}`)
	}, nil)
	for _, day := range []struct {
		date  time.Time
		hours int
	}{
		{time.Date(2025, 11, 2, 0, 0, 0, 0, time.UTC), 24}, // 25 hours, two of them 01
		{time.Date(2025, 3, 9, 0, 0, 0, 0, time.UTC), 23},  // no 02
	} {
		loc, _ := time.LoadLocation("America/New_York")
		begin := time.Date(day.date.Year(), day.date.Month(), day.date.Day(), 0, 0, 0, 0, loc)
		end := begin.AddDate(0, 0, 1)
		paths := map[string]bool{}
		for at := begin; at.Before(end); at = at.Add(time.Second * 7) {
			i := in("")
			i.Record.Time = at.UnixNano()
			got, _ := path(t, p, i)
			paths[got] = true
			if want := at.Format("dt=2006-01-02/hr=15"); got != want {
				t.Fatalf("%v: %s, want %s", at, got, want)
			}
		}
		if len(paths) != day.hours {
			t.Errorf("%v: %d paths, want %d", day.date, len(paths), day.hours)
		}
	}
}

func TestNothingClimbsOutOfThePrefix(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse(`${topic}/${field.a}/${field.b}`)
		cfg.OnMissing = "default"
	}, nil)
	for _, v := range []string{"..", ".", "/", "//", "../../etc/passwd", "a/../..", "\x00", "\n", "\xff\xfe", "", " ", "%2E%2E", "\u0085", "\ufffe", "a\\..\\b", "~", strings.Repeat("ü", 110)} {
		for _, topic := range []string{"t", "..", "."} {
			i := in(fmt.Sprintf(`{"a":%q,"b":"x"}`, v))
			i.Record.Value = []byte(`{"a":"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\x00", `\u0000`).Replace(v) + `","b":"` + ".." + `"}`)
			i.Topic = topic
			key, _, err := p.Key(nil, i)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Path(key)
			if err != nil {
				continue // refused: a dead letter
			}
			segs := strings.Split(got, "/")
			if len(segs) != 3 {
				t.Errorf("%q: %q has %d segments", v, got, len(segs))
			}
			for _, s := range segs {
				if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "\x00\n") || !strings.Contains("%2E%2E", segs[2]) {
					t.Errorf("%q: unsafe path %q", v, got)
				}
			}
		}
	}
}

func TestDistinctValuesHaveDistinctPaths(t *testing.T) {
	p := mustNew(t, func(cfg *Config) { cfg.Path = template.MustParse(`${key}/${header.env}`) }, nil)
	seen := map[string]string{}
	for _, a := range []string{"..", "%2E%2E", ".", "a", "a/b", "a%2Fb", "\xff", "%FF", "A"} {
		for _, b := range []string{"..", "b", "b/c", "/"} {
			i := in("")
			i.Record.Key, i.Record.Headers[0].Value = []byte(a), []byte(b)
			got, _ := path(t, p, i)
			if prev, ok := seen[got]; ok {
				t.Errorf("%q and %q share the path %q", prev, a+"|"+b, got)
			}
			seen[got] = a + "|" + b
		}
	}
}

func TestTimestamps(t *testing.T) {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	for _, c := range []struct{ format, text, want string }{
		{"auto", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
		{"auto", "2026-01-02T03:04:05.123456789+05:30", "2026-01-01T21:34:05.123456789Z"},
		{"auto", "2026-01-02 03:04:05,5 +0100", "2026-01-02T02:04:05.5Z"},
		{"auto", "2026-07-02T03:04:05", "2026-07-02T01:04:05Z"}, // Berlin
		{"auto", "2026-01-02", "2026-01-01T23:00:00Z"},
		{"auto", "20260102T030405Z", "2026-01-02T03:04:05Z"},
		{"auto", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"auto", "1501560000", "2017-08-01T04:00:00Z"},
		{"auto", "1501560000123", "2017-08-01T04:00:00.123Z"},
		{"auto", "1501560000123456", "2017-08-01T04:00:00.123456Z"},
		{"auto", "1501560000123456789", "2017-08-01T04:00:00.123456789Z"},
		{"auto", "1501560000.123456789", "2017-08-01T04:00:00.123456789Z"},
		{"auto", "1.501560e9", "2017-08-01T04:00:00Z"},
		{"epoch_ms", "1501560000", "1970-01-18T09:06:00Z"},
		{"epoch_s", "1501560000", "2017-08-01T04:00:00Z"},
		{"iso8601", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"%d/%b/%Y:%H:%M:%S %z", "01/Aug/2017:06:00:00 +0200", "2017-08-01T04:00:00Z"},
		{"%Y-%m-%d %I:%M %p", "2017-08-01 12:30 AM", "2017-07-31T22:30:00Z"},
		{"%s.%f", "1501560000.25", "2017-08-01T04:00:00.25Z"},
		{"%A, %d %B %Y %T %Z", "Tuesday, 01 August 2017 04:00:00 GMT", "2017-08-01T04:00:00Z"},
		{"%Y%j", "2017213", "2017-07-31T22:00:00Z"},
		{"auto", "2026-02-29", ""}, {"auto", "2026-13-01", ""}, {"auto", "2026-01-02T25:00:00Z", ""}, {"auto", "", ""},
		{"auto", "2026-01-02T03:04:05Zjunk", ""}, {"auto", "Infinity", ""}, {"auto", "0x10", ""}, {"auto", "NaN", ""}, {"auto", "-", ""},
		{"auto", "99999999999999999999999", ""}, {"iso8601", "1501560000", ""}, {"epoch", "2026-01-02", ""}, {"%Y", "17", ""}, {"%H:%M", "99:10", ""},
	} {
		f, err := newTimeFormat(c.format, berlin)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.parse(&Value{Kind: Text, Text: []byte(c.text)})
		if c.want == "" {
			if err == nil {
				t.Errorf("%s %q: got %v, want an error", c.format, c.text, time.Unix(0, got).UTC())
			}
			continue
		}
		if s := time.Unix(0, got).UTC().Format(time.RFC3339Nano); err != nil || s != c.want {
			t.Errorf("%s %q: got %s (%v), want %s", c.format, c.text, s, err, c.want)
		}
	}
}

// What our parser and Go's take, they take for the same time.
func TestISOAgreesWithTime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		at := time.Unix(rng.Int64N(8e9)-1e9, rng.Int64N(1e9)).In(time.FixedZone("", (rng.IntN(57)-28)*1800))
		text := at.Format(time.RFC3339Nano)
		got, err := parseISO([]byte(text), time.UTC)
		if err != nil || got != at.UnixNano() {
			t.Fatalf("%s: %d %v, want %d", text, got, err, at.UnixNano())
		}
		s, err := CompileStrftime("%Y-%m-%dT%H:%M:%S.%f%z")
		if err != nil {
			t.Fatal(err)
		}
		text = string(s.Append(nil, at))
		if got, err = s.Parse([]byte(text), time.UTC); err != nil || got != at.Truncate(time.Microsecond).UnixNano() {
			t.Fatalf("%s: %d %v, want %d", text, got, err, at.UnixNano())
		}
	}
}

func TestMessagePack(t *testing.T) {
	b := msgp.AppendMapHeader(nil, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "n"), 42)
	b = msgp.AppendString(b, "when")
	b = append(b, 0xd7, 0, 0x59, 0x7f, 0xfe, 0x40, 0, 0, 0, 5)
	b = msgp.AppendString(b, "o")
	b = msgp.AppendMapHeader(b, 2)
	b = msgp.AppendNil(msgp.AppendInt(b, 9))
	b = msgp.AppendString(msgp.AppendString(b, "s"), "x/y")
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse(`n=${field.n}/s=${field.o.s}/${strftime("%F-%H")}`)
		cfg.Time.Field = "when"
	}, MessagePackFields)
	i := in("")
	i.Record.Value = b
	if got, res := path(t, p, i); got != "n=42/s=x%2Fy/2017-08-01-04" || res.Time != 1501560384000000005 {
		t.Errorf("got %q %+v", got, res)
	}
}

func TestValidateSaysWhere(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"path: ${colour}: is not known":   func(c *Config) { c.Path = template.MustParse("${colour}") },
		"timezone: must be":               func(c *Config) { c.Timezone = "Mars/Olympus" },
		"time.format: must be":            func(c *Config) { c.Time.Format = "whenever" },
		"time.format: time pattern":       func(c *Config) { c.Time.Format = "%Q" },
		"time: field, column":             func(c *Config) { c.Time.Field, c.Time.Column = "a", 1 },
		"time.regex: must have a group":   func(c *Config) { c.Time.Regex = "abc" },
		"late.after: must be more":        func(c *Config) { c.Late = &LateConfig{Path: template.MustParse("x")} },
		"dead_letter_path: ${key}: is no": func(c *Config) { c.DeadLetterPath = template.MustParse("${key}") },
	} {
		cfg := Default()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestKeyAllocatesNothing(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse(`${topic}/app=${field.app}/dt=${strftime("%F")}/hr=${strftime("%H")}`)
		cfg.Time.Field = "ts"
	}, nil)
	i := in(benchValue)
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf, _, _ = p.Key(buf[:0], i) }); n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

const benchValue = `{"ts":"2026-01-02T03:04:05.678Z","level":"info","app":"web","msg":"request served","path":"/api/v1/items/12345","status":200,"ms":12,"user":"u-8812","trace":"4bf92f3577b34da6a3ce929d0e0e4736"}`

func BenchmarkKey(b *testing.B) {
	p := mustNew(b, func(cfg *Config) { cfg.Time.Field = "ts" }, nil)
	i := in(benchValue)
	var buf []byte
	for b.Loop() {
		buf, _, _ = p.Key(buf[:0], i)
	}
}

func FuzzTimestamp(f *testing.F) {
	f.Add("auto", "2026-01-02T03:04:05.5+01:00")
	f.Add("%d/%b/%Y:%H:%M:%S %z", "01/Aug/2017:06:00:00 +0200")
	f.Add("epoch", "1.5e9")
	f.Fuzz(func(t *testing.T, format, text string) {
		tf, err := newTimeFormat(format, time.UTC)
		if err != nil {
			return
		}
		_, _ = tf.text([]byte(text))
	})
}

func FuzzPath(f *testing.F) {
	f.Add([]byte("a/b"), []byte(`{"a":{"b":"../.."}}`))
	p := mustNew(f, func(cfg *Config) {
		cfg.Path = template.MustParse(`${key}/x=${field.a.b}/${key}${field.a.b}`)
		cfg.OnMissing = "default"
	}, nil)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		i := in("")
		i.Record.Key, i.Record.Value = key, value
		k, _, err := p.Key(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		s, err := p.Path(k)
		if err != nil {
			return
		}
		if n := strings.Count(s, "/"); n != 2 {
			t.Fatalf("%q has %d slashes", s, n)
		}
		for seg := range strings.SplitSeq(s, "/") {
			if seg == "" || seg == "." || seg == ".." || len(seg) > 255 {
				t.Fatalf("unsafe %q", s)
			}
		}
	})
}

// What RFC3339 takes it reads as time.Parse does.
func TestRFC3339(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	taken := 0
	for range 200_000 {
		text := []byte([]string{"2026-01-02T03:04:05Z", "1969-12-31T23:59:59.999Z", "2024-02-29T12:00:00.123456789+05:30", "9999-12-31T23:59:59-11:45"}[rng.IntN(4)])
		for range rng.IntN(3) {
			text[rng.IntN(len(text))] = "0123456789-:TZ+. t"[rng.IntN(18)]
		}
		s, nano, ok := RFC3339(text)
		if !ok {
			continue
		}
		taken++
		want, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil || s != want.Unix() || nano != want.Nanosecond() {
			t.Fatalf("%s is %d s %d ns, want %v, %v", text, s, nano, want, err)
		}
	}
	if taken < 50_000 {
		t.Errorf("%d of 200,000 taken", taken)
	}
}
