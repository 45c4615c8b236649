package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tinylib/msgp/msgp"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/msgpack"
)

var testLimits = Limits{Message: 1 << 20, Inflated: 1 << 20, Record: 64 << 10, Depth: 32}

// got is an event copied out of the reader.
type got struct {
	tag, record string
	time        int64
	bad         Reason
	raw         string
	meta        string
	part        int
}

type result struct {
	events []got
	modes  []Mode
	opts   []Options
	err    error
}

func readAll(src io.Reader, lim Limits) result { return read(src, lim, false) }

// read reads all messages, with the maps as they came if keep says so; what is returned of those is
// their JSON all the same.
func read(src io.Reader, lim Limits, keep bool) result {
	var out result
	r := NewReader(src, lim)
	r.clock = func() time.Time { return time.Unix(7, 7) }
	defer r.Close()
	for {
		m, err := r.Next()
		if err != nil {
			out.err = err
			return out
		}
		out.modes = append(out.modes, m.Mode)
		if keep {
			m.KeepMaps()
		}
		for {
			ev, err := m.Event()
			if err == io.EOF {
				break
			}
			if err != nil {
				out.err = err
				return out
			}
			text := ev.Record
			if ev.Form == record.Msgpack {
				var rest []byte
				text, rest, err = msgpack.AppendJSON(nil, ev.Record, math.MaxInt)
				if err != nil || len(rest) > 0 || !keep || ev.Bad != "" {
					panic(fmt.Sprintf("%x is handed out, %q: %v", ev.Record, ev.Bad, err))
				}
			}
			out.events = append(
				out.events,
				got{
					m.Tag,
					string(text),
					ev.Time,
					ev.Bad,
					string(ev.Raw),
					string(ev.Meta),
					ev.Part,
				},
			)
		}
		o, err := m.Options()
		if err != nil {
			out.err = err
			return out
		}
		out.opts = append(out.opts, o)
	}
}

// both reads once in big steps and once a byte at a time, and with the maps as they came; the
// outcome must be the same.
func both(t *testing.T, b []byte, lim Limits) result {
	t.Helper()
	one := readAll(bytes.NewReader(b), lim)
	two := readAll(iotest.OneByteReader(bytes.NewReader(b)), lim)
	if fmt.Sprint(one) != fmt.Sprint(two) {
		t.Fatalf("read at once:\n%+v\nread by the byte:\n%+v", one, two)
	}
	if kept := read(bytes.NewReader(b), lim, true); fmt.Sprint(one) != fmt.Sprint(kept) {
		t.Fatalf("read as JSON:\n%+v\nread as it came:\n%+v", one, kept)
	}
	return one
}

func event(sec int, rec map[string]any) []byte {
	b := msgp.AppendArrayHeader(nil, 2)
	b = msgp.AppendInt(b, sec)
	b, err := msgp.AppendIntf(b, rec)
	if err != nil {
		panic(err)
	}
	return b
}

func packed(tag string, payload []byte, asStr bool, options map[string]any) []byte {
	b := msgp.AppendArrayHeader(nil, 3)
	b = msgp.AppendString(b, tag)
	if asStr {
		b = append(b, 0xdb)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...)
	} else {
		b = msgp.AppendBytes(b, payload)
	}
	b, err := msgp.AppendIntf(b, options)
	if err != nil {
		panic(err)
	}
	return b
}

func gz(p []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(p)
	w.Close()
	return buf.Bytes()
}

func zst(p []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(p, nil)
}

