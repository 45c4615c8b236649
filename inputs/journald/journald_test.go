package journald

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func binaryField(name string, value []byte) string {
	return name + "\n" + string(
		binary.LittleEndian.AppendUint64(nil, uint64(len(value))),
	) + string(
		value,
	) + "\n"
}

func readAll(src io.Reader, max int) (out []string, err error) {
	x := exportReader{r: bufio.NewReaderSize(src, 16), max: max}
	var e entry
	for {
		if err := x.next(&e); err != nil {
			return out, err
		}
		out = append(out, fmt.Sprintf("%s %s %d %d", e.appendJSON(nil), e.cursor, e.time, e.cut))
	}
}

func TestExportFormat(t *testing.T) {
	in := "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000123456\nMESSAGE=a long message = with more than sixteen bytes\n\n\n" +
		"__CURSOR=c2\n" + binaryField("MESSAGE", []byte("two\nlines\xff")) + "A=1\nB=x\nA=2\n\n"
	want := []string{
		`{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000123456","MESSAGE":"a long message = with more than sixteen bytes"} s=1;i=2 1700000000123456000 0`,
		`{"__CURSOR":"c2","MESSAGE":"two\nlines\\xff","A":["1","2"],"B":"x"} c2 0 0`,
	}
	for _, src := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		if got, err := readAll(src, 1000); err != io.EOF || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v\n%s", err, strings.Join(got, "\n"))
		}
	}
	big := "MESSAGE=" + strings.Repeat("x", 1000) + "\n" + binaryField("B", bytes.Repeat([]byte{'y'}, 1000)) + "\n"
	if got, err := readAll(strings.NewReader(big), 100); err != io.EOF ||
		got[0] != `{"MESSAGE":"`+strings.Repeat("x", 100)+`","B":""}  0 1900` {
		t.Fatal(err, got)
	}
	for _, bad := range []string{"A=1", "=x\n\n", strings.Repeat("N", 300) + "=1\n\n", "B\n\xff\xff\xff\xff\xff\xff\xff\xffxx", "B\n\x01\x00\x00\x00\x00\x00\x00\x00xy\n\n"} {
		if got, err := readAll(strings.NewReader(bad), 100); err == io.EOF || err == nil ||
			len(got) > 0 {
			t.Errorf("%.40q: %v, %v", bad, got, err)
		}
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte("__CURSOR=c\nMESSAGE=x\n\n" + binaryField("B", []byte("a\nb")) + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, _ := readAll(bytes.NewReader(b), 64)
		two, _ := readAll(iotest.OneByteReader(bytes.NewReader(b)), 64)
		if fmt.Sprint(one) != fmt.Sprint(two) {
			t.Fatalf("at once %q, by the byte %q", one, two)
		}
		x := exportReader{r: bufio.NewReader(bytes.NewReader(b)), max: 64}
		var e entry
		for x.next(&e) == nil {
			if v := e.appendJSON(nil); !json.Valid(v) {
				t.Fatalf("%s", v)
			}
		}
	})
}

