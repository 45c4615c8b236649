package ledger

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/tally"
)

// format is that of pages. A reader refuses later ones.
const format = 1

// maxPage bounds what a damaged page can make a reader hold.
const maxPage = 64 << 20

// Page is what one pipeline of one agent knows of the records of an hour.
type Page struct {
	Format   int      `json:"format"`
	Agent    string   `json:"agent"`
	Hosts    []string `json:"hosts,omitempty"` // by which others may know it
	Pipeline string   `json:"pipeline"`
	// Which counts these are: Buffer tells the books of one buffer from those of another that is,
	// or was, in its place, and Run one start of the agent from the next, where counts do not
	// outlive it.
	Buffer  string        `json:"buffer,omitempty"`
	Run     string        `json:"run,omitempty"`
	Began   time.Time     `json:"began,omitzero"`    // of the books of Buffer, if that is known
	Started time.Time     `json:"started,omitzero"`  // of the agent
	Every   time.Duration `json:"every_ns,omitzero"` // how often it publishes
	Hour    time.Time     `json:"hour"`
	From    []End         `json:"from"`
	To      []End         `json:"to"`
	State
	// Before is the page as it was published before this one, for a reader who knows what the next
	// agent has only as of then.
	Before *State `json:"before,omitempty"`
}

// State is what changes.
type State struct {
	Published   time.Time          `json:"published"`
	Lines       []tally.Line       `json:"lines"`
	Differences []tally.Difference `json:"differences,omitempty"`
	Ranges      []Range            `json:"ranges,omitempty"`
}

// End is an input or an output of a pipeline, with what it shares with that of another agent.
type End struct {
	ID      string   `json:"id"` // output.kafka.events
	Topics  []string `json:"topics,omitempty"`
	Brokers []string `json:"brokers,omitempty"`
	Group   string   `json:"group,omitempty"`
}

func (e *End) is(typ string) bool {
	parts := strings.Split(e.ID, ".")
	return len(parts) > 1 && parts[1] == typ
}

// Range says which positions of a log are counted, and how many waited behind them.
type Range struct {
	Log     string `json:"log"` // topic/partition
	First   int64  `json:"first"`
	End     int64  `json:"end"`
	Waiting int64  `json:"waiting"` // as of then
}

const hourForm = "2006-01-02T15"

// key returns where a page is kept: hours first, so that few are listed for few hours. No two that
// count different records have the same.
func (p *Page) key(prefix string) string {
	name := p.Pipeline
	if id := cmp.Or(p.Buffer, p.Run); id != "" {
		name += "-" + id
	}
	return path.Join(hourPrefix(prefix, p.Hour), p.Agent, name+".json.gz")
}

func hourPrefix(prefix string, hour time.Time) string {
	return path.Join(strings.Trim(prefix, "/"), hour.UTC().Format(hourForm)) + "/"
}

func (p *Page) encode() ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func decode(r io.Reader) (*Page, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	p := &Page{}
	if err := json.NewDecoder(io.LimitReader(z, maxPage)).Decode(p); err != nil {
		return nil, err
	}
	if p.Format > format {
		return nil, fmt.Errorf("format %d is of a later release than this one", p.Format)
	}
	if p.Agent == "" || p.Pipeline == "" {
		return nil, errors.New("it is no page of a ledger")
	}
	return p, nil
}

// ByHour parts what an audit has found of a buffer; the hour of now is always there.
func ByHour(r tally.Report, now time.Time) map[time.Time]*State {
	out := map[time.Time]*State{now.UTC().Truncate(time.Hour): {}}
	at := func(from time.Time) *State {
		hour := from.UTC().Truncate(time.Hour)
		if out[hour] == nil {
			out[hour] = &State{}
		}
		return out[hour]
	}
	for _, l := range r.Lines {
		s := at(l.From)
		s.Lines = append(s.Lines, l)
	}
	for _, d := range r.Differences {
		s := at(d.From)
		s.Differences = append(s.Differences, d)
	}
	for _, s := range out {
		sortLines(s.Lines)
	}
	return out
}
