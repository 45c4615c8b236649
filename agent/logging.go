package agent

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/penstock/penstock/agent/admin"
	"github.com/penstock/penstock/agent/config"
)

// NewLogger returns a logger that writes text or JSON lines to w and keeps secrets out of them.
func NewLogger(w io.Writer, json bool, level slog.Leveler, secrets *Secrets) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	w = &maskingWriter{w, secrets}
	if json {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// Secrets is what must not stand in anything that a person reads: long enough values of attributes
// that are secret. A nil Secrets knows none. Safe for concurrent use.
type Secrets struct {
	mu     sync.Mutex
	values []string
}

// Set replaces the values. Those of less than eight characters are left to the components, since
// they occur in other words.
func (s *Secrets) Set(values []string) { s.change(nil, values) }

// Add adds values to those there are.
func (s *Secrets) Add(values []string) {
	s.mu.Lock()
	old := s.values
	s.mu.Unlock()
	s.change(old, values)
}

func (s *Secrets) change(old, values []string) {
	now := slices.Clone(old)
	for _, v := range values {
		if len(v) >= 8 && !slices.Contains(now, v) {
			now = append(now, v)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = now
}

// Mask returns text without the values, and without what is secret in URLs.
func (s *Secrets) Mask(text string) string { return config.RedactURLs(s.hide(text, "***")) }

// hide puts mark in the place of each of the values.
func (s *Secrets) hide(text, mark string) string {
	if s == nil {
		return text
	}
	s.mu.Lock()
	values := s.values
	s.mu.Unlock()
	for _, v := range values {
		text = strings.ReplaceAll(text, v, mark)
	}
	return text
}

type maskingWriter struct {
	w       io.Writer
	secrets *Secrets
}

func (m *maskingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(m.w, m.secrets.Mask(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// lastLine remembers the last warning or error that a component has logged, for the status page.
// A secret that was replaced since is not in it, since it is masked as it comes.
type lastLine struct {
	secrets *Secrets

	mu   sync.Mutex
	line *admin.Line
}

func (l *lastLine) get() *admin.Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.line
}

type captureHandler struct {
	slog.Handler
	last *lastLine
}

// componentLog returns a logger that carries the component's name, and where its last warning can
// be read.
func componentLog(base *slog.Logger, secrets *Secrets, id string) (*slog.Logger, *lastLine) {
	last := &lastLine{secrets: secrets}
	return slog.New(captureHandler{base.Handler(), last}).With("component", id), last
}

func (h captureHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		text := r.Message
		r.Attrs(func(a slog.Attr) bool {
			text += " " + a.Key + "=" + a.Value.String()
			return true
		})
		text = h.last.secrets.Mask(text)
		h.last.mu.Lock()
		h.last.line = &admin.Line{Time: r.Time, Level: r.Level.String(), Text: text}
		h.last.mu.Unlock()
	}
	return h.Handler.Handle(ctx, r)
}

func (h captureHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return captureHandler{h.Handler.WithAttrs(attrs), h.last}
}

func (h captureHandler) WithGroup(name string) slog.Handler {
	return captureHandler{h.Handler.WithGroup(name), h.last}
}
