package partition

import (
	"errors"
	"fmt"
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
	var res Result
	key, err := p.Key(nil, in, &res)
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
	return &Input{
		Topic:     "app-logs",
		Tag:       "app.web",
		Origin:    "/log",
		Partition: 3,
		Record: &record.Record{
			Offset: 7, Time: noon, Key: []byte("k/1"), Value: []byte(value),
			Headers: []record.Header{{Key: "env", Value: []byte("prod")}},
		},
	}
}

func TestPathParts(t *testing.T) {
	for _, c := range []struct{ tmpl, value, want string }{
		{`${topic}/dt=${strftime("%Y-%m-%d")}/hr=${strftime("%H")}`, "", "app-logs/dt=2017-08-01/hr=04"},
		{`${topic}/${strftime("%F", "Asia/Tokyo")}/${strftime("%H%M", "Asia/Tokyo")}`, "", "app-logs/2017-08-01/1315"},
		{`${tag}/p=${partition}/${agent}/${key}/${header.env}`, "", "app.web/p=3/edge-1/k%2F1/prod"},
		{`u=${field.user.id}/v=${field("a.b")}`, `{"a":{"b":1.50},"user":{"id":"Ä b=c"}}`, "u=Ä b%3Dc/v=1.50"},
		{`${field["x.y"]}/${field.ok}`, `{"x.y":12345678901234567890,"ok":true}`, "12345678901234567890/true"},
		{`s=${regex("status=(\\d+)")}/m=${regex("(?P<m>GET|PUT)", "m")}`, "GET /x status=404", "s=404/m=GET"},
		{`${tag[0]}/${tag[-1]}${origin}`, "", "app/web%2Flog"},
		{`${column(2)}`, "a\tbb\tc", "bb"},
	} {
		p := mustNew(t, func(cfg *Config) { cfg.Path = template.MustParse(c.tmpl) }, nil)
		if got, res := path(t, p, in(c.value)); got != c.want || res.Reason != nil ||
			res.Class != Main {
			t.Errorf("%s: got %q (%v), want %q", c.tmpl, got, res.Reason, c.want)
		}
	}
}

func TestMissingFieldsHaveAPathOfTheirOwn(t *testing.T) {
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
		if got, res := path(t, mustNew(t, set("default"), nil), in(c.value)); got != c.want ||
			res.Reason == nil {
			t.Errorf("default %s: got %q (%v), want %q", c.value, got, res.Reason, c.want)
		}
		if got, res := path(
			t, mustNew(t, set("dead_letter"), nil), in(c.value),
		); got != "_dead_letter/app-logs" ||
			res.Class != DeadLetter {
			t.Errorf("dead letter %s: got %q %v", c.value, got, res)
		}
		if _, err := mustNew(t, set("stop"), nil).Key(nil, in(c.value), new(Result)); !errors.Is(err, ErrStop) {
			t.Errorf("stop %s: %v", c.value, err)
		}
	}
}

func TestDefaultTimeOfRecordsWithoutOne(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse(`dt=${strftime("%F")}/hr=${strftime("%H")}/u=${field.u}`)
		cfg.Time.Field, cfg.Time.Default = "ts", "1970-01-01T00:00:00Z"
		cfg.OnMissing, cfg.DefaultPartition = "default", "NONE"
	}, nil)
	for value, want := range map[string]string{
		`{"u":"x"}`:                    "dt=1970-01-01/hr=00/u=x",
		`{"u":"x","ts":"soon"}`:        "dt=1970-01-01/hr=00/u=x",
		`no json`:                      "dt=1970-01-01/hr=00/u=NONE",
		`{"u":"x","ts":"2026-11-28Z"}`: "dt=2026-11-28/hr=00/u=x",
	} {
		if got, res := path(t, p, in(value)); got != want ||
			res.Timed != strings.HasPrefix(got, "dt=2026") {
			t.Errorf("%s: got %q %+v, want %q", value, got, res, want)
		}
	}
	cfg := Default()
	cfg.Time.Default = "1970-01-01T00:00:00Z"
	if err := cfg.Validate(); err == nil {
		t.Error("a default time was taken where records without a time go to the dead letter")
	}
}

