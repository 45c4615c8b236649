package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Agent is what the server shows. Safe for concurrent use.
type Agent interface {
	prometheus.Gatherer
	Status() Status
	// Configuration returns the files that the agent runs with, as they may be shown.
	Configuration() Configuration
	// Ready reports whether the agent takes and moves data as configured, or why it does not.
	Ready() (bool, []string)
	// States returns how its pipelines are.
	States() []state.PipelineState
	// Own returns what is amiss with the agent itself.
	Own() []state.Problem
	// Tap returns the tap of a pipeline, an input or an output, or nil if there is none of that
	// name.
	Tap(of string) *Tap
	// Condition returns what leaves of a batch the records for which an expression holds: nil if it
	// is none.
	Condition(expression string) (func(*record.Batch) *record.Batch, error)
	// Audit accounts for what was read since then.
	Audit(since time.Time) tally.Report
}

// Server is a running admin server. A nil Server is one that is turned off.
type Server struct {
	http         []*http.Server // of the address, and of the socket beside it
	addr, socket string
	end          context.CancelFunc
	running      sync.WaitGroup
}

// Options says where and what the server serves.
type Options struct {
	Listen string // host:port or unix:///path; "" turns it off
	Socket string // the path of a unix socket beside it; "" for none
	Mode   string // of the unix socket, in octal
	Group  string // of the unix socket; "" for the process's own

	Token     string // of who may do everything
	ReadToken string // of who may read
	// what others may do: one of the Anonymous words, or "" for everything where only this host
	// reaches the server and there is no token, and nothing elsewhere
	Anonymous string
	// nil for none; who has a certificate of its client_ca_file may do everything
	TLS *tlsconf.Server

	// names by which it may be addressed, beside those that are known to be its own; *.NAME and *
	// stand for several
	AllowedHosts []string
	Pprof        bool     // serve profiles
	NotReady     []string // the kinds of problems with which the agent is not ready
}

// Start listens and serves until Close.
func Start(o Options, agent Agent, log *slog.Logger) (*Server, error) {
	if o.Listen == "" {
		return nil, nil
	}
	l, err := listen(o, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{addr: addressOf(l), end: cancel}
	s.serve(ctx, l, Handler(o, agent, log), log)
	if o.Socket != "" {
		s.addSocket(ctx, o, agent, log)
	}
	return s, nil
}

func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) {
	srv := &http.Server{
		Handler:           patient(h, writeTimeout),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.http = append(s.http, srv)
	s.running.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin server has ended", "error", err)
		}
	})
}

// Addr returns the address it listens on, or "off".
func (s *Server) Addr() string {
	if s == nil {
		return "off"
	}
	return s.addr
}

// Socket returns the path of the socket beside that address; "" if there is none.
func (s *Server) Socket() string {
	if s == nil {
		return ""
	}
	return s.socket
}

// Close ends all requests.
func (s *Server) Close() {
	if s == nil {
		return
	}
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, srv := range s.http {
		if srv.Shutdown(ctx) != nil {
			srv.Close()
		}
	}
	s.running.Wait()
}

// Handler returns the pages.
func Handler(o Options, agent Agent, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(
		"GET /{$}",
		func(w http.ResponseWriter, r *http.Request) {
			writePage(w, page{view{agent.Status(), o.Pprof}, agent.Configuration()}, log)
		},
	)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		serveEvents(w, r, agent, o.Pprof)
	})
	mux.HandleFunc("GET /page.js", serveAsset("page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /style.css", serveAsset("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc(
		"GET /api/status",
		func(w http.ResponseWriter, r *http.Request) { serveStatus(w, agent, log) },
	)
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, r *http.Request) { serveConfig(w, agent) })
	mux.HandleFunc(
		"GET /api/config",
		func(w http.ResponseWriter, r *http.Request) { serveConfigJSON(w, agent, log) },
	)
	mux.HandleFunc(
		"GET /api/audit",
		func(w http.ResponseWriter, r *http.Request) { serveAudit(w, r, agent, log) },
	)
	mux.HandleFunc(
		"GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") },
	)
	mux.HandleFunc(
		"GET /readyz", func(w http.ResponseWriter, r *http.Request) { serveReady(w, agent) },
	)
	// One component's faulty metric must not take the others' away.
	mux.Handle("GET /metrics", promhttp.HandlerFor(agent, promhttp.HandlerOpts{
		ErrorHandling:     promhttp.ContinueOnError,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		EnableOpenMetrics: true,
	}))
	mux.HandleFunc(
		"GET /metrics.json",
		func(w http.ResponseWriter, r *http.Request) { serveMetricsJSON(w, agent, log) },
	)
	mux.HandleFunc(
		"GET /tap", func(w http.ResponseWriter, r *http.Request) { serveTap(w, r, agent) },
	)
	if d, ok := agent.(DeadLetterer); ok {
		mux.HandleFunc("GET /api/dead-letters", func(w http.ResponseWriter, r *http.Request) {
			serveDeadLetters(w, r, d, log)
		})
		mux.HandleFunc("GET /dead-letters", func(w http.ResponseWriter, r *http.Request) {
			serveLetters(w, r, d)
		})
		handleCommand(mux, "dead-letters/replay", func(r *http.Request) (string, error) {
			f, err := FilterOf(r.URL.Query())
			if err != nil {
				return "", err
			}
			return d.ReplayDeadLetters(r.Context(), r.URL.Query().Get("output"), &f)
		})
	}
	if c, ok := agent.(Commander); ok {
		handleCommands(mux, c)
	}
	if o.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return newHosts(o.Listen, o.AllowedHosts).guard(newAccess(o).guard(mux))
}

func serveStatus(w http.ResponseWriter, agent Agent, log *slog.Logger) {
	writeJSON(w, agent.Status(), log, "the status")
}

// writeJSON writes what is called so.
func writeJSON(w http.ResponseWriter, v any, log *slog.Logger, what string) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		log.Debug("writing "+what, "error", err)
	}
}

func serveReady(w http.ResponseWriter, agent Agent) {
	ready, reasons := agent.Ready()
	var text strings.Builder
	if ready {
		fmt.Fprintln(&text, "ready")
	} else {
		fmt.Fprintln(&text, "not ready: "+strings.Join(reasons, "; "))
	}
	problems := agent.Own()
	for _, p := range agent.States() {
		problems = append(problems, state.Shown(p.Problems)...)
	}
	for _, pr := range problems {
		fmt.Fprintf(
			&text, "%s: %s: %s %s\n", pr.Level, state.Words(pr.Kind), pr.Component, pr.Text,
		)
	}
	if !ready {
		http.Error(w, strings.TrimSuffix(text.String(), "\n"), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprint(w, text.String())
}
