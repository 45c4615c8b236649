package preflight

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Checker is implemented by the configurations of components that have something to look at.
type Checker interface {
	// Preflight looks at what the component would talk to, and reports it. It delivers nothing,
	// takes nothing and changes nothing, but what Env.Write allows; it closes what it opens, and
	// returns soon after ctx has ended.
	Preflight(ctx context.Context, env Env, r *Report)
}

// Env is what a Checker is lent. All fields are set but Pipelines, of outputs that hold what others
// refer to.
type Env struct {
	Name      string // "output.kafka.events"
	Agent     string // this agent's name
	Pipelines []string
	Log       *slog.Logger
	Metrics   prometheus.Registerer // for this look alone
	Holds     bool                  // of a store: overflow or dead letters, which are deleted
	Write     bool                  // a small object may be put, and deleted again
}

// Level is how grave a finding is.
type Level uint8

// The levels.
const (
	OK      Level = iota
	Warning       // it will run, and something is not as it should be
	Failed        // it will not do its work
)

func (l Level) String() string { return [...]string{"ok", "warning", "failed"}[l] }

// Finding is one thing that was looked at.
type Finding struct {
	Level  Level
	Target string // what was looked at: "broker kafka-1:9092"
	Text   string
	Do     string // what to do; "" if nothing is to be done
}

// Report collects findings. Safe for concurrent use.
type Report struct {
	mu  sync.Mutex
	all []Finding
}

// OK reports what is as it should be.
func (r *Report) OK(target, format string, args ...any) {
	r.add(Finding{Target: target, Text: fmt.Sprintf(format, args...)})
}

// Warn reports what is not as it should be, and what to do.
func (r *Report) Warn(target, do, format string, args ...any) {
	r.add(Finding{Level: Warning, Target: target, Text: fmt.Sprintf(format, args...), Do: do})
}

// Fail reports what does not work, and what to do.
func (r *Report) Fail(target, do, format string, args ...any) {
	r.add(Finding{Level: Failed, Target: target, Text: fmt.Sprintf(format, args...), Do: do})
}

// Unreachable reports a destination that cannot be reached, and what to do by what err is.
func (r *Report) Unreachable(target string, err error) { r.Fail(target, Advice(err), "%v", Plain(err)) }

func (r *Report) add(f Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, f)
}

// Findings returns what was reported by now, in that order.
func (r *Report) Findings() []Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Finding(nil), r.all...)
}
