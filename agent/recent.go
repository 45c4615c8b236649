package agent

import (
	"context"
	"log/slog"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/penstock/penstock/agent/admin"
)

// Bounds of what is remembered of warnings and errors, in groups and in bytes of each text.
const (
	recentGroups = 50
	recentText   = 1 << 10
)

// recent remembers the latest warnings and errors, grouped by component and message. A secret that
// was replaced since is not in them, since texts are masked as they come. Safe for concurrent use.
type recent struct {
	secrets *Secrets

	mu     sync.Mutex
	groups []*admin.LogGroup
}

// watch returns a logger that does what log does, and remembers.
func (r *recent) watch(log *slog.Logger) *slog.Logger {
	return slog.New(recentHandler{Handler: log.Handler(), to: r})
}

// get returns what is remembered, the newest first.
func (r *recent) get() []admin.LogGroup {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]admin.LogGroup, len(r.groups))
	for i, g := range r.groups {
		out[i] = *g
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Last.After(out[j].Last) })
	return out
}

// add adds one to the group it belongs to; a new group takes the place of the oldest.
func (r *recent) add(g admin.LogGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := 0
	for i, old := range r.groups {
		if old.Component == g.Component && old.Message == g.Message {
			g.Count, g.First = old.Count+1, old.First
			*old = g
			return
		}
		if old.Last.Before(r.groups[oldest].Last) {
			oldest = i
		}
	}
	g.Count, g.First = 1, g.Last
	if len(r.groups) < recentGroups {
		r.groups = append(r.groups, &g)
		return
	}
	r.groups[oldest] = &g
}

// text returns what may be remembered of a text: first masked, since a part of a secret is not
// known to be one.
func (r *recent) text(s string) string {
	s = r.secrets.Mask(s)
	if len(s) <= recentText {
		return s
	}
	s = s[:recentText]
	for !utf8.ValidString(s[len(s)-min(len(s), utf8.UTFMax):]) && len(s) > recentText-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// recentHandler remembers what passes it on its way to the log.
type recentHandler struct {
	slog.Handler
	to        *recent
	component string
	inGroup   bool // names of attributes are not what they seem
}

// Enabled implements slog.Handler: what is remembered need not be logged.
func (h recentHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || h.Handler.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h recentHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		h.to.add(h.group(r))
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// group returns what is remembered of a record.
func (h recentHandler) group(r slog.Record) admin.LogGroup {
	component, why, do := h.component, "", ""
	var rest []string
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == "component" && !h.inGroup:
			component = a.Value.String()
		case a.Key == "error" && !h.inGroup:
			why = a.Value.String()
		case a.Key == "do" && !h.inGroup:
			do = a.Value.String()
		case len(rest) < 8:
			rest = append(rest, a.Key+"="+a.Value.String())
		}
		return true
	})
	level := "warning"
	if r.Level >= slog.LevelError {
		level = "error"
	}
	return admin.LogGroup{
		Component: h.to.text(component),
		Level:     level,
		Message:   h.to.text(r.Message),
		Last:      r.Time,
		Error:     h.to.text(why),
		Details:   h.to.text(strings.Join(rest, " ")),
		Do:        h.to.text(do),
	}
}

// WithAttrs implements slog.Handler.
func (h recentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "component" && !h.inGroup {
			h.component = a.Value.String()
		}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h recentHandler) WithGroup(name string) slog.Handler {
	h.inGroup = h.inGroup || name != ""
	h.Handler = h.Handler.WithGroup(name)
	return h
}
