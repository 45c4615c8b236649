package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Garbage of single bytes, each a value and no event, must not become a record for each.
func TestGarbageIsFewEvents(t *testing.T) {
	good := event(1, map[string]any{"a": 1})
	const garbage = 100_000
	payload := append(append(append([]byte{}, good...), make([]byte, garbage)...), good...)
	// 100,002 elements
	forward := append([]byte{0x92, 0xa1, 't', 0xdd, 0, 1, 0x86, 0xa2}, payload...)
	for name, msg := range map[string][]byte{
		"packed": packed("t", payload, false, nil), "compressed": packed("t", gz(payload), false, nil), "forward": forward,
	} {
		r := NewReader(bytes.NewReader(msg), testLimits)
		m, err := r.Next()
		if err != nil {
			t.Fatal(name, err)
		}
		var parts, count, raw, records int
		for {
			ev, err := m.Event()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(name, err)
			}
			if ev.Bad == "" {
				records++
				continue
			}
			parts++
			count += ev.Count
			raw += len(ev.Raw)
		}
		if _, err := m.Options(); err != nil {
			t.Fatal(name, err)
		}
		if records != 2 || count != garbage || raw != garbage || parts > 200 {
			t.Errorf(
				"%s: %d records, %d bad events of %d bytes in %d parts", name, records, count, raw,
				parts,
			)
		}
		r.Close()
	}
}

// A bomb is found before more than a small part of it is handed out.
func TestBombIsFoundEarly(t *testing.T) {
	body := bytes.Repeat(event(1, map[string]any{"zero": strings.Repeat("0", 10_000)}), 10_000)
	lim := testLimits
	lim.Inflated, lim.Message = 80<<20, 64<<20
	for name, z := range map[string][]byte{"gzip": gz(body), "zstd": zst(body)} {
		out := readAll(bytes.NewReader(packed("t", z, false, nil)), lim)
		last := out.events[len(out.events)-1]
		if out.err != io.EOF || last.bad != Bomb || len(out.events) > suspicious/10_000+200 {
			t.Errorf("%s: %v, %d events, last %v", name, out.err, len(out.events), last.bad)
		}
		lim := lim
		lim.Inflated = 200 << 20
		if out := readAll(bytes.NewReader(packed("t", z, false, nil)), lim); out.err != io.EOF ||
			len(out.events) != 10_000 {
			t.Errorf("%s within the limit: %v, %d events", name, out.err, len(out.events))
		}
	}
}

// A message that is too deep for the JSON decoder still has its tag and its ack.
func TestDeepJSONKeepsItsAck(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for name, text := range map[string]string{
		"message": `["t",1,{"k":` + deep + `},{"chunk":"c"}]`,
		"forward": `["t",[[1,{"k":` + deep + `}],[2,{"a":1}]],{"chunk":"c"}]`,
	} {
		out := readAll(strings.NewReader(text+`["t",3,{}]`), testLimits)
		if out.err != io.EOF || len(out.events) < 2 || out.events[0].bad != TooDeep ||
			out.events[0].tag != "t" ||
			string(out.opts[0].Chunk) != `"c"` {
			t.Errorf(
				"%s: %v, %d events, first %v", name, out.err, len(out.events), out.events[0].bad,
			)
		}
		if last := out.events[len(out.events)-1]; last.time != 3e9 {
			t.Errorf("%s: last %+v", name, last)
		}
	}
}
