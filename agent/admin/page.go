package admin

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/metrics"
	"github.com/penstock/penstock/agent/state"
)

//go:embed web
var web embed.FS

// pages is compiled once, and never changed.
var pages = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"size":     size,
	"count":    count,
	"many":     func(n int64, one, more string) string { return state.Count(n, one, more) },
	"int64":    func(n int) int64 { return int64(n) },
	"number":   func(n int64) string { return state.Number(n) },
	"number64": func(n int) string { return state.Number(int64(n)) },
	"others":   others,
	"cuts":     cutsInShort,
	"restOfFiles": func(c Component) string {
		if c.FilesBehind > len(c.Files) {
			return "files, of which less is not read"
		}
		return "files, which are read to the end"
	},
	"rate":    func(r float64) string { return state.Number(int64(r)) },
	"ago":     func(t time.Time) string { return state.Duration(time.Since(t)) },
	"dur":     state.Duration,
	"plain":   state.Plain,
	"percent": func(f float64) string { return fmt.Sprintf("%.0f%%", min(max(f, 0), 1)*100) },
	"words":   state.Words,
	"mark":    mark,
	"title":   title,
	"spoken":  announcement,
	"figures": figures,
	"inputEdge": func(s state.InputState) string {
		var lag string
		if b := s.Behind; s.Lag > 0 {
			lag = size(s.Lag) + " not read"
		} else if b != nil && b.Records > 0 {
			lag = state.Number(b.Records) + " not read"
		}
		return edge(s.Level, s.Kind, s.Rate, lag)
	},
	"outputEdge": func(s state.OutputState) string {
		var lag string
		if s.Waiting > 0 {
			lag = state.Number(s.Waiting) + " wait"
		}
		return edge(s.Level, s.Kind, s.Rate, lag)
	},
	"problems": func(v view) []state.Problem { return v.Problems() },
	"pair": func(p Pipeline, c Component) any {
		return struct {
			P Pipeline
			C Component
		}{p, c}
	},
	"inputState": func(p Pipeline, id string) state.InputState {
		for _, s := range p.Now.Inputs {
			if s.ID == id {
				return s
			}
		}
		return state.InputState{ID: id, Kind: p.State, Level: levelOf(p)}
	},
	"outputState": func(p Pipeline, id string) state.OutputState {
		for _, s := range p.Now.Outputs {
			if s.ID == id {
				return s
			}
		}
		return state.OutputState{ID: id, Kind: p.State, Level: levelOf(p)}
	},
}).ParseFS(web, "web/page.html"))

// page is what the whole page is made of.
type page struct {
	View   view
	Config Configuration
}

// view is what the part of it is made of that changes all the time.
type view struct {
	Status
	Pprof bool
}

// levelOf is that of a component of which no more is known than how its pipeline is.
func levelOf(p Pipeline) state.Level {
	switch p.State {
	case "running":
		return state.OK
	case "failed":
		return state.Critical
	}
	return state.Notice
}

// mark is a sign for a level, for those who do not see its colour.
func mark(l state.Level) string {
	return [...]string{"✓", "→", "!", "✖"}[min(max(l, state.OK), state.Critical)]
}

// edge is what the drawing says of a way of records, in lines.
func edge(l state.Level, kind string, rate float64, lag string) string {
	lines := []string{mark(l) + " " + state.Words(kind)}
	if rate >= 1 {
		lines = append(lines, state.Number(int64(rate))+" a second")
	}
	if lag != "" {
		lines = append(lines, lag)
	}
	return strings.Join(lines, "\n")
}

// title is that of the window: what can be read in a row of tabs.
func title(v view) string {
	text := "penstock " + v.Agent
	if v.Level > state.OK {
		text = mark(v.Level) + " " + v.Level.String() + ": " + text
	}
	return text
}

// announcement is what a screen reader says when it changes: no numbers, which always do.
func announcement(v view) string {
	var parts []string
	for _, pr := range v.Problems() {
		if pr.Level > state.Notice {
			parts = append(parts, pr.Level.String()+": "+pr.Component+" "+state.Words(pr.Kind))
		}
	}
	if parts == nil {
		return "All is well."
	}
	return strings.Join(parts, ". ") + "."
}

// others says how many more there are than are listed, and what they are; "" if there are none.
func others(all, listed int, what string) string {
	if all <= listed {
		return ""
	}
	return state.Number(int64(all-listed)) + " other " + what
}

