package join

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// events joins lines as a reader does that has all of them. pending reports whether the last one
// could go on.
func events(r *Rules, lines []string) (out []string, pending bool) {
	var s State
	open := false
	for _, line := range lines {
		belongs, whole := false, false
		if open {
			belongs, whole = r.Next(&s, []byte(line))
		}
		if belongs {
			out[len(out)-1] += "\n" + line
		} else {
			whole = r.Begin(&s, []byte(line))
			out = append(out, line)
		}
		open = !whole
	}
	return out, open
}

type joinCase struct {
	name     string
	patterns Patterns
	want     []string
	pending  bool // more could belong to the last event
}

func cases() []joinCase {
	traces := func(presets ...string) Patterns { return Patterns{Presets: presets} }
	return []joinCase{
		{"start", Patterns{Start: `^\d`}, []string{"x\ny", "1\n a", "2", "3\nb"}, true},
		{"continue", Patterns{Continue: `^\s`}, []string{"a\n b", "c", "d"}, true},
		{"end", Patterns{End: `;$`}, []string{"a\nb;", "c;", ";", "d\ne"}, true},
		{"complete with its end", Patterns{End: `;$`}, []string{"a\nb;"}, false},
		{"start and end", Patterns{Start: `^BEGIN`, End: `^END`}, []string{
			"x", "y", "BEGIN 1\n a\nEND", "z", "BEGIN 2\n b", "BEGIN 3\nEND", "END",
		}, false},
		{"start and continue", Patterns{Start: `^\d`, Continue: `^\s`}, []string{
			"1\n a", "x", "2\n b", "y\n c",
		}, true},
		{"continue and end", Patterns{Continue: `^\s`, End: `;$`}, []string{"a\n b;", " c", "d;"}, false},
		{"previous line ends with", Patterns{ContinueAfter: `\\$`}, []string{`a\` + "\nb", "c"}, false},
		{"a previous line that ends with it last", Patterns{ContinueAfter: `\\$`}, []string{`a\`}, true},
		{"mysql 5.6: # Time is only sometimes before # User@Host", Patterns{
			Start: `^# (Time|User@Host): `, ContinueAfter: `^# Time: `,
		}, []string{
			"/usr/sbin/mysqld, Version: 5.6.51\nTcp port: 3306",
			"# Time: 150107 18:14:00\n# User@Host: a[a] @ [10.0.0.1]\n# Query_time: 2.1\nSELECT 1;",
			"# User@Host: b[b] @ [10.0.0.1]\n# Query_time: 2.2\nSELECT\n2;",
			"# Time: 150107 18:14:09\n# User@Host: a[a] @ [10.0.0.1]\n# Query_time: 9\nSELECT 3;",
		}, true},
		{"java", traces("java"), []string{
			"2026-11-28 10:00:00 INFO begun",
			"Exception in thread \"main\" java.lang.RuntimeException: Something has gone wrong\n" +
				"\tat com.example.Main.go(Main.java:31)\n" +
				"\tat com.example.Main.main(Main.java:9)\n" +
				"Caused by: java.lang.IllegalStateException\n" +
				"\tat com.example.Main$Inner.f(Main.java:40) ~[app.jar!/:1.0]\n" +
				"\t... 2 more\n" +
				"\tSuppressed: java.io.IOException: closed\n" +
				"\t\tat com.example.Main.close(Main.java:50)\n" +
				"\t\t... 3 common frames omitted",
			"2026-11-28 10:00:01 INFO goes on",
		}, false},
		{"java behind a log line", traces("java"), []string{
			"10:00 ERROR failed: java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)",
			"10:01 INFO",
		}, false},
		{"python", traces("python"), []string{
			"INFO begun",
			"Traceback (most recent call last):\n" +
				"  File \"a.py\", line 3, in f\n" +
				"    1 / 0\n" +
				"    ~~^~~\n" +
				"ZeroDivisionError: division by zero\n" +
				"\n" +
				"During handling of the above exception, another exception occurred:\n" +
				"\n" +
				"Traceback (most recent call last):\n" +
				"  File \"a.py\", line 9, in <module>\n" +
				"    g()\n" +
				"KeyError: 'x'",
			"INFO goes on",
		}, false},
		{"python: a group", traces("python"), []string{
			"  + Exception Group Traceback (most recent call last):\n" +
				"  |   File \"a.py\", line 1, in <module>\n" +
				"  | ExceptionGroup: two (2 sub-exceptions)\n" +
				"  +-+---------------- 1 ----------------\n" +
				"    | ValueError: 1\n" +
				"    +------------------------------------",
		}, true},
		{"go", traces("go"), []string{
			"2026/11/28 10:00:00 begun",
			"panic: runtime error: index out of range [3] with length 2 [recovered]\n" +
				"\tpanic: again\n" +
				"[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a]\n" +
				"\n" +
				"goroutine 1 [running]:\n" +
				"main.(*T[...]).f({0xc000012, 0x2, 0x2}, 0x3)\n" +
				"\t/src/main.go:12 +0x1d\n" +
				"main.main()\n" +
				"\t/src/main.go:5 +0x18\n" +
				"created by main.g in goroutine 7\n" +
				"\t/src/main.go:3 +0x18\n" +
				"\n" +
				"goroutine 18 [select, 4 minutes]:\n" +
				"net/http.(*persistConn).readLoop(0xc0)\n" +
				"\t/go/src/net/http/transport.go:2205 +0x2\n" +
				"rip    0x4a6d\n" +
				"exit status 2",
			"2026/11/28 10:00:01 begun again",
		}, false},
		{"go: a handler", traces("go"), []string{
			"2026/11/28 10:00:00 http: panic serving 127.0.0.1:1: no\n" +
				"goroutine 20 [running]:\n" +
				"net/http.(*conn).serve.func1()\n" +
				"\t/go/src/net/http/server.go:1947 +0xbe",
			"2026/11/28 10:00:01 goes on (1)",
		}, false},
		{"ruby", traces("ruby"), []string{
			"I, begun",
			"app.rb:3:in `divide': divided by 0 (ZeroDivisionError)\n" +
				"\tfrom app.rb:3:in `block in run'\n" +
				"\tfrom app.rb:9:in `<main>'",
			"app.rb:3:in 'Integer#/': divided by 0 (ZeroDivisionError)\n" +
				"\tfrom app.rb:3:in 'Object#run'",
			"I, goes on",
		}, false},
		{"ruby on rails", traces("ruby"), []string{
			"ActionController::RoutingError (No route matches [GET] \"/x\"):\n" +
				"  \n" +
				"app/middleware/a.rb:26:in `call'\n" +
				"app/middleware/b.rb:7:in `call'",
			"Started GET",
		}, false},
		{"php", traces("php"), []string{
			"begun",
			"PHP Fatal error:  Uncaught Exception: no in /a.php:3\n" +
				"Stack trace:\n" +
				"#0 /a.php(9): f()\n" +
				"#1 {main}\n" +
				"\n" +
				"Next RuntimeException: again in /a.php:12\n" +
				"Stack trace:\n" +
				"#0 {main}\n" +
				"  thrown in /a.php on line 3",
			"goes on",
			"[2026-11-28 10:00:00] production.ERROR: no {\"exception\":\"[object] (E(code: 0): no at /a.php:1)\n" +
				"[stacktrace]\n" +
				"#0 /vendor/b.php(2): c()\n" +
				"\"}",
			"[2026-11-28 10:00:01] production.INFO: x",
			"PHP Fatal error:  Allowed memory size exhausted in /a.php on line 3\n" +
				"PHP Stack trace:\nPHP   1. {main}() /a.php:0\nPHP   2. f() /a.php:3",
		}, true},
		{"dotnet", traces("dotnet"), []string{
			"info: begun",
			"Unhandled exception. System.AggregateException: One or more errors occurred. (no)\n" +
				" ---> System.InvalidOperationException: no\n" +
				"   at App.Program.F() in /src/Program.cs:line 12\n" +
				"   --- End of inner exception stack trace ---\n" +
				"   at App.Program.<Main>$(String[] args) in /src/Program.cs:line 3\n" +
				"--- End of stack trace from previous location ---\n" +
				"   at App.Program.Main()",
			"info: goes on",
		}, false},
		{"node", traces("node"), []string{
			"begun",
			"TypeError: Cannot read properties of undefined (reading 'x')\n" +
				"    at f (/app/a.js:3:9)\n" +
				"    at async Promise.all (index 0) {\n" +
				"  code: 'E_NO',\n" +
				"  [cause]: Error: inner\n" +
				"      at g (/app/a.js:9:1)\n" +
				"}",
			"goes on",
		}, false},
		{"node: not caught", traces("node"), []string{
			"/app/a.js:3\n" +
				"  throw new Error('no');\n" +
				"  ^\n" +
				"\n" +
				"Error: no\n" +
				"    at Object.<anonymous> (/app/a.js:3:9)\n" +
				"    at node:internal/main/run_main_module:28:49\n" +
				"\n" +
				"Node.js v22.3.0",
			"begun",
		}, false},
		{"indented", traces("indented"), []string{"a\n b\n\tc", "d", "\n e"}, true},
		{"several", traces("node", "java", "python", "go"), []string{
			"a",
			"java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: x.Y: z\n\t... 1 more",
			"b",
			"Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: x",
			"c",
			"panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1",
			"Error: x\n    at f (/a.js:1:2)",
			"d",
		}, false},
		{"a trace and what begins an event", Patterns{
			Start: `^\d{4}-|^java`, Presets: []string{"java"},
		}, []string{
			"2026-01-01 a\nmore",
			"java.lang.E: x\nnot of the trace",
			"2026-01-02 java.lang.Error\n\tat a.b(C.java:1)",
		}, true},
	}
}

