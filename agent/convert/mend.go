package convert

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/convert/draft"
)

// instead is what stands in for attributes without which a component is none, or for a port that is
// taken.
var instead = map[string]draft.Value{
	"input.tail.paths":          `["/var/log/CHANGE-ME.log"]`,
	"input.tcp.listen":          `"127.0.0.1:5170"`,
	"input.udp.listen":          `"127.0.0.1:5170"`,
	"input.forward.listen":      `"127.0.0.1:5170"`,
	"input.http.listen":         `"127.0.0.1:5170"`,
	"input.syslog.listen":       `["udp://127.0.0.1:5140"]`,
	"input.kafka.brokers":       `["CHANGE-ME:9092"]`,
	"input.kafka.topics":        `["CHANGE-ME"]`,
	"output.kafka.brokers":      `["CHANGE-ME:9092"]`,
	"output.kafka.topic":        `"CHANGE-ME"`,
	"output.elasticsearch.urls": `["http://CHANGE-ME:9200"]`,
	"output.http.url":           `"http://CHANGE-ME/"`,
	"output.file.path":          `"/var/log/CHANGE-ME.log"`,
	"output.local.directory":    `"/var/lib/CHANGE-ME"`,
	"output.s3.bucket":          `"CHANGE-ME"`,
	"output.gcs.bucket":         `"CHANGE-ME"`,
}

