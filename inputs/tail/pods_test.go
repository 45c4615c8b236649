package tail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/inputs/kubernetes"
	"github.com/penstock/penstock/inputs/kubernetes/kubernetestest"
	"github.com/penstock/penstock/inputs/ratelimit"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// podRig is a rig over a node's /var/log/pods, with an API server.
type podRig struct {
	*rig
	server *kubernetestest.Server
}

func newPodRig(t *testing.T, change func(*kubernetes.Config)) *podRig {
	t.Helper()
	server := kubernetestest.New(false)
	t.Cleanup(server.Close)
	return &podRig{newRig(t, func(c *Config) {
		c.Paths = []string{filepath.Join(filepath.Dir(c.Paths[0]), "pods/*/*/*.log")}
		c.Container = true
		c.Kubernetes = &kubernetes.Config{}
		c.Kubernetes.SetDefaults()
		c.Kubernetes.Node, c.Kubernetes.Server = "n1", server.URL
		if change != nil {
			change(c.Kubernetes)
		}
	}), server}
}

func labelled(n, app string) kubernetestest.Pod {
	return kubernetestest.Pod{
		Namespace: "shop", Name: "web-" + n, UID: "uid-" + n, Node: "n1",
		Labels: map[string]string{"app": app}, OwnerKind: "StatefulSet", Owner: "web",
	}
}