func TestJoining(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.patterns.Validate(); err != nil {
				t.Fatal(err)
			}
			got, pending := events(New(c.patterns), strings.Split(strings.Join(c.want, "\n"), "\n"))
			if !slices.Equal(got, c.want) || pending != c.pending {
				t.Errorf("pending %v\ngot  %q\nwant %q", pending, got, c.want)
			}
		})
	}
}

// What an event is depends on its lines alone: a reader that begins again at one finds the same.
func TestEventsAreTheSameWhereverReadingBegins(t *testing.T) {
	rnd := runtest.Rand(t)
	var vocabulary []string
	for _, c := range cases() {
		for _, e := range c.want {
			vocabulary = append(vocabulary, strings.Split(e, "\n")...)
		}
	}
	for _, c := range cases() {
		r := New(c.patterns)
		lines := make([]string, 200)
		for i := range lines {
			lines[i] = vocabulary[rnd.IntN(len(vocabulary))]
		}
		all, _ := events(r, lines)
		at := 0
		for i, e := range all {
			got, _ := events(r, lines[at:])
			if !slices.Equal(got, all[i:]) {
				t.Fatalf("%s, event %d: got %q, want %q", c.name, i, got, all[i:])
			}
			at += strings.Count(e, "\n") + 1
		}
	}
}

