package joining

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/agent/filter"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// memoryStore is a store whose appends are durable in their order, some time after they were made.
type memoryStore struct {
	rng       *rand.Rand
	records   []record.Record // durable
	origins   []string        // of records
	positions map[string][]byte
	pending   []pendingAppend
	fails     bool // some appends
	dead      int
}

type pendingAppend struct {
	b         *record.Batch
	positions []record.Position
	done      func(error)
}

var errNotTaken = errors.New("not taken")

func (s *memoryStore) Append(
	_ context.Context, b *record.Batch, positions []record.Position, _ bool, done func(error),
) error {
	if s.fails && s.rng.IntN(8) == 0 {
		return errNotTaken
	}
	keys := map[string]bool{}
	for _, p := range positions {
		if keys[p.Key] {
			return fmt.Errorf("%s is stored twice in one transaction", p.Key)
		}
		keys[p.Key] = true
	}
	s.pending = append(s.pending, pendingAppend{b, positions, done})
	return nil
}

// settle makes the first n appends durable.
func (s *memoryStore) settle(n int) {
	for _, p := range s.pending[:n] {
		if p.b != nil {
			records, err := p.b.Records()
			if err != nil {
				panic(err)
			}
			for r := range records {
				s.records, s.origins = append(s.records, r.Clone()), append(s.origins, p.b.Origin)
			}
		}
		for _, at := range p.positions {
			if at.Value == nil {
				delete(s.positions, at.Key)
			} else {
				s.positions[at.Key] = slices.Clone(at.Value)
			}
		}
		p.done(nil)
	}
	s.pending = slices.Delete(s.pending, 0, n)
}

// crash loses what is not durable.
func (s *memoryStore) crash() {
	s.settle(s.rng.IntN(len(s.pending) + 1))
	s.pending = nil
}

func (s *memoryStore) Positions() map[string][]byte { return maps.Clone(s.positions) }

func (s *memoryStore) DeadLetter(_ context.Context, b *record.Batch, _ string) error {
	s.dead += b.Len()
	return nil
}

// model is a source of several origins, which begins again where the store says.
type model struct {
	t      *testing.T
	rng    *rand.Rand
	store  *memoryStore
	f      *filter.Multiline
	ways   []*filter.Multiline // f, or two like it of which each has some of the keys
	inJSON bool
	now    time.Time
	joiner *Joiner
	lines  map[string][]record.Record // by origin
	texts  map[string][]string        // lines as written, by origin and key
	at     map[string]int
}

func (m *model) start() {
	m.retry(func() error {
		m.joiner = newJoiner(m.ways, m.store, slog.New(slog.DiscardHandler))
		m.joiner.now = func() time.Time { return m.now }
		return m.joiner.load(m.t.Context())
	})
	m.at = map[string]int{}
	for origin := range m.lines {
		if p := m.store.positions[origin]; p != nil {
			n, err := strconv.Atoi(string(p))
			if err != nil {
				m.t.Fatal(err)
			}
			m.at[origin] = n
		}
	}
}

// retry does f until the store takes it.
func (m *model) retry(f func() error) {
	for range 1000 {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, errNotTaken) {
			m.t.Fatal(err)
		}
		m.store.settle(len(m.store.pending))
	}
	m.t.Fatal("never taken")
}