func TestEachModeIsRead(t *testing.T) {
	two := append(event(1, map[string]any{"a": "x"}), event(2, map[string]any{"b": 2})...)
	want := []got{
		{tag: "t", record: `{"a":"x"}`, time: 1e9},
		{tag: "t", record: `{"b":2}`, time: 2e9},
	}
	opts := map[string]any{"chunk": "abc\n"}

	forward := msgp.AppendArrayHeader(nil, 3)
	forward = msgp.AppendString(forward, "t")
	forward = append(msgp.AppendArrayHeader(forward, 2), two...)
	forward, _ = msgp.AppendIntf(forward, opts)

	var messages []byte
	for _, e := range [][]byte{event(1, map[string]any{"a": "x"}), event(2, map[string]any{"b": 2})} {
		messages = msgp.AppendArrayHeader(messages, 4)
		messages = msgp.AppendString(messages, "t")
		messages = append(messages, e[1:]...)
		messages, _ = msgp.AppendIntf(messages, opts)
	}

	half := event(1, map[string]any{"a": "x"})
	for _, c := range []struct {
		name  string
		bytes []byte
		mode  Mode
	}{
		{"message", messages, ModeMessage},
		{"forward", forward, ModeForward},
		{"packed bin", packed("t", two, false, opts), ModePacked},
		{"packed str32", packed("t", two, true, opts), ModePacked},
		{"packed text", packed("t", two, true, map[string]any{"chunk": "abc\n", "compressed": "text"}), ModePacked},
		{"gzip", packed("t", gz(two), false, map[string]any{"chunk": "abc\n", "compressed": "gzip"}), ModeCompressed},
		{"gzip members", packed("t", append(gz(half), gz(two[len(half):])...), true, opts), ModeCompressed},
		{"zstd", packed("t", zst(two), false, opts), ModeCompressed},
		{"zstd frames", packed("t", append(zst(half), zst(two[len(half):])...), false, opts), ModeCompressed},
	} {
		t.Run(c.name, func(t *testing.T) {
			heartbeat := []byte{0xc0, 0x05}
			out := both(t, append(append(heartbeat, c.bytes...), 0xc0), testLimits)
			if out.err != io.EOF || fmt.Sprint(out.events) != fmt.Sprint(want) ||
				out.modes[0] != c.mode {
				t.Fatalf("got %+v", out)
			}
			for _, o := range out.opts {
				if string(o.Chunk) != "\xa4abc\n" {
					t.Fatalf("chunk %q", o.Chunk)
				}
				if ack := AppendAck(nil, o.Chunk, false); string(ack) != "\x81\xa3ack\xa4abc\n" {
					t.Fatalf("ack %q", ack)
				}
			}
			for cut := 1; cut < len(c.bytes); cut++ {
				if err := readAll(
					bytes.NewReader(c.bytes[:cut]), testLimits,
				).err; err != io.ErrUnexpectedEOF &&
					!(c.name == "message" && err == io.EOF) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
			}
		})
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// A connection that waits for the next message holds little memory, even if much came before; one
// that is busy reads in large steps.
func TestWaitingConnectionsHoldLittle(t *testing.T) {
	left := bytes.Repeat(packed("t", benchEvents(5000), false, map[string]any{"chunk": "c"}), 2)
	most, waiting := 0, 0
	src := readFunc(func(p []byte) (int, error) {
		if len(left) == 0 {
			waiting = len(p)
			return 0, io.EOF
		}
		most = max(most, len(p))
		n := copy(p, left)
		left = left[n:]
		return n, nil
	})
	r := NewReader(src, Limits{Message: 1 << 30, Inflated: 1 << 30, Record: 1 << 20, Depth: 10})
	defer r.Close()
	for range 2 {
		if n := count(r); n != 5000 {
			t.Fatalf("%d events", n)
		}
		if _, err := r.msg.Options(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Next(); err != io.EOF || waiting > firstWindow || len(r.win.buf) > firstWindow {
		t.Errorf("%d bytes are held while waiting: %v", waiting, err)
	}
	if most < quietWindow/2 {
		t.Errorf("read in steps of at most %d bytes", most)
	}
}

// Reading makes no garbage per event.
func TestEventsAllocateNothing(t *testing.T) {
	const n = 1000
	message := packed("t", benchEvents(n), false, nil)
	lim := Limits{Message: 1 << 20, Inflated: 1 << 20, Record: 1 << 20, Depth: 10}
	allocs := testing.AllocsPerRun(10, func() {
		if out := count(NewReader(bytes.NewReader(message), lim)); out != n {
			t.Fatalf("%d events", out)
		}
	})
	if allocs > n/10 {
		t.Errorf("%v allocations for %d events", allocs, n)
	}
}

func count(r *Reader) (n int) {
	m, err := r.Next()
	for err == nil {
		if _, err = m.Event(); err == nil {
			n++
		}
	}
	return n
}

func TestEachFormOfTimeIsRead(t *testing.T) {
	et := func(lead ...byte) []byte { return append(lead, 0, 0, 0, 2, 0, 0, 0, 3) }
	for _, c := range []struct {
		name string
		slot []byte
		want int64
		meta string
	}{
		{"fixext8", et(0xd7, 0), 2e9 + 3, ""},
		{"ext8", et(0xc7, 8, 0), 2e9 + 3, ""},
		{"seconds", msgp.AppendInt(nil, 1<<33), 1 << 33 * 1e9, ""},
		{"negative", msgp.AppendInt(nil, -5), -5e9, ""},
		{"float", msgp.AppendFloat64(nil, 1.5), 15e8, ""},
		{"zero is now", msgp.AppendInt(nil, 0), 7e9 + 7, ""},
		{"v1.5", append(append([]byte{0x92}, et(0xd7, 0)...), 0x81, 0xa1, 'k', 1), 2e9 + 3, `{"k":1}`},
		{"v1.5 empty", append(append([]byte{0x92}, et(0xd7, 0)...), 0x80), 2e9 + 3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := append(append([]byte{0x92}, c.slot...), 0x80)
			message := append(
				[]byte{0x93, 0xa1, 't'},
				append(append([]byte(nil), c.slot...), 0x80)...)
			forward := append([]byte{0x92, 0xa1, 't', 0x91}, e...)
			pair := append(append([]byte{0x92, 0xa1, 't', 0x92}, e...), e...)
			for i, b := range [][]byte{message, forward, packed("t", e, false, nil), pair} {
				out := both(t, b, testLimits)
				if out.err != io.EOF || len(out.events) == 0 || out.events[0].time != c.want ||
					out.events[0].meta != c.meta ||
					out.events[0].bad != "" {
					t.Fatalf("form %d: %+v", i, out)
				}
			}
		})
	}
}

func TestBadEventsLeaveTheRest(t *testing.T) {
	good := event(1, map[string]any{"a": 1})
	deep := append([]byte{0x92, 1, 0x81, 0xa1, 'd'}, bytes.Repeat([]byte{0x91}, 10_000)...)
	deep = append(deep, 0xc0)
	big := event(1, map[string]any{"a": strings.Repeat("x", testLimits.Record*2)})
	for _, c := range []struct {
		name string
		bad  []byte
		why  Reason
	}{
		{"record is a string", []byte{0x92, 1, 0xa1, 'x'}, NotEvent},
		{"no pair", []byte{0x93, 1, 0x80, 0x80}, NotEvent},
		{"a number", []byte{5}, NotEvent},
		{"time is a map", []byte{0x92, 0x80, 0x80}, NotEvent},
		{"nested 10,000 deep", deep, TooDeep},
		{"larger than a record may be", big, TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := append(append(append([]byte(nil), good...), c.bad...), good...)
			forward := append([]byte{0x93, 0xa1, 't', 0x93}, payload...)
			forward = append(forward, 0x81, 0xa5, 'c', 'h', 'u', 'n', 'k', 0xa1, 'c')
			chunk := map[string]any{"chunk": "c"}
			for i, b := range [][]byte{forward, packed("t", payload, false, chunk), packed("t", gz(payload), false, chunk)} {
				for _, src := range []io.Reader{bytes.NewReader(b), iotest.HalfReader(bytes.NewReader(b)), iotest.OneByteReader(bytes.NewReader(b))} {
					out := readAll(src, testLimits)
					var raw []byte
					records := 0
					for _, e := range out.events {
						if e.bad == "" {
							records++
						} else if e.bad == c.why {
							raw = append(raw, e.raw...)
						}
					}
					if len(out.events) > 3+len(c.bad)/smallPart {
						t.Fatalf("form %d: %d events", i, len(out.events))
					}
					if out.err != io.EOF || records != 2 || !bytes.Equal(raw, c.bad) ||
						string(out.opts[0].Chunk) != "\xa1c" {
						t.Fatalf(
							"form %d: %v, %d records, %d bytes raw, options %+v", i, out.err,
							records, len(raw), out.opts,
						)
					}
				}
			}
		})
	}
}

func TestChunkThatDoesNotParse(t *testing.T) {
	good := event(1, map[string]any{"a": 1})
	truncated := good[:len(good)-1]
	for _, tail := range [][]byte{truncated, {0xc1, 1, 2}, {0x92, 1, 0x81, 0xc1}} {
		payload := append(append([]byte(nil), good...), tail...)
		out := both(t, packed("t", payload, false, map[string]any{"chunk": "c"}), testLimits)
		if out.err != io.EOF || len(out.events) != 2 || out.events[1].bad != Garbage ||
			out.events[1].raw != string(tail) ||
			out.opts[0].Chunk == nil {
			t.Fatalf("%x: %+v", tail, out)
		}
		z := gz(payload)
		out = both(t, packed("t", z, false, map[string]any{"chunk": "c"}), testLimits)
		if out.err != io.EOF || len(out.events) != 2 || out.events[1].bad != Garbage ||
			out.events[1].raw != string(z) {
			t.Fatalf("%x in gzip: %+v", tail, out)
		}
	}
	z := gz(good)
	z[len(z)-5] ^= 1
	out := both(t, packed("t", z, false, map[string]any{"chunk": "c"}), testLimits)
	if last := out.events[len(out.events)-1]; out.err != io.EOF || last.bad != Corrupt ||
		last.raw != string(z) {
		t.Fatalf("corrupt gzip: %+v", out)
	}
}

func TestZipBomb(t *testing.T) {
	body := bytes.Repeat(event(1, map[string]any{"zero": strings.Repeat("0", 1000)}), 10_000)
	for name, z := range map[string][]byte{"gzip": gz(body), "zstd": zst(body)} {
		out := readAll(
			bytes.NewReader(packed("t", z, false, map[string]any{"chunk": "c"})), testLimits,
		)
		last := out.events[len(out.events)-1]
		if out.err != io.EOF || last.bad != Bomb || last.raw != string(z) {
			t.Fatalf(
				"%s: %v, %d events, last %v %d bytes", name, out.err, len(out.events), last.bad,
				len(last.raw),
			)
		}
		if n := len(out.events); n > 1<<20/1000+1 {
			t.Fatalf("%s: %d events of more than the limit", name, n)
		}
	}
}

func TestOverLargeChunk(t *testing.T) {
	e := event(1, map[string]any{"a": strings.Repeat("x", 1000)})
	payload := bytes.Repeat(e, 2<<20/len(e))
	out := readAll(
		bytes.NewReader(packed("t", payload, false, map[string]any{"chunk": "c"})), testLimits,
	)
	if out.err != io.EOF || len(out.events) != len(payload)/len(e) ||
		out.events[0].bad != TooLarge ||
		out.events[0].record == "" {
		t.Fatalf("%v, %d events", out.err, len(out.events))
	}
	forward := append(
		[]byte{0x92, 0xa1, 't', 0xdd},
		binary.BigEndian.AppendUint32(nil, uint32(len(payload)/len(e)))...)
	out = readAll(bytes.NewReader(append(forward, payload...)), testLimits)
	if last := out.events[len(out.events)-1]; out.err != io.EOF || last.bad != TooLarge ||
		out.events[0].bad != "" {
		t.Fatalf("forward: %v, first %v, last %v", out.err, out.events[0].bad, last.bad)
	}
	lim := testLimits
	lim.Message = 100
	z := gz([]byte(fmt.Sprint(payload[:5000], time.Now())))
	out = readAll(bytes.NewReader(packed("t", z, false, nil)), lim)
	if out.err != io.EOF || len(out.events) != 1 || out.events[0].bad != TooLarge ||
		out.events[0].raw != string(z) {
		t.Fatalf("compressed: %v, %d events", out.err, len(out.events))
	}
}

// A length prefix promises 4 GiB; nothing near that is allocated for it.
func TestLyingLengths(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff}
	for name, b := range map[string][]byte{
		"packed":  append([]byte{0x93, 0xa1, 't', 0xc6}, huge...),
		"gzip":    append(append([]byte{0x93, 0xa1, 't', 0xc6}, huge...), gz(nil)...),
		"forward": append([]byte{0x93, 0xa1, 't', 0xdd}, huge...),
		"message": append([]byte{0xdd}, huge...),
		"tag":     append([]byte{0x93, 0xdb}, huge...),
		"record":  append([]byte{0x93, 0xa1, 't', 1, 0xdf}, huge...),
		"string":  append([]byte{0x93, 0xa1, 't', 1, 0x81, 0xdb}, huge...),
		"value":   append([]byte{0xdb}, huge...),
		"options": append([]byte{0x93, 0xa1, 't', 0xa0, 0xdf}, huge...),
	} {
		t.Run(name, func(t *testing.T) {
			readAll(bytes.NewReader(b), testLimits) // fills the pools
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := readAll(bytes.NewReader(b), testLimits).err
			runtime.ReadMemStats(&after)
			if err == nil || err == io.EOF {
				t.Fatal(err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 128<<10 {
				t.Fatalf("%d bytes allocated", n)
			}
		})
	}
}

func TestJSONConnection(t *testing.T) {
	in := `["t", 1.25, {"a": "x]", "b": [1]}, {"chunk": "c1"}]
null
["t", [[2, {"a": 2}], [3, "no map"], [[4, {"m": 1}], {"a": 4}]], {"chunk": "c2"}]["t",[5,{}],{"a":5}]`
	out := both(t, []byte(in), testLimits)
	want := []got{
		{tag: "t", record: `{"a":"x]","b":[1]}`, time: 125e7},
		{tag: "t", record: `{"a":2}`, time: 2e9},
		{tag: "t", bad: NotEvent, raw: `[3, "no map"]`, time: 7e9 + 7},
		{tag: "t", record: `{"a":4}`, time: 4e9, meta: `{"m":1}`},
		{tag: "t", record: `{"a":5}`, time: 5e9},
	}
	if out.err != io.EOF || fmt.Sprint(out.events) != fmt.Sprint(want) {
		t.Fatalf("got %+v", out)
	}
	if ack := AppendAck(nil, out.opts[0].Chunk, true); string(ack) != `{"ack":"c1"}` {
		t.Fatalf("ack %s", ack)
	}
	big := `["t",1,{"a":"` + strings.Repeat("x", testLimits.Record*3) + `"},{"chunk":"c"}]`
	out = readAll(strings.NewReader(big+`["t",1,{}]`), testLimits)
	raw := ""
	for _, e := range out.events[:len(out.events)-1] {
		raw += e.raw
	}
	if out.err != io.EOF || raw != big || out.events[len(out.events)-1].record != "{}" {
		t.Fatalf("over-large: %v, %d events, %d bytes", out.err, len(out.events), len(raw))
	}
}

// A client in ack mode sends for ever what gets no ack, so that a message over the limit needs one,
// too.
func TestOverLargeJSONKeepsItsAck(t *testing.T) {
	long := strings.Repeat(`x\",]`, testLimits.Record)
	for _, c := range []struct{ in, chunk string }{
		{`["t", 1, {"a":"` + long + `"}, {"chunk":"c"}]`, `"c"`},
		{`["t", [1,{}], {"a":"` + long + `"}, {"size":1,"chunk":"c"}]`, `"c"`},
		{`["t", [[1, {"a":"` + long + `"}]] , {"chunk":"c"} ]`, `"c"`},
		{`["t", 1, {"chunk":"no option","a":"` + long + `"}]`, ""},
		{`["t", 1, {"a":"` + long + `","chunk":"no option"}]`, ""},
		{`["t", [[1, {"a":"` + long + `"}]], {"chunk":"c"}, {"chunk":"too many"}]`, ""},
		{`["t", 1, {"a":"x"}, {"chunk":"c","more":"` + long + `"}]`, ""},
		{`[{"chunk":"c","a":"` + long + `"}]`, ""},
		{`["t", 1, {"a":"` + long[:testLimits.Record] + `"}, {"chunk":"c"}]`, `"c"`},
	} {
		in := c.in + `["t",1,{}]`
		if out := readAll(
			iotest.OneByteReader(strings.NewReader(in)), testLimits,
		); len(out.events) > len(in)/smallPart+2 ||
			string(out.opts[0].Chunk) != c.chunk {
			t.Errorf(
				"%.40s: %d events when it comes in crumbs, chunk %q", c.in, len(out.events),
				out.opts[0].Chunk,
			)
		}
		out := readAll(strings.NewReader(in), testLimits)
		raw := ""
		for _, e := range out.events[:len(out.events)-1] {
			raw += e.raw
			if tag := c.in[1] == '"'; e.bad != TooLarge || tag && e.tag != "t" {
				t.Fatalf("%.40s: %v of %q", c.in, e.bad, e.tag)
			}
		}
		if out.err != io.EOF || raw != c.in || string(out.opts[0].Chunk) != c.chunk {
			t.Errorf(
				"%.40s: %v, chunk %q, %d of %d bytes", c.in, out.err, out.opts[0].Chunk, len(raw),
				len(c.in),
			)
		}
	}
}

// Short strings, names mostly, have a way of their own in both directions, where there is room: it
// takes the same bytes.
func TestShortStrings(t *testing.T) {
	for n := range 12 {
		for at := range n + 2 {
			for _, c := range []byte{'x', '"', '\\', '\n', 0, 0x1f, 0x20, 0x7f, 0x80, 0xff} {
				text := []byte("0123456789abcd")[:n]
				after := []byte("behind it")
				switch {
				case at < n:
					text[at] = c
				case at > n:
					after[0] = c // in the eight bytes that are looked at, but not in the string
				}
				want := string(msgpack.AppendString(nil, text))
				packed := msgp.AppendStringFromBytes(nil, text)
				object := append(append([]byte{0x81}, packed...), packed...)
				wantObject := "{" + want + ":" + want + "}"
				for _, room := range []int{0, 8, 100} {
					out, rest, err := msgpack.AppendJSON(
						make([]byte, 0, room), slices.Concat(object, after), 8,
					)
					if err != nil || string(out) != wantObject || !bytes.Equal(rest, after) {
						t.Fatalf("%q with %d bytes of room: %q, %v", text, room, out, err)
					}
					// And back, unless the escapes stand for bytes that are not UTF-8.
					if !utf8.Valid(text) {
						continue
					}
					if got := AppendRecord(make([]byte, 0, room), []byte(wantObject)); !bytes.Equal(got, object) {
						t.Fatalf(
							"%s with %d bytes of room: %x, want %x", wantObject, room, got, object,
						)
					}
				}
			}
		}
	}
}

func TestAppendRecordRoundTrip(t *testing.T) {
	long := make([]string, 70_000)
	for i := range long {
		long[i] = "1"
	}
	for _, c := range []struct{ in, want string }{
		{`{"a":1,"b":[true,false,null,-1,1.5,"x"],"c":{}}`, ""},
		{` { "a" : "q\"\\\/\u00e9\ud83d\ude00\n" } `, `{"a":"q\"\\/é😀\n"}`},
		{`{"n":18446744073709551615,"m":-9223372036854775808,"h":123456789012345678901}`,
			`{"n":18446744073709551615,"m":-9223372036854775808,"h":"123456789012345678901"}`},
		{`{"l":[` + strings.Join(long[:20], ",") + `]}`, ""},
		{`{"l":[` + strings.Join(long, ",") + `]}`, ""},
		{`{"e":1e400}`, `{"e":"1e400"}`},
		{"plain line", `{"message":"plain line"}`},
		{`[1]`, `{"message":"[1]"}`},
		{`{"a":}`, `{"message":"{\"a\":}"}`},
		{`{"a":1} x`, `{"message":"{\"a\":1} x"}`},
		{`{"a":01}`, `{"message":"{\"a\":01}"}`},
		{`{"a":1-2}`, `{"message":"{\"a\":1-2}"}`},
		{`{"a":"\ud800"}`, `{"message":"{\"a\":\"\\ud800\"}"}`},
		{"\xff", `{"message":"\\xff"}`},
		{"", `{"message":""}`},
	} {
		want := c.want
		if want == "" {
			want = c.in
		}
		out, rest, err := msgpack.AppendJSON(nil, AppendRecord(nil, []byte(c.in)), 300)
		if err != nil || string(out) != want || len(rest) != 0 {
			t.Errorf("%.80s: %.80s, %v", c.in, out, err)
		}
	}
}

func TestExactRoundTrip(t *testing.T) {
	recs := []record.Record{
		{Time: 1e18 + 1, Value: []byte(`{"a":1}`)},
		{Time: 0, Key: []byte{}, Value: nil},
		{
			Time:  -5,
			Key:   []byte("k\xff"),
			Value: []byte{},
			Headers: []record.Header{
				{Key: "h", Value: nil},
				{Key: "h", Value: []byte{}},
				{Key: "", Value: []byte("v")},
			},
		},
		{Time: math.MaxInt64, Value: []byte("\xff\x00")},
	}
	for _, compression := range []string{"none", "gzip", "zstd"} {
		p := Packer{Exact: true, Compression: compression, Metadata: compression == "gzip"}
		p.Reset("app.x", "file/1")
		for i := range recs {
			p.Append(&recs[i])
		}
		b, err := p.Message("id")
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(iotest.OneByteReader(bytes.NewReader(b)), testLimits)
		m, err := r.Next()
		if err != nil || m.Tag != "app.x" {
			t.Fatal(m, err)
		}
		for i, want := range recs {
			ev, err := m.Event()
			if err != nil {
				t.Fatal(err)
			}
			have := record.Record{Time: ev.Time, Key: ev.Key, Value: ev.Record, Headers: ev.Headers}
			if len(have.Headers) == 0 {
				have.Headers = nil
			}
			if fmt.Sprintf("%#v", have) != fmt.Sprintf("%#v", want) || ev.Exact != true ||
				(i == 0) != (ev.Origin == "file/1") {
				t.Fatalf("record %d: %#v, want %#v; origin %q", i, have, want, ev.Origin)
			}
		}
		if _, err := m.Event(); err != io.EOF {
			t.Fatal(err)
		}
		if o, err := m.Options(); err != nil || string(o.Chunk) != "\xa2id" || o.Size != 4 {
			t.Fatal(o, err)
		}
	}
}

func TestHandshakeMessages(t *testing.T) {
	hello := Hello{Nonce: []byte("0123456789abcdef"), Auth: []byte{}, Keepalive: true, Exact: true}
	ping := Ping{
		"client",
		[]byte("\xffsalt"),
		KeyDigest([]byte("\xffsalt"), "client", hello.Nonce, "key"),
		"u",
		UserDigest(nil, "u", "p"),
	}
	pong := Pong{true, "", "server", KeyDigest([]byte("\xffsalt"), "server", hello.Nonce, "key")}
	b := AppendPong(AppendPing(AppendHello(nil, hello), ping), pong)
	src := bytes.NewReader(append(b, "rest"...))
	h := NewHandshake(src)
	h1, err1 := h.Hello()
	p1, err2 := h.Ping()
	o1, err3 := h.Pong()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(h1, p1, o1) != fmt.Sprint(hello, ping, pong) {
		t.Fatalf("%v\n%v\n%v", h1, p1, o1)
	}
	if rest, _ := io.ReadAll(src); string(rest) != "rest" {
		t.Fatalf("left %q", rest)
	}
	if len(ping.KeyDigest) != 128 || strings.ToLower(ping.KeyDigest) != ping.KeyDigest {
		t.Fatalf("digest %q", ping.KeyDigest)
	}
	if _, err := NewHandshake(
		bytes.NewReader([]byte{0x96, 0xdb, 0xff, 0xff, 0xff, 0xff}),
	).Ping(); !errors.Is(err, ErrMalformed) {
		t.Fatalf("lying length: %v", err)
	}
}

func TestAckReader(t *testing.T) {
	b := AppendAck(nil, msgp.AppendString(nil, "a"), false)
	b = AppendAck(b, msgp.AppendBytes(nil, []byte("b\n")), false)
	r := NewAckReader(iotest.OneByteReader(bytes.NewReader(b)))
	for _, want := range []string{"a", "b\n"} {
		if chunk, err := r.Next(); err != nil || chunk != want {
			t.Fatalf("%q, %v", chunk, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
}
