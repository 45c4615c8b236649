package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/prometheus/client_golang/prometheus"
)

// Watcher knows the pods of a node while Run runs, and what it knew after that.
type Watcher struct {
	cfg    Config
	client *client
	log    *slog.Logger
	table  *table
	tell   func(server string, err error, do string) // err is nil once it answers again
	retry  time.Duration
	now    func() time.Time

	errors    *prometheus.CounterVec
	connected prometheus.Gauge
	pods      prometheus.GaugeFunc

	// of Run alone
	version string // that the watch goes on from; "" after it has expired
	known   bool   // version is that of what is in the table
	failing bool
	since   time.Time // when the watch was answered; zero while none is
}

// New returns a watcher that has asked nothing yet. tell is called from Run when the API server
// does not answer, with what to do about it, and when it does again.
func New(
	cfg Config, log *slog.Logger, reg prometheus.Registerer,
	tell func(server string, err error, do string),
) (*Watcher, error) {
	client, err := newClient(&cfg, log)
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		cfg: cfg, client: client, log: log, table: newTable(), tell: tell,
		retry: 500 * time.Millisecond, now: time.Now, version: "0",
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "penstock_kubernetes_errors_total",
			Help: "Failures to list or watch the node's pods, by reason; all are retried.",
		}, []string{"reason"}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "penstock_kubernetes_connected",
			Help: "1 while the API server tells of the node's pods.",
		}),
	}
	w.pods = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "penstock_kubernetes_pods",
		Help: "Pods of the node that are known, without those deleted.",
	}, func() float64 { return float64(w.table.live()) })
	reg.MustRegister(w.errors, w.connected, w.pods)
	return w, nil
}

// Pod returns what is known of a pod, which may be deleted by now: that of uid or, where that is
// empty, of the name. nil if nothing is known. Safe for concurrent use, and for each batch.
func (w *Watcher) Pod(uid, namespace, name string) *Pod { return w.table.get(uid, namespace, name) }

// Run lists and watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.client.close()
	defer w.connected.Set(0)
	backoff := fault.Backoff{Min: w.retry, Max: 60 * w.retry}
	for ctx.Err() == nil {
		w.since = time.Time{}
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		lasted := !w.since.IsZero() && w.now().Sub(w.since) > 2*w.retry
		if lasted {
			backoff.Failures = 0
		}
		if err != nil {
			w.failed(err)
		} else if lasted {
			continue
		}
		if backoff.Wait(ctx) != nil {
			return
		}
	}
}

// follow lists the pods if need be, and watches them until the watch ends.
func (w *Watcher) follow(ctx context.Context) error {
	resumed := w.known
	if !w.known {
		uids := map[string]bool{}
		version, err := w.client.list(ctx, w.version, func(o *object) {
			uids[o.Metadata.UID] = true
			w.table.put(w.cfg.newPod(o))
		})
		if err != nil {
			if expired(err) {
				w.version = ""
			}
			return err
		}
		w.table.only(uids, w.now())
		w.version, w.known = version, true
	}
	err := w.client.watch(ctx, w.version, w.works, func(kind string, o *object) {
		switch kind {
		case "ADDED", "MODIFIED":
			w.table.put(w.cfg.newPod(o))
		case "DELETED":
			w.table.remove(o.Metadata.UID, w.now())
		}
		if v := o.Metadata.ResourceVersion; v != "" {
			w.version = v
		}
	})
	if s, ok := errors.AsType[*status](err); ok && s.Code != http.StatusUnauthorized &&
		s.Code != http.StatusForbidden && s.Code != http.StatusTooManyRequests {
		w.known = false
		if expired(err) {
			w.version = ""
			w.errors.WithLabelValues("expired").Inc()
			if resumed { // which happens, as after a restart of the server: pods wait to be listed
				return w.follow(ctx)
			}
			return nil
		}
	}
	return err
}

// works notes that the API server answers.
func (w *Watcher) works() {
	w.since = w.now()
	w.connected.Set(1)
	if w.failing {
		w.failing = false
		w.log.Info("the API server of Kubernetes answers again", "server", w.client.base)
	}
	w.tell(w.client.base, nil, "")
}

// failed notes that it does not.
func (w *Watcher) failed(err error) {
	w.connected.Set(0)
	reason, do := reasonOf(err)
	w.errors.WithLabelValues(reason).Inc()
	err = fmt.Errorf("pods of node %s: %w", w.cfg.Node, err)
	w.tell(w.client.base, err, do)
	if w.failing {
		return
	}
	w.failing = true
	w.log.Warn(
		"the API server of Kubernetes does not tell of pods; it is tried again",
		"server", w.client.base, "error", err, "do", do,
	)
}

// reasonOf names a failure for metrics, and says what to do about it.
func reasonOf(err error) (reason, do string) {
	s, ok := errors.AsType[*status](err)
	switch {
	case ok && s.Code == http.StatusUnauthorized:
		return "unauthorized", "see that token_file is the token of a service account, and is renewed"
	case ok && s.Code == http.StatusForbidden:
		return "forbidden", "let the service account list and watch pods (a ClusterRole, as in examples/kubernetes/edge.yaml)"
	case ok:
		return "server", "see how the API server is; what is known of pods stays in use"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "token", "set automountServiceAccountToken, or token_file to a file that can be read"
	}
	return "network", "see that the server's address is right, and that this node may connect to it; what is known of pods stays in use"
}