func (m *model) read(origin string) {
	rest := m.lines[origin][m.at[origin]:]
	if len(rest) == 0 {
		return
	}
	n := 1 + m.rng.IntN(min(len(rest), 12))
	b := built(record.FromRecords("t", origin, nil), rest[:n])
	err := m.joiner.Append(m.t.Context(), b, []record.Position{
		{Key: origin, Value: fmt.Append(nil, m.at[origin]+n)},
	}, nil)
	if errors.Is(err, errNotTaken) {
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.at[origin] += n
}

// fill makes lines. One is of a key, the keys between each other; some are in parts.
func (m *model) fill(origins, lines int) {
	words := []string{"begin", " more", "  more", "end"}
	for o := range origins {
		origin := fmt.Sprintf("o%d", o)
		rest := map[string][]string{} // parts of lines begun, by key
		for n := 0; n < lines || len(rest["a"])+len(rest["b"])+len(rest["c"]) > 0; {
			key := string(rune('a' + m.rng.IntN(3)))
			if len(rest[key]) == 0 {
				if n >= lines {
					continue
				}
				text := fmt.Sprintf("%s %d", words[m.rng.IntN(len(words))], n)
				n++
				m.texts[origin+key] = append(m.texts[origin+key], text)
				for m.rng.IntN(3) == 0 && len(text) > 2 {
					cut := 1 + m.rng.IntN(len(text)-1)
					rest[key] = append(rest[key], text[:cut]+"…")
					text = text[cut:]
				}
				rest[key] = append(rest[key], text)
			}
			text := rest[key][0]
			rest[key] = rest[key][1:]
			part, isPart := strings.CutSuffix(text, "…")
			r := record.Record{
				Time: int64(len(m.lines[origin])), Value: []byte(part),
				Headers: []record.Header{{Key: "key", Value: []byte(key)}, {Key: "part", Value: fmt.Append(nil, isPart)}},
			}
			if m.inJSON {
				r.Value = fmt.Appendf(nil, `{"n":%d,"log":%q}`, n, part)
			}
			m.lines[origin] = append(m.lines[origin], r)
		}
	}
}

// results returns the texts of the records that are durable, by origin and key.
func (m *model) results() map[string][]string {
	out := map[string][]string{}
	for i := range m.store.records {
		r := &m.store.records[i]
		key, _ := r.Header("key")
		text := string(r.Value)
		if m.inJSON {
			text = logOf(m.t, r.Value)
		}
		k := m.store.origins[i] + string(key)
		out[k] = append(out[k], text)
	}
	return out
}

// reference joins the lines of one key.
func reference(f *filter.Multiline, lines []string) (out []string) {
	rules := f.Rules()
	if rules == nil {
		return lines
	}
	s := &slot{}
	open := false
	for _, line := range lines {
		belongs, whole := false, false
		if open {
			belongs, whole = rules.Next(&s.state, []byte(line))
		}
		if belongs {
			out[len(out)-1] += "\n" + line
		} else {
			whole = rules.Begin(&s.state, []byte(line))
			out = append(out, line)
		}
		open = !whole
	}
	return out
}

var modelConfigs = []func(c *filter.MultilineConfig){
	func(c *filter.MultilineConfig) { c.Start = "^begin" },
	func(c *filter.MultilineConfig) { c.Continue = "^ " },
	func(c *filter.MultilineConfig) { c.End = "^end" },
	func(c *filter.MultilineConfig) { c.Start, c.End = "^begin", "^end" },
	func(c *filter.MultilineConfig) { c.Presets = []string{"indented"} },
	func(*filter.MultilineConfig) {},
}

// Whatever comes between whatever, and wherever it crashes: each line is in one record, which holds
// what belongs together, and the records of a key are in order.
func TestJoiningSurvivesCrashesAnywhere(t *testing.T) {
	rng := runtest.Rand(t)
	for i := range runtest.Number(t, "PENSTOCK_HISTORIES", 300) {
		m := &model{
			t: t, rng: rng, now: time.Unix(0, 0), inJSON: rng.IntN(2) == 0,
			store: &memoryStore{rng: rng, positions: map[string][]byte{}, fails: rng.IntN(2) == 0},
			lines: map[string][]record.Record{}, texts: map[string][]string{},
		}
		c := filter.DefaultMultiline()
		modelConfigs[rng.IntN(len(modelConfigs))](&c)
		c.Key = expression(t, "header.key")
		c.Partial = expression(t, "header.part == 'true'")
		if m.inJSON {
			c.Field = "log"
		}
		m.f = multiline(t, c)
		m.ways = []*filter.Multiline{m.f}
		if rng.IntN(2) == 0 {
			m.ways = []*filter.Multiline{onlyIf(t, c, "header.key == 'b'"), m.f}
		}
		m.fill(1+rng.IntN(3), 1+rng.IntN(40))
		quiet := rng.IntN(2) == 0 // what is held is taken as complete now and then
		m.run(quiet)
		got := m.results()
		for key, lines := range m.texts {
			want := reference(m.f, lines)
			have := got[key]
			if quiet { // cut anywhere between two lines; parts of a line may be cut, too
				want = []string{strings.Join(lines, "")}
				have = []string{strings.ReplaceAll(strings.Join(have, ""), "\n", "")}
			}
			if !slices.Equal(have, want) {
				t.Fatalf("history %d, %+v, %s:\ngot  %q\nwant %q", i, c.Patterns, key, have, want)
			}
		}
		for key := range m.store.positions {
			if strings.HasPrefix(key, keyPrefix) {
				t.Fatalf("history %d: %s is left behind", i, key)
			}
		}
		if m.joiner.count.Load() != 0 || m.joiner.bytes.Load() != 0 || m.store.dead != 0 {
			t.Fatalf("history %d: %d held, %d bytes; %d dead letters", i, m.joiner.count.Load(),
				m.joiner.bytes.Load(), m.store.dead)
		}
	}
}

// run reads everything, and crashes on the way.
func (m *model) run(quiet bool) {
	m.start()
	origins := slices.Sorted(maps.Keys(m.lines))
	left := func() (n int) {
		for o, lines := range m.lines {
			n += len(lines) - m.at[o]
		}
		return n
	}
	for crashes := 0; left() > 0; {
		m.now = m.now.Add(time.Millisecond)
		switch m.rng.IntN(10) {
		case 0:
			if crashes < 20 {
				crashes++
				m.store.crash()
				m.start()
			}
		case 1:
			if quiet {
				m.now = m.now.Add(time.Minute)
				m.retry(func() error { return m.joiner.end(m.t.Context(), false) })
			}
		case 2, 3:
			m.store.settle(m.rng.IntN(len(m.store.pending) + 1))
		default:
			m.read(origins[m.rng.IntN(len(origins))])
		}
	}
	m.retry(func() error { return m.joiner.end(m.t.Context(), true) })
	m.store.settle(len(m.store.pending))
}