// mend takes out of a draft what penstock refuses, and says so, so that the result can be run by
// whoever has read what is missing. What depends on the machine is left as it is.
func mend(d *draft.Draft) error {
	dir, err := os.MkdirTemp("", "penstock-convert-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck
	m := &mender{draft: d, file: filepath.Join(dir, "penstock.hcl"), dir: dir}
	for range 200 { // each round mends something
		again, err := m.round()
		if err != nil || !again {
			return err
		}
	}
	return nil
}

type mender struct {
	draft     *draft.Draft
	dir, file string
	elsewhere []*draft.Spot // blocks and attributes that name files of another machine
}

// round mends the first thing that can be, and reports whether there was one.
func (m *mender) round() (bool, error) {
	lines := strings.Split(string(m.draft.Bytes()), "\n")
	for _, spot := range m.elsewhere {
		top := m.draft.Top(spot.Block)
		if top == nil { // it was taken out
			continue
		}
		spot.Blank(lines)
		if listen := m.draft.Attribute(top, "listen"); listen != nil && spot.Block.Kind() == "tls" {
			listen.Replace(lines, `"tls://`, `"tcp://`) // which needs no certificate
		}
	}
	if err := os.WriteFile(m.file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		return false, err
	}
	for _, elsewhere := range []bool{false, true} {
		for _, mistake := range m.mistakes(elsewhere) {
			if m.problem(mistake, elsewhere) {
				return true, nil
			}
		}
	}
	return false, nil
}

// mistakes returns what is refused where every variable of the environment is set to its name, or
// elsewhere, where none is, so that only what is written is judged.
func (m *mender) mistakes(elsewhere bool) []string {
	_, report := config.Load(
		[]string{m.file}, agent.Components().Config(), config.Options{
			DataDir: m.dir, Elsewhere: elsewhere,
			Env: func(name string) (string, bool) { return name, !elsewhere },
		},
	)
	out := report.Lines(false)
	made, err := agent.New(
		report.ValidSubset(),
		agent.Options{Catalogue: agent.Components(), Log: slog.New(slog.DiscardHandler)},
	)
	if err == nil {
		err = made.Discard()
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range many.Unwrap() {
			out = append(out, err.Error())
		}
	} else if err != nil {
		out = append(out, err.Error())
	}
	return out
}

var (
	placed = regexp.MustCompile(`^\S*penstock\.hcl:(\d+):\d+: (?s:(.*))$`)
	named  = regexp.MustCompile(`^((?:input|output|filter)\.\w+\.[\w-]+|pipeline\.[\w-]+): `)
)

// problem mends what a line of the report tells, if it can. elsewhere says that no value is of the
// environment.
func (m *mender) problem(line string, elsewhere bool) bool {
	why, spot := line, (*draft.Spot)(nil)
	if at := placed.FindStringSubmatch(line); at != nil {
		n, _ := strconv.Atoi(at[1])
		why, spot = at[2], m.draft.Spot(n)
	} else if at := named.FindStringSubmatch(line); at != nil {
		if b := m.draft.Component(at[1]); b != nil {
			spot = &draft.Spot{Block: b}
		}
	}
	if strings.Contains(why, "no such file") || strings.Contains(why, "permission denied") {
		return m.setAside(spot)
	}
	why = named.ReplaceAllString(why, "")
	why, _, _ = strings.Cut(strings.Join(strings.Fields(why), " "), ": Add ")
	why = "it is refused: " + why
	switch {
	case spot == nil:
		return m.noPipeline(why)
	case spot.Attr == "":
		if of := m.mentioned(spot.Block, why); of != nil {
			return m.attribute(of, why)
		}
		return m.block(spot, why)
	case machines.MatchString(string(spot.Value())) && !elsewhere:
		return false
	}
	return m.attribute(spot, why)
}

var secret = regexp.MustCompile(`passw|secret|token|shared_key|access_key|credential`)

// setAside leaves out of what is looked at what depends on a file, so that the rest is looked at.
func (m *mender) setAside(spot *draft.Spot) bool {
	if spot == nil || spot.Attr == "" {
		return false
	}
	if spot.Block != m.draft.Top(spot.Block) {
		spot = &draft.Spot{Block: spot.Block}
	}
	m.elsewhere = append(m.elsewhere, spot)
	return true
}

// machines is what an expression has of the machine that it is evaluated on.
var machines = regexp.MustCompile(`\b(?:env|file)\(`)

func (m *mender) lost(b *draft.Block, spot *draft.Spot, what, why string) {
	m.draft.Lost(b, spot.Place(), what, why)
}

func (m *mender) attribute(spot *draft.Spot, why string) bool {
	b, attr, value := spot.Block, spot.Attr, spot.Value()
	top := m.draft.Top(b)
	if strings.Contains(why, " is taken by ") {
		return m.block(&draft.Spot{Block: top}, why)
	}
	if refs := value.Refs(); slices.Contains([]string{"from", "to", "filter", "otherwise"}, attr) &&
		top.Kind() == "pipeline" {
		left := slices.DeleteFunc(slices.Clone(refs), func(r string) bool {
			return m.draft.Component(r) == nil
		})
		if len(left) == len(refs) && len(refs) > 0 {
			left = left[:len(left)-1]
		}
		b.SetRefs(attr, left)
		m.lost(top, spot, string(value), why)
		return true
	}
	what := attr + " = " + string(value)
	if secret.MatchString(attr) {
		what = attr
	}
	if v := instead[top.Kind()+"."+top.TypeOr("")+"."+attr]; v != "" && b == top && v != value {
		b.Set(attr, v)
	} else {
		b.Unset(attr)
	}
	m.lost(b, spot, what, why)
	return true
}

var word = regexp.MustCompile(`[a-z][a-z0-9_]+`)

// mentioned returns the attribute of an input or output that a problem is about, so that it alone
// is taken out.
func (m *mender) mentioned(b *draft.Block, why string) *draft.Spot {
	if top := m.draft.Top(b); b != top || b.Kind() != "input" && b.Kind() != "output" {
		return nil
	}
	for _, name := range word.FindAllString(why, -1) {
		spot := m.draft.Attribute(b, name)
		if spot != nil && instead[b.Kind()+"."+b.TypeOr("")+"."+name] == "" {
			return spot
		}
	}
	return nil
}

func (m *mender) block(spot *draft.Spot, why string) bool {
	b := spot.Block
	top := m.draft.Top(b)
	of := top.Kind() + "." + top.TypeOr("") + "."
	for _, attr := range slices.Sorted(maps.Keys(instead)) {
		name, isOf := strings.CutPrefix(attr, of)
		if b == top && isOf && b.Get(name) == "" && strings.Contains(why, strconv.Quote(name)) {
			b.Set(name, instead[attr])
			m.lost(b, spot, string(b.Ref())+"."+name, why)
			return true
		}
	}
	switch {
	case b != top:
		m.draft.Remove(b, top)
		m.lost(top, spot, b.Kind(), why)
	case b.Kind() == "pipeline" && b.Get("from") == "":
		in := m.draft.Add("input", "stdin", m.draft.Name("input", "stdin", "nothing"))
		b.Set("from", draft.List(in.Ref()))
		m.lost(b, spot, "the input of a pipeline", why)
	case b.Kind() == "pipeline" && !b.Leads():
		out := m.draft.Add("output", "stdout", m.draft.Name("output", "stdout", "nothing"))
		b.Set("to", draft.List(out.Ref()))
		m.lost(b, spot, "the output of a pipeline", why)
	case b.Kind() == "agent":
		return false
	default:
		to := m.draft.Blocks("agent")[0]
		for _, p := range m.draft.Blocks("pipeline") {
			if p != b && p.Refers(string(b.Ref())) {
				to = p
			}
		}
		m.draft.Remove(b, to)
		m.lost(to, spot, string(b.Ref()), why)
	}
	return true
}

// noPipeline adds one to a draft that has none.
func (m *mender) noPipeline(why string) bool {
	if len(m.draft.Blocks("pipeline")) > 0 {
		return false
	}
	in := m.draft.Add("input", "stdin", m.draft.Name("input", "stdin", "nothing"))
	out := m.draft.Add("output", "stdout", m.draft.Name("output", "stdout", "nothing"))
	p := m.draft.Add("pipeline", "main")
	p.Set("from", draft.List(in.Ref()))
	p.Set("to", draft.List(out.Ref()))
	m.draft.Lost(p, draft.Place{}, "the pipeline", why)
	return true
}