// log returns the path of a container's log, under the rig's directory.
func (r *podRig) log(n, container string) string {
	r.t.Helper()
	path := "pods/shop_web-" + n + "_uid-" + n + "/" + container + "/0.log"
	if err := os.MkdirAll(filepath.Dir(r.path(path)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// said returns what has arrived, each with its label app.
func (r *podRig) said() string {
	var out []string
	for _, rec := range r.sink.Records() {
		app, _ := rec.Header("labels.app")
		out = append(out, string(rec.Value)+"@"+string(app))
	}
	return strings.Join(out, " ")
}

func (r *podRig) says(want string) {
	r.t.Helper()
	r.eventually(want, func() bool { return len(r.said()) >= len(want) })
	if got := r.said(); got != want {
		r.t.Fatalf("got %s, want %s", got, want)
	}
}

func TestRecordsHaveTheirPodsLabels(t *testing.T) {
	t.Parallel()
	r := newPodRig(t, nil)
	r.server.Put(labelled("1", "a"))
	log := r.log("1", "main")
	r.write(log, cri(1, "stdout", "F", "one"))
	r.start()
	r.says("one@a")
	rec := r.sink.Records()[0]
	for name, want := range map[string]string{
		"namespace": "shop", "pod": "web-1", "container": "main", "uid": "uid-1", "node": "n1",
		"owner_kind": "StatefulSet", "owner": "web", "stream": "stdout",
	} {
		if got, _ := rec.Header(name); string(got) != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	r.server.Put(labelled("1", "b"))
	r.eventually("the new label is known", func() bool {
		for _, h := range r.tail.pods.Pod("uid-1", "", "").Headers {
			if h.Key == "labels.app" && string(h.Value) == "b" {
				return true
			}
		}
		return false
	})
	r.write(log, cri(2, "stdout", "F", "two"))
	r.says("one@a two@b")
	r.server.Delete("uid-1")
	r.server.Put(labelled("2", "z"))
	r.eventually("the pod is gone", func() bool { return r.tail.pods.Pod("uid-2", "", "") != nil })
	r.write(log, cri(3, "stdout", "F", "three"))
	r.says("one@a two@b three@b")
}

// The log of a pod that is not known yet waits for it; the others go on.
func TestLogWaitsForItsPod(t *testing.T) {
	t.Parallel()
	r := newPodRig(t, func(c *kubernetes.Config) { c.Wait = time.Hour })
	r.server.Put(labelled("1", "a"))
	r.write(r.log("1", "main"), cri(1, "stdout", "F", "one"))
	r.write(r.log("2", "main"), cri(1, "stdout", "F", "two"))
	r.start()
	r.says("one@a")
	r.server.Put(labelled("2", "b"))
	r.says("one@a two@b")
	if n := testutil.ToFloat64(r.tail.counts.unknownPod); n != 0 {
		t.Errorf("%v logs of unknown pods", n)
	}
}

// It waits no longer than it may; labels come when the API server does.
func TestLogsAreReadWithoutTheAPIServer(t *testing.T) {
	t.Parallel()
	r := newPodRig(t, func(c *kubernetes.Config) { c.Wait = 20 * time.Millisecond })
	r.server.SetAway(true)
	log := r.log("1", "main")
	r.write(log, cri(1, "stdout", "F", "one"))
	r.start()
	r.says("one@")
	if n := testutil.ToFloat64(r.tail.counts.unknownPod); n != 1 {
		t.Errorf("%v logs of unknown pods, want 1", n)
	}
	r.eventually("the state says so", func() bool {
		f, _ := r.tail.Following()
		return len(f.Unread) == 1 && strings.Contains(f.Unread[0].Path, r.server.URL) &&
			strings.Contains(f.Unread[0].Why, "503") && f.Unread[0].Do != ""
	})
	r.server.Put(labelled("1", "a"))
	r.server.SetAway(false)
	r.eventually("the pod is known, and the state well", func() bool {
		f, _ := r.tail.Following()
		return r.tail.pods.Pod("uid-1", "", "") != nil && len(f.Unread) == 0
	})
	r.write(log, cri(2, "stdout", "F", "two"))
	r.says("one@ two@a")
}

// What an annotation leaves out is no lag, holds nothing up, and is read once the annotation goes.
func TestExcludedPodIsLeftOut(t *testing.T) {
	t.Parallel()
	r := newPodRig(t, nil)
	p := labelled("1", "a")
	p.Annotations = map[string]string{"penstock.io/exclude-side": "true"}
	r.server.Put(p)
	side := r.log("1", "side")
	r.write(side, cri(1, "stdout", "F", "side"))
	r.write(r.log("1", "main"), cri(1, "stdout", "F", "main"))
	r.start()
	r.says("main@a")
	r.eventually("one is left out", func() bool { return r.tail.run.Load().excluded() == 1 })
	if f, _ := r.tail.Following(); f.Lag != 0 {
		t.Errorf("%d bytes of lag", f.Lag)
	}
	if _, all := r.lags(); all != 0 {
		t.Errorf("%v bytes of lag", all)
	}
	// A generation of it that goes is finished, without a word.
	r.rename(side, side+".20261128")
	young := cri(2, "stdout", "F", "young") // longer than the old one
	r.write(side, young)
	r.eventually("the old one is forgotten", func() bool {
		s := r.tail.Status()
		return testutil.ToFloat64(r.tail.counts.rotated) == 1 && len(s) == 2 &&
			s[1].Path == r.path(side) && s[1].Size == int64(len(young))
	})
	r.says("main@a")
	r.server.Put(labelled("1", "b"))
	r.says("main@a young@b")
}

// Limits of pods and namespaces hold for all logs of one together, and for no other's.
func TestPodsAndNamespacesAreLimited(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		least time.Duration // of ten lines a second, after a second's worth and chunks of four
	}{{"pod", 5 * time.Second}, {"namespace", 9 * time.Second}} {
		clock := newSharedClock()
		r := newPodRig(t, func(k *kubernetes.Config) {
			limit := &ratelimit.Config{Lines: 10}
			if c.name == "pod" {
				k.PodRateLimit = limit
			} else {
				k.NamespaceRateLimit = limit
			}
		})
		r.prepare = func(tl *Tail) { tl.sys.clock = clock.now }
		r.server.Put(labelled("1", "a"))
		r.server.Put(labelled("2", "b"))
		text := strings.Repeat(cri(1, "stdout", "F", strings.Repeat("x", 960)), 40)
		for _, log := range []string{r.log("1", "main"), r.log("1", "side"), r.log("2", "main")} {
			r.write(log, text)
		}
		r.start()
		begun := clock.now()
		r.eventually("all of it", func() bool {
			if len(r.sink.Records()) == 0 {
				begun = clock.now()
			}
			clock.advance(time.Second / 10)
			return len(r.sink.Records()) >= 120
		})
		if n := len(r.sink.Records()); n != 120 {
			t.Errorf("%d lines, want 120", n)
		}
		if d := clock.now().Sub(begun); d < c.least {
			t.Errorf("%s: all is read in %v, want at least %v", c.name, d, c.least)
		}
		if r.counted(c.name) == 0 {
			t.Errorf("%s: it is not counted", c.name)
		}
		r.halt()
	}
}

func TestLimitsAreOfOnePodOrNamespace(t *testing.T) {
	cfg := Config{Kubernetes: &kubernetes.Config{
		PodRateLimit:       &ratelimit.Config{Lines: 1},
		NamespaceRateLimit: &ratelimit.Config{Lines: 1},
	}}
	l := newLimits(&cfg)
	of := func(path string) []limit {
		return l.of(nil, &file{pod: podRefOf(path)}, time.Unix(1_800_000_000, 0))
	}
	a, side := of("/var/log/pods/n_a_1/main/0.log"), of("/var/log/pods/n_a_1/side/1.log")
	b, far := of("/var/log/pods/n_b_2/main/0.log"), of("/var/log/pods/m_a_3/main/0.log")
	switch {
	case a[0] != side[0] || a[1] != side[1]:
		t.Error("containers of a pod have limits of their own")
	case a[0] == b[0] || a[1] != b[1]:
		t.Error("pods of a namespace have one limit, or the namespace two")
	case a[0] == far[0] || a[1] == far[1]:
		t.Error("namespaces share a limit")
	case len(of("/var/log/app.log")) != 0:
		t.Error("what is no pod's has a limit")
	}
}

func TestKubernetesNeedsContainer(t *testing.T) {
	c := Default()
	c.Paths = []string{"/var/log/pods/*/*/*.log"}
	c.Kubernetes = &kubernetes.Config{}
	c.Kubernetes.SetDefaults()
	_, err := New(c, inputstest.Env("input.tail.app", t.TempDir()))
	if err == nil || !strings.Contains(err.Error(), "kubernetes.node: ") ||
		!strings.Contains(err.Error(), "kubernetes: needs container = true") {
		t.Errorf("%v", err)
	}
}
