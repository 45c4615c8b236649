package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
)

const (
	// tapTell is how often a viewer is told what it has missed.
	tapTell = time.Second
	// tapValue is how much of a value is shown.
	tapValue = 4 << 10
)

// tapRequest says what a viewer wants to see.
type tapRequest struct {
	tap  *Tap
	left int     // records; -1 for no end
	rate float64 // records a second at most; 0 for no bound
	tag  string  // a glob; "" for all
	keep func(*record.Batch) *record.Batch
}

// newTapRequest reads a request: of=, or pipeline=, and n=, rate=, tag= and where=.
func newTapRequest(r *http.Request, agent Agent) (t tapRequest, status int, err error) {
	q := r.URL.Query()
	name := q.Get("of")
	if name == "" {
		name = q.Get("pipeline")
	}
	if t.tap = agent.Tap(name); t.tap == nil {
		return t, http.StatusNotFound, fmt.Errorf(
			"there is no pipeline, input or output %q: there are %s", name,
			strings.Join(tapped(agent), ", "),
		)
	}
	t.left = -1
	if text := q.Get("n"); text != "" {
		if t.left, err = strconv.Atoi(text); err != nil || t.left < 1 {
			return t, http.StatusBadRequest, errors.New("n must be a number above 0")
		}
	}
	if text := q.Get("rate"); text != "" {
		if t.rate, err = strconv.ParseFloat(text, 64); err != nil || !(t.rate >= 0) {
			return t, http.StatusBadRequest, errors.New("rate must be a number, of records a second")
		}
	}
	t.tag = q.Get("tag")
	if _, err := path.Match(t.tag, ""); err != nil {
		return t, http.StatusBadRequest, fmt.Errorf("tag %q: %w", t.tag, err)
	}
	if text := q.Get("where"); text != "" {
		if t.keep, err = agent.Condition(text); err != nil {
			return t, http.StatusBadRequest, fmt.Errorf("where: %w", err)
		}
	}
	return t, http.StatusOK, nil
}

// narrow returns what of b is wanted, or nil.
func (t *tapRequest) narrow(b *record.Batch) *record.Batch {
	if t.tag != "" {
		if ok, _ := path.Match(t.tag, b.Tag); !ok {
			return nil
		}
	}
	if t.keep != nil {
		return t.keep(b)
	}
	return b
}

// pace lets through at most rate records a second, and as many at once.
type pace struct {
	rate, tokens float64
	last         time.Time
}

func (p *pace) allows(now time.Time) bool {
	if p.rate == 0 {
		return true
	}
	burst := max(p.rate, 1)
	if p.last.IsZero() {
		p.tokens = burst
	} else {
		p.tokens = min(burst, p.tokens+p.rate*now.Sub(p.last).Seconds())
	}
	p.last = now
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}

// serveTap streams records until the client leaves, or as many as were asked for have been shown.
func serveTap(w http.ResponseWriter, r *http.Request, agent Agent) {
	t, status, err := newTapRequest(r, agent)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	viewer, leave := t.tap.Watch()
	defer leave()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	if rc.Flush() != nil {
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	paced := pace{rate: t.rate}
	told, passed := int64(0), int64(0)
	tellMissed := func() error {
		if d := viewer.Dropped() + passed; d > told {
			missed := tapDropped{d - told}
			told = d
			return enc.Encode(missed)
		}
		return nil
	}
	missed := time.NewTicker(tapTell)
	defer missed.Stop()
	for t.left != 0 {
		var b *record.Batch
		select {
		case b = <-viewer.C:
			if b = t.narrow(b); b == nil {
				continue
			}
		case <-missed.C:
		case <-r.Context().Done():
			return
		}
		if b == nil {
			if tellMissed() != nil || rc.Flush() != nil {
				return
			}
			continue
		}
		records, err := b.Records()
		if err != nil {
			continue
		}
		for rec := range records {
			if t.left == 0 {
				break
			}
			if !paced.allows(time.Now()) {
				passed++
				continue
			}
			t.left--
			if enc.Encode(newTapRecord(b, rec)) != nil {
				return
			}
		}
		if t.left == 0 && tellMissed() != nil || rc.Flush() != nil {
			return
		}
	}
}

// tapped returns the names of all that can be tapped.
func tapped(agent Agent) (names []string) {
	for _, p := range agent.States() {
		names = append(names, p.Name)
		for _, in := range p.Inputs {
			names = append(names, in.ID)
		}
		for _, o := range p.Outputs {
			names = append(names, o.ID)
		}
	}
	return names
}
