package cases

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/agent"
	"github.com/rogpeppe/go-internal/diff"
)

// Outcome is what came of one record that came in.
type outcome struct {
	agent.Trialed
	refused string
}

// Run runs a case. It returns what is not as expected, one text of perhaps several lines for each;
// an error means that it could not be run.
func (c *Case) Run(a *agent.Agent) ([]string, error) {
	data := []byte(strings.Join(c.Lines, "\n") + "\n")
	if c.File != "" {
		var err error
		if data, err = os.ReadFile(c.File); err != nil {
			return nil, err
		}
	}
	trials, err := a.Try(agent.Sample{
		Input: c.input, Path: c.Path, Tag: c.Tag, Key: c.Key, Time: c.at, Data: data,
		Partitions: c.Partitions, Pipeline: c.Pipeline,
	})
	if err != nil {
		return nil, err
	}
	var got []outcome
	discarded := 0
	for _, t := range trials {
		switch {
		case t.Refused != "":
			got = append(got, outcome{Trialed: t.In, refused: t.Refused})
		case len(t.Out) == 0:
			discarded++
		}
		for _, o := range t.Out {
			got = append(got, outcome{Trialed: o})
		}
	}
	var wrong []string
	for i := range max(len(got), len(c.Expect)) {
		switch {
		case i >= len(c.Expect):
			wrong = append(wrong, fmt.Sprintf("record %d was not expected: %s", i+1, got[i].text()))
		case i >= len(got):
			wrong = append(
				wrong,
				fmt.Sprintf(
					"record %d is expected (line %d) and did not come", i+1,
					c.Expect[i].Range.Start.Line,
				),
			)
		default:
			for _, w := range c.Expect[i].compare(got[i]) {
				wrong = append(wrong, fmt.Sprintf("record %d: %s", i+1, w))
			}
		}
	}
	if discarded != c.Discarded {
		wrong = append(
			wrong, fmt.Sprintf("%d records were discarded, not %d", discarded, c.Discarded),
		)
	}
	return wrong, nil
}

func (o outcome) text() string {
	if o.refused != "" {
		return fmt.Sprintf("a dead letter (%s) of %s", o.refused, o.Record.Value)
	}
	return string(o.Record.Value)
}

// dead returns why a record is a dead letter of the filters or of an output.
func (o outcome) dead() string {
	if o.refused != "" {
		return o.refused
	}
	for _, d := range o.Deliver {
		if d.Dead != "" {
			return d.Output + ": " + d.Dead
		}
	}
	return ""
}

func (e *Expect) compare(o outcome) []string {
	var wrong []string
	differ := func(what, want, got string) {
		if want != got {
			wrong = append(wrong, fmt.Sprintf("%s is %q, not %q", what, got, want))
		}
	}
	dead := o.dead()
	switch {
	case e.DeadLetter == nil && dead != "":
		wrong = append(wrong, "it goes to the dead letter: "+dead)
	case e.DeadLetter != nil && dead == "":
		wrong = append(wrong, "it does not go to the dead letter")
	case e.DeadLetter != nil && !strings.Contains(dead, *e.DeadLetter):
		wrong = append(
			wrong,
			fmt.Sprintf("it goes to the dead letter for %q, not for %q", dead, *e.DeadLetter),
		)
	}
	if e.Tag != nil {
		differ("tag", *e.Tag, o.Tag)
	}
	if e.Time != nil {
		want, err := time.Parse(time.RFC3339Nano, *e.Time)
		if got := o.Record.When(); err != nil || !got.Equal(want) {
			wrong = append(
				wrong, fmt.Sprintf("time is %q, not %q", got.Format(time.RFC3339Nano), *e.Time),
			)
		}
	}
	for name, want := range e.Headers {
		got, ok := o.Record.Header(name)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("there is no header %q", name))
			continue
		}
		differ("header "+name, want, string(got))
	}
	if e.to != nil {
		var to []string
		for _, d := range o.Deliver {
			to = append(to, d.Output)
		}
		want := slices.Clone(e.to)
		slices.Sort(to)
		slices.Sort(want)
		differ("to", strings.Join(want, ", "), strings.Join(to, ", "))
	}
	for _, a := range []struct {
		name string
		want *string
	}{{"topic", e.Topic}, {"key", e.Key}, {"index", e.Index}, {"path", e.Object}} {
		if a.want != nil {
			differ(
				map[string]string{"path": "object"}[a.name]+strings.TrimPrefix(a.name, "path"),
				*a.want, e.destination(o, a.name),
			)
		}
	}
	if e.Partition != nil {
		differ("partition", strconv.Itoa(*e.Partition), e.destination(o, "partition"))
	}
	return append(wrong, e.compareValue(o)...)
}

// destination returns what the outputs make of a name, those that have one.
func (e *Expect) destination(o outcome, name string) string {
	var all []string
	for _, d := range o.Deliver {
		for _, a := range d.Destination {
			if a[0] == name && !slices.Contains(all, a[1]) {
				all = append(all, a[1])
			}
		}
	}
	if all == nil && name == "key" {
		return string(o.Record.Key)
	}
	return strings.Join(all, ", ")
}

func (e *Expect) compareValue(o outcome) []string {
	got := parsed(o.Record.Value)
	var want any
	switch {
	case e.Value != nil:
		v, err := jsonOf(*e.Value)
		if err != nil {
			return []string{"value: " + err.Error()}
		}
		if text, ok := v.(string); ok {
			v = parsed([]byte(text))
		}
		want = v
	case e.Fields != nil:
		v, err := jsonOf(*e.Fields)
		if err != nil {
			return []string{"fields: " + err.Error()}
		}
		want, got = v, only(got, v)
	default:
		return nil
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	// Without the four lines that name the files and the place.
	lines := strings.SplitN(string(diff.Diff("", pretty(want), "", pretty(got))), "\n", 5)
	return []string{"the value is another (- expected, + came):\n" + lines[len(lines)-1]}
}

// parsed returns JSON as what it is, and all else as text.
func parsed(value []byte) any {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return string(value)
	}
	return v
}

// only leaves those fields of got that want has.
func only(got, want any) any {
	g, okG := got.(map[string]any)
	w, okW := want.(map[string]any)
	if !okG || !okW {
		return got
	}
	out := map[string]any{}
	for name, v := range w {
		if has, ok := g[name]; ok {
			out[name] = only(has, v)
		}
	}
	return out
}

func pretty(v any) []byte {
	if s, ok := v.(string); ok {
		return []byte(s + "\n")
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Appendln(nil, v)
	}
	return append(out, '\n')
}