// Another input that reads the same goes on behind the cursor; one that reads other entries does
// not.
func TestCursorIsInherited(t *testing.T) {
	d := newDriver(t)
	if err := d.Send(t.Context(), []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	input := func(unit string) *Journald {
		cfg := Default()
		cfg.Journalctl, cfg.From, cfg.Units = d.script, "beginning", []string{unit}
		j, err := New(cfg, inputstest.Env("input.journald.test", t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	read := func(j *Journald, sink *inputstest.MemSink, n int) {
		until, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- j.Run(until, sink) }()
		if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) == n }) {
			t.Error(sink.Values())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	was, is := inputstest.New(), inputstest.New()
	read(input("a"), was, 2)
	if got := input("b").Inherit(was.Positions()); got != nil {
		t.Errorf("entries of another unit begin at %v", got)
	}
	renamed := input("a")
	if err := inputs.Append(ctx, is, nil, renamed.Inherit(was.Positions())); err != nil {
		t.Fatal(err)
	}
	if err := d.Send(ctx, []string{"three"}); err != nil {
		t.Fatal(err)
	}
	read(renamed, is, 1)
	if got := is.Values(); len(got) != 1 || !strings.Contains(got[0], `"three"`) {
		t.Errorf("read %q", got)
	}
}

// What comes after the first start is read, even if nothing was until the second; what was there
// before is not.
func TestFromEndIsTheEndOfTheFirstStart(t *testing.T) {
	for name, before := range map[string][]string{"entries": {"one", "two"}, "empty": nil} {
		t.Run(name, func(t *testing.T) {
			d, sink := newDriver(t), inputstest.New()
			if err := d.Send(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			run := func(until func() bool) {
				cfg := Default()
				cfg.Journalctl = d.script
				j, err := New(cfg, inputstest.Env("input.journald.test", t.TempDir()))
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- j.Run(ctx, sink) }()
				runtest.Until(t, "read", until)
				stop()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
			run(func() bool { return len(sink.Positions()) > 0 })
			if err := d.Send(t.Context(), []string{"three"}); err != nil {
				t.Fatal(err)
			}
			run(func() bool { return len(sink.Values()) > 0 })
			if got := sink.Values(); len(got) != 1 || !strings.Contains(got[0], `"three"`) {
				t.Errorf("read %q", got)
			}
		})
	}
}

// A script in the place of journalctl: it writes its arguments to a file, prints two entries, the
// first of which is that of the cursor, and stays.
func TestCursorIsThePosition(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "journalctl")
	text := `#!/bin/sh
echo "$@" >> ` + dir + `/args
at=1
for arg; do
	case $arg in
	--lines=1) printf '__CURSOR=c1\nMESSAGE=zero\n\n'; exit ;;
	--cursor=*) at=${arg#*=c} ;;
	esac
done
printf "__CURSOR=c$at\nMESSAGE=one\n\n__CURSOR=c$((at + 1))\nMESSAGE=two\n\n"
[ -e ` + dir + `/broken ] && { echo broken >&2; exit 1; }
exec sleep 60
`
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.Journalctl, cfg.Units, cfg.Matches = script, []string{"a.service"}, []string{"_UID=0"}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sink := inputstest.New()
	for round := 1; round <= 2; round++ {
		j, err := New(cfg, inputstest.Env("input.journald.test", dir))
		if err != nil {
			t.Fatal(err)
		}
		until, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- j.Run(until, sink) }()
		if !sink.Wait(ctx, func(rs []inputstest.Record) bool { return len(rs) == round }) {
			t.Fatal(sink.Values())
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if c := string(sink.Positions()[positionKey]); c != fmt.Sprintf("c%d", round+1) {
			t.Fatalf("cursor %q", c)
		}
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	follow := "--output=export --quiet --follow --no-tail --unit=a.service --cursor="
	want := "--output=export --quiet --lines=1\n" + follow + "c1 _UID=0\n" + follow + "c2 _UID=0\n"
	if string(args) != want {
		t.Fatalf("got %s", args)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j, _ := New(cfg, inputstest.Env("input.journald.test", dir))
	if err := j.Run(ctx, sink); err == nil || !strings.Contains(err.Error(), "broken") ||
		!strings.Contains(err.Error(), "exit status 1") {
		t.Fatal(err)
	}
}

func TestSinkFailureIsAnError(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "journalctl")
	os.WriteFile(
		script, []byte("#!/bin/sh\nprintf '__CURSOR=c1\\nMESSAGE=one\\n\\n'\nexec sleep 60\n"),
		0o700,
	)
	cfg := Default()
	cfg.Journalctl, cfg.From = script, "beginning"
	sink := inputstest.New()
	sink.Hold()
	j, _ := New(cfg, inputstest.Env("input.journald.test", dir))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx, sink) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sink.Appends() == 0 {
		<-tick.C
	}
	sink.Crash()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "crashed") {
		t.Fatal(err)
	}
	if len(sink.Positions()) != 0 {
		t.Fatal("a cursor without its entries")
	}
}