// cutsInShort sums up what an archive has.
func cutsInShort(all []Cut) string {
	var filling, storing int64
	var stored time.Time
	for _, c := range all {
		filling, storing = filling+c.Records, storing+c.Storing
		if c.Stored.After(stored) {
			stored = c.Stored
		}
	}
	text := state.Count(filling, "record is", "records are") + " being collected"
	if storing > 0 {
		text += ", " + state.Count(storing, "is", "are") + " being stored"
	}
	if stored.IsZero() {
		return text + ", none was stored since the start"
	}
	return text + ", the last cut was stored " + state.Duration(time.Since(stored)) + " ago"
}

// row is a figure of a component in words: one value, or one for each of what it is told by.
type row struct {
	What   string
	Values []string
}

// figures shows metrics by what they mean.
func figures(conditions map[string]float64) []row {
	var out []row
	now := time.Now()
	for _, k := range slices.Sorted(maps.Keys(conditions)) {
		if conditions[k] == 0 {
			continue
		}
		name, labels, _ := strings.Cut(k, "{")
		what := state.Words(name)
		if m, ok := metrics.Find("penstock_" + name); ok {
			what = strings.TrimSuffix(m.Help, ".")
		}
		value := figure(k, conditions[k], now)
		if says := inWords(strings.TrimSuffix(labels, "}")); says != "" {
			value += " (" + says + ")"
		}
		if last := len(out) - 1; last >= 0 && out[last].What == what {
			out[last].Values = append(out[last].Values, value)
			continue
		}
		out = append(out, row{what, []string{value}})
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(a.What, b.What) })
	return out
}

// inWords says labels in words, but for those that say nothing.
func inWords(labels string) string {
	var says []string
	for label := range strings.SplitSeq(labels, ",") {
		if name, value, _ := strings.Cut(label, "="); value != "" {
			says = append(says, state.Words(name)+": "+value)
		}
	}
	return strings.Join(says, ", ")
}

func writePage(w http.ResponseWriter, p page, log *slog.Logger) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pages.Execute(w, p); err != nil {
		log.Debug("writing the status page", "error", err)
	}
}

// eventsEvery is how often the page of a viewer is looked at.
const eventsEvery = time.Second

// serveEvents sends the changing part of the page whenever it has changed, and the configuration
// when it has been loaded, until the viewer leaves.
func serveEvents(w http.ResponseWriter, r *http.Request, agent Agent, pprof bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	tick := time.NewTicker(eventsEvery)
	defer tick.Stop()
	var last, lastFoot string
	var loaded time.Time
	for {
		status := agent.Status()
		now, err := render("now", view{status, pprof})
		if err != nil {
			return
		}
		text := "event: alive\ndata: 1\n\n" // a viewer of an agent that hangs hears nothing
		if now != last {
			last, text = now, event("now", now)
		}
		foot, err := render("foot", view{status, pprof})
		if err != nil {
			return
		}
		if foot != lastFoot {
			lastFoot = foot
			text += event("foot", foot)
		}
		if !status.Loaded.Equal(loaded) {
			loaded = status.Loaded
			config, err := render("config", agent.Configuration())
			if err != nil {
				return
			}
			text += event("config", config)
		}
		if _, err := fmt.Fprint(w, text); err != nil || rc.Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func render(part string, data any) (string, error) {
	var b strings.Builder
	err := pages.ExecuteTemplate(&b, part, data)
	return b.String(), err
}

// event writes a part of the page as an event, on one line.
func event(name, html string) string {
	data, _ := json.Marshal(html) // a text always can be
	return fmt.Sprintf("event: %s\ndata: %s\n\n", name, data)
}

// serveAsset serves a file of the page.
func serveAsset(name, kind string) http.HandlerFunc {
	data, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(data) // a viewer that is gone
	}
}

func size(v any) string {
	var n float64
	switch v := v.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	}
	return state.Size(n)
}

// figure shows the value of a metric by the unit that its name ends in.
func figure(name string, v float64, now time.Time) string {
	name, _, _ = strings.Cut(name, "{")
	name = strings.TrimSuffix(name, "_total")
	switch {
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return state.Duration(now.Sub(time.UnixMilli(int64(v*1e3)))) + " ago"
	case strings.HasSuffix(name, "_bytes"):
		return size(v)
	case strings.HasSuffix(name, "_seconds"):
		return state.Duration(time.Duration(v * 1e9))
	}
	return count(v)
}

func count(n float64) string {
	if n == float64(int64(n)) {
		return state.Number(int64(n))
	}
	return fmt.Sprintf("%.3g", n)
}
