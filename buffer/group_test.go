package buffer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record"
)

func encodedGroup(t testing.TB) []byte {
	t.Helper()
	g := groupBuilder{
		ops: []*appendOp{{batch: batchOf(0, 3, 10)}, {batch: batchOf(3, 2, 10)}},
		chg: []change{
			{kind: changePosition, name: "in", key: "f", value: []byte("5")},
			{kind: changeForget, name: "in", key: "g"},
			{kind: changeCursor, name: "out", pos: 4, note: "n"},
			{kind: changeUncursor, name: "old"},
		},
	}
	p, err := g.appendTo(
		[]byte("before"), groupHeader{first: 100, seq: 7, durable: 6, appended: 1}, record.LZ4,
	)
	if err != nil {
		t.Fatal(err)
	}
	return p[len("before"):]
}

func TestGroupRoundTrip(t *testing.T) {
	t.Parallel()
	p := encodedGroup(t)
	h, batches, changes, err := decodeGroup(p)
	if err != nil {
		t.Fatal(err)
	}
	if h.first != 100 || h.end() != 105 || h.seq != 7 || h.durable != 6 ||
		h.size() != int64(len(p)) {
		t.Errorf("header %+v of %d bytes", h, len(p))
	}
	if len(batches) != 2 || batches[1].First != 103 || batches[1].End != 105 {
		t.Fatalf("%d batches", len(batches))
	}
	wantRun(t, append(numbers(t, batches[0]), numbers(t, batches[1])...), 0, 5)
	st := newState()
	st.apply(&change{kind: changePosition, name: "in", key: "g", value: []byte("1")})
	st.apply(&change{kind: changeCursor, name: "old"})
	if err := st.replay(changes); err != nil {
		t.Fatal(err)
	}
	if len(st.inputs["in"]) != 1 || string(st.inputs["in"]["f"]) != "5" || len(st.cursors) != 1 ||
		st.cursors["out"] != (cursorState{4, "n"}) {
		t.Errorf("state %+v", st)
	}
}

// Every flipped bit costs no more than the batch it is in, or the group.
func TestDecodeGroupFindsFlippedBits(t *testing.T) {
	t.Parallel()
	p := encodedGroup(t)
	for i := range p {
		for bit := range 8 {
			p[i] ^= 1 << bit
			_, batches, _, err := decodeGroup(p)
			if err == nil && (len(batches) != 2 || !covered(t, batches)) {
				t.Fatalf("bit %d of byte %d: no error and %d batches", bit, i, len(batches))
			}
			p[i] ^= 1 << bit
		}
	}
}

// covered reports whether the batches still hold what they should: some bytes of a record batch are
// outside of its checksum and unused.
func covered(t *testing.T, batches []*record.Batch) bool {
	got := append(numbers(t, batches[0]), numbers(t, batches[1])...)
	return len(got) == 5 && got[0] == 0 && got[4] == 4
}

func FuzzDecodeGroup(f *testing.F) {
	f.Add(encodedGroup(f))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, batches, changes, err := decodeGroup(p)
		_ = newState().replay(changes)
		if err != nil {
			return
		}
		pos := h.first
		for _, b := range batches {
			if b.First != pos {
				t.Fatalf("batch at %d, want %d", b.First, pos)
			}
			pos = b.End
		}
	})
}

func FuzzReplayState(f *testing.F) {
	h, _, changes, _ := decodeGroup(encodedGroup(f))
	f.Add(changes)
	_ = h
	f.Fuzz(func(t *testing.T, p []byte) {
		st := newState()
		if st.replay(p) != nil {
			return
		}
		var again []byte
		for _, c := range st.full() {
			again = c.append(again)
		}
		other := newState()
		if err := other.replay(again); err != nil {
			t.Fatal(err)
		}
		if len(other.inputs) != len(st.inputs) || len(other.cursors) != len(st.cursors) ||
			other.size != st.size {
			t.Fatalf("%+v, then %+v", st, other)
		}
	})
}

func FuzzReadEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add(append([]byte{64, 0, 24, 200, 1, 0}, encodedGroup(f)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		e, next, err := readEntryAt(bytes.NewReader(p), 0)
		if err == nil && (e.off <= 0 || next <= e.off) {
			t.Fatalf("entry %+v, next %d", e, next)
		}
	})
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if o := c.Options(); !o.Sync || o.Codec != record.Snappy || o.WhenFull != Block ||
		o.SegmentSize != 128<<20 {
		t.Errorf("options %+v", o)
	}
	c = Config{
		MaxSize:       1,
		SegmentSize:   1,
		MinFree:       -1,
		FlushBytes:    1,
		FlushInterval: -1,
		Compression:   "gzip",
		WhenFull:      "drop",
	}
	err := c.Validate()
	for _, attribute := range []string{"max_size:", "segment_size:", "min_free:", "flush_bytes:", "flush_interval:", "compression:", "when_full:"} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+attribute) {
			t.Errorf("no error for %s: %v", attribute, err)
		}
	}
}

// Changes that look alike take little room, and read back with what fills the page behind them.
func TestChangesArePacked(t *testing.T) {
	t.Parallel()
	g := groupBuilder{pad: func(int64) int64 { return 100 }}
	plain := 0
	for i := range 50 {
		c := change{
			kind:  changePosition,
			name:  "input.tail.app",
			key:   fmt.Sprint("file", i),
			value: fmt.Appendf(nil, `{"path":"/var/log/app/app-%d.log","off":%d}`, i, i*1000),
		}
		g.chg = append(g.chg, c)
		plain += len(c.append(nil))
	}
	p, err := g.appendTo(nil, groupHeader{first: 1, seq: 1}, record.Snappy)
	if err != nil {
		t.Fatal(err)
	}
	if len(p) > groupHeaderSize+100+plain/2 {
		t.Errorf("%d bytes for changes of %d", len(p), plain)
	}
	_, _, changes, err := decodeGroup(p)
	if err != nil {
		t.Fatal(err)
	}
	st := newState()
	if err := st.replay(changes); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if got := string(
			st.inputs["input.tail.app"][fmt.Sprint("file", i)],
		); got != string(
			g.chg[i].value,
		) {
			t.Errorf("change %d is %q", i, got)
		}
	}
	for _, bad := range [][]byte{nil, {0x80}, {5, 1}, {2, 0xff, 0xff}, {6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}} {
		if _, err := unpackChanges(bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}
