package tail

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/kubernetes"
)

// podRef is what a path tells of the pod whose log is there; zero where it tells of none.
type podRef struct{ namespace, name, container, uid string }

func podRefOf(path string) (p podRef) {
	for _, h := range kubeHeaders(path, os.Readlink) {
		switch v := string(h.Value); h.Key {
		case "namespace":
			p.namespace = v
		case "pod":
			p.name = v
		case "container":
			p.container = v
		case "uid":
			p.uid = v
		}
	}
	return p
}

// podState is what is known of a file's pod from one turn to the next.
type podState struct {
	pod     *kubernetes.Pod // nil while it is not known
	headers []record.Header // the file's, and the pod's
	unknown bool            // it was waited for, in vain
}

// lookPod is how often the pod of a file that waits for it is looked for.
const lookPod = 200 * time.Millisecond

// newPods returns what watches the pods of this node; nil if nothing is to be known of them.
func newPods(t *Tail) (*kubernetes.Watcher, error) {
	c := t.cfg.Kubernetes
	if c == nil {
		return nil, nil
	}
	w, err := kubernetes.New(*c, t.log, t.env.Metrics, func(server string, err error, do string) {
		r, what := t.run.Load(), "pods from "+server
		switch {
		case r == nil:
		case err != nil:
			r.cannotRead(what, err, do)
		default:
			r.canRead(what)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("kubernetes.%w", err)
	}
	return w, nil
}

// lookUp finds the pod of f, whose turn it is: one lookup in a table. It returns until when to wait
// for it, zero for not at all, and whether its log is to be left out.
func (w *worker) lookUp(f *file) (until time.Time, excluded bool) {
	t, s := w.run.tail, &f.r.podState
	if t.pods == nil || f.pod.name == "" {
		return time.Time{}, false
	}
	p := t.pods.Pod(f.pod.uid, f.pod.namespace, f.pod.name)
	if p == nil {
		p = s.pod // long gone
	}
	switch {
	case p == nil && !s.unknown:
		now := t.sys.now()
		since := f.r.waiting
		if since.IsZero() {
			since = now
		}
		end := since.Add(t.cfg.Kubernetes.Wait)
		if now.Before(end) {
			if next := now.Add(lookPod); next.Before(end) {
				end = next
			}
			return end, false
		}
		s.unknown = true
		t.counts.unknownPod.Inc()
		t.log.Warn(
			"nothing is known of the pod that has written this log; it is read without labels",
			"path", f.where(), "pod", f.pod.name, "namespace", f.pod.namespace,
			"do", "see whether the API server answers; what an earlier pod has left behind is expected",
		)
		return time.Time{}, false
	case p == nil:
		return time.Time{}, false
	case p != s.pod:
		s.pod, s.headers = p, withPod(f.headers, p.Headers)
	}
	return time.Time{}, p.Excluded(f.pod.container)
}

// withPod returns the headers of a file with those of its pod. What the path tells stays.
func withPod(file, pod []record.Header) []record.Header {
	out := slices.Clone(file)
	for _, h := range pod {
		if !slices.ContainsFunc(file, func(of record.Header) bool { return of.Key == h.Key }) {
			out = append(out, h)
		}
	}
	return out
}

// leaveOut ends a turn of f, whose log is to be left out: it is as if there were nothing in it that
// was not read.
func (w *worker) leaveOut(f *file, res *result) {
	if !f.excluded.Swap(true) {
		w.run.tail.log.Info(
			"a log is left out, as an annotation of its pod says", "path", f.where(),
			"pod", f.pod.name, "namespace", f.pod.namespace,
		)
	}
	if f.r.finish || f.compression != none {
		w.close(f)
		f.r.dead, res.outcome = true, finished
	}
}

// sweepExcluded looks now and then whether logs are still to be left out.
func (m *manager) sweepExcluded(now time.Time) {
	if m.run.tail.pods == nil || now.Before(m.next.excluded) {
		return
	}
	m.next.excluded = now.Add(m.cfg.RescanInterval)
	for f := range m.run.files { // only the manager changes it
		if f.excluded.Load() {
			m.wake(f, cmdRead)
		}
	}
}