// Of a time without its year, as syslog writes it, the record's own time knows the rest.
func TestYearOfTheRecord(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Path = template.MustParse(`dt=${strftime("%F")}`)
		cfg.Time.Field, cfg.Time.Format = "ts", "%b %e %T"
	}, nil)
	i := in(`{"ts":"Dec 31 23:59:59"}`)
	i.Record.Time = time.Date(2027, 1, 1, 0, 0, 5, 0, time.UTC).UnixNano()
	if got, res := path(t, p, i); got != "dt=2026-12-31" || !res.Timed {
		t.Errorf("%q %+v", got, res)
	}
}

func TestLateIsAFunctionOfTheRecordAlone(t *testing.T) {
	p := mustNew(t, func(cfg *Config) {
		cfg.Time.Field = "ts"
		cfg.Late = &LateConfig{After: time.Hour, Path: template.MustParse(`late/${strftime("%F")}`)}
	}, nil)
	if got, res := path(t, p, in(`{"ts":"2017-08-01T03:15:30Z"}`)); res.Class != Main ||
		got != "app-logs/dt=2017-08-01/hr=03" {
		t.Errorf("just in time: %q %v", got, res)
	}
	if got, res := path(t, p, in(`{"ts":"2017-08-01T03:15:29Z"}`)); res.Class != Late ||
		got != "late/2017-08-01" {
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
			i.Record.Value = []byte(
				`{"a":"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\x00", `\u0000`).
					Replace(v) +
					`","b":"` + ".." + `"}`,
			)
			i.Topic = topic
			key, err := p.Key(nil, i, new(Result))
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
				if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "\x00\n") ||
					!strings.Contains("%2E%2E", segs[2]) {
					t.Errorf("%q: unsafe path %q", v, got)
				}
			}
		}
	}
}

func TestDistinctValuesHaveDistinctPaths(t *testing.T) {
	p := mustNew(
		t, func(cfg *Config) { cfg.Path = template.MustParse(`${key}/${header.env}`) }, nil,
	)
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
	if got, res := path(t, p, i); got != "n=42/s=x%2Fy/2017-08-01-04" ||
		res.Time != 1501560384000000005 {
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
		cfg.Path = template.MustParse(
			`${topic}/app=${field.app}/dt=${strftime("%F")}/hr=${strftime("%H")}`,
		)
		cfg.Time.Field = "ts"
	}, nil)
	i := in(benchValue)
	var res Result
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf, _ = p.Key(buf[:0], i, &res) }); n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

const benchValue = `{"ts":"2026-01-02T03:04:05.678Z","level":"info","app":"web","msg":"request served","path":"/api/v1/items/12345","status":200,"ms":12,"user":"u-8812","trace":"4bf92f3577b34da6a3ce929d0e0e4736"}`

func BenchmarkKey(b *testing.B) {
	for _, c := range []struct{ name, path, time string }{
		{"hour", `${topic}/hr=${strftime("%H")}`, "ts"},
		{"field", `${topic}/user=${field.user}`, ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := mustNew(b, func(cfg *Config) {
				cfg.Path = template.MustParse(c.path)
				cfg.Time.Field = c.time
			}, nil)
			i := in(benchValue)
			var buf []byte
			var res Result
			for b.Loop() {
				buf, _ = p.Key(buf[:0], i, &res)
			}
		})
	}
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
		k, err := p.Key(nil, i, new(Result))
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

func TestDeadLetterPrefixIsThatOfObjects(t *testing.T) {
	for path, want := range map[string]string{
		"_dead_letter/${topic}":     "_dead_letter/",
		"/dead//letters/${topic}/":  "dead/letters/",
		"./dead/of-${topic}/${tag}": "%2E/dead/of-",
		"/dead/letters/":            "dead/letters/",
		"${topic}/dead":             "",
	} {
		cfg := Default()
		cfg.DeadLetterPath = template.MustParse(path)
		if got := cfg.DeadLetterPrefix(); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