func TestPatternsThatMakeNoSense(t *testing.T) {
	for want, p := range map[string]Patterns{
		"start: nothing says":        {},
		"continue_after: error pars": {ContinueAfter: "("},
		`presets: "cobol" is none`:   {Presets: []string{"cobol"}},
		`presets: "go" is named tw`:  {Presets: []string{"go", "go"}},
	} {
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", p, err, want)
		}
	}
}

func FuzzJoining(f *testing.F) {
	for i, c := range cases() {
		f.Add(i, strings.Join(c.want, "\n"))
	}
	rules := make([]*Rules, 0, len(cases()))
	for _, c := range cases() {
		rules = append(rules, New(c.patterns))
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		r := rules[uint(which)%uint(len(rules))]
		got, _ := events(r, strings.Split(text, "\n"))
		if strings.Join(got, "\n") != text {
			t.Errorf("%q became %q", text, got)
		}
		if n := strings.Count(text, "\n"); n < 100 && len(got) > 1 {
			again, _ := events(r, strings.Split(strings.Join(got[1:], "\n"), "\n"))
			if !slices.Equal(again, got[1:]) {
				t.Errorf("from the second event on: %q, of %q", again, got)
			}
		}
	})
}

func BenchmarkPresets(b *testing.B) {
	r := New(Patterns{Presets: []string{"java", "python", "go", "ruby", "php", "dotnet", "node"}})
	line := []byte(`10.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "GET /a/b?c=d HTTP/1.1" 200 1234 "-" "Mozilla/5.0"`)
	var s State
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if !r.Begin(&s, line) {
			b.Fatal("not complete")
		}
	}
}
