package kubernetes

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/inputs/kubernetes/kubernetestest"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// rig is a watcher of node n1 of a server.
type rig struct {
	*testing.T
	server *kubernetestest.Server
	w      *Watcher
	log    *runtest.LogBuffer

	mu  sync.Mutex
	err error // as told last
	do  string
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{T: t, server: kubernetestest.New(false), log: &runtest.LogBuffer{}}
	t.Cleanup(r.server.Close)
	var cfg Config
	cfg.SetDefaults()
	cfg.Node, cfg.Server = "n1", r.server.URL
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := New(cfg, slog.New(slog.NewTextHandler(r.log, nil)), prometheus.NewRegistry(),
		func(_ string, err error, do string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.err, r.do = err, do
		})
	if err != nil {
		t.Fatal(err)
	}
	w.retry = 5 * time.Millisecond
	r.w = w
	return r
}

func (r *rig) start() *rig {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.w.Run(ctx) }()
	r.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *rig) told() (do string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.do, r.err
}

// label waits until the pod of uid has the label app with that value.
func (r *rig) label(uid, value string) {
	r.Helper()
	runtest.Until(r.T, "pod "+uid+" has app="+value, func() bool {
		return header(r.w.Pod(uid, "", ""), "labels.app") == value
	})
}

func header(p *Pod, name string) string {
	if p == nil {
		return ""
	}
	for _, h := range p.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func pod(n int, app string) kubernetestest.Pod {
	return kubernetestest.Pod{
		Namespace: "shop", Name: fmt.Sprintf("web-%d", n), UID: fmt.Sprintf("uid-%d", n), Node: "n1",
		Labels: map[string]string{"app": app},
	}
}

func TestPodsAreListedAndWatched(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Annotations = []string{"team", "cost/*"} })
	p := pod(1, "a")
	p.Labels["pod-template-hash"] = "5d9c"
	p.OwnerKind, p.Owner = "ReplicaSet", "web-5d9c"
	p.Annotations = map[string]string{"team": "x", "cost/center": "7", "kubectl/last": "big"}
	r.server.Put(p)
	elsewhere := pod(9, "z")
	elsewhere.Node = "n2"
	r.server.Put(elsewhere)
	r.start()
	r.label("uid-1", "a")
	got := ""
	for _, h := range r.w.Pod("uid-1", "", "").Headers {
		got += h.Key + "=" + string(h.Value) + " "
	}
	const want = "node=n1 owner_kind=Deployment owner=web labels.app=a labels.pod-template-hash=5d9c " +
		"annotations.cost/center=7 annotations.team=x "
	if got != want {
		t.Errorf("headers\n%s, want\n%s", got, want)
	}
	if r.w.Pod("", "shop", "web-1") != r.w.Pod("uid-1", "", "") {
		t.Error("it is not found by its name")
	}
	r.server.Put(pod(2, "b"))
	r.label("uid-2", "b")
	r.server.Put(pod(2, "c"))
	r.label("uid-2", "c")
	if r.w.Pod("uid-9", "", "") != nil {
		t.Error("a pod of another node is known")
	}
	if a := r.server.Accepts()[0]; !strings.Contains(a, "PartialObjectMetadataList") {
		t.Errorf("asked for %s", a)
	}
	if got := r.server.Lists(); !slices.Equal(got, []string{"0"}) {
		t.Errorf("listed at %q: the first list need not be the newest", got)
	}
}

// What a pod has logged is read after it is gone.
func TestDeletedPodsAreRemembered(t *testing.T) {
	r := newRig(t, nil)
	r.server.Put(pod(1, "a"))
	r.server.Put(pod(2, "b"))
	r.start()
	r.label("uid-2", "b")
	r.server.Delete("uid-1")
	live := func() bool { return testutil.ToFloat64(r.w.pods) == 1 }
	runtest.Until(t, "one pod is left", live)
	r.label("uid-1", "a")
	// A pod that goes while nobody watches is remembered, too, and one of its name is another.
	r.server.Expire()
	again := pod(2, "young")
	again.UID = "uid-3"
	r.server.Delete("uid-2")
	r.server.Put(again)
	r.label("uid-3", "young")
	runtest.Until(t, "one pod is left", live)
	r.label("uid-2", "b")
	if p := r.w.Pod("", "shop", "web-2"); header(p, "labels.app") != "young" {
		t.Errorf("the name leads to %v", p)
	}
	now := time.Now()
	r.w.table.remove("none", now.Add(2*keepDeleted))
	if r.w.Pod("uid-1", "", "") != nil || r.w.Pod("uid-2", "", "") != nil ||
		r.w.Pod("uid-3", "", "") == nil {
		t.Error("what is deleted is remembered too long, or what is there is forgotten")
	}
}

func TestManyDeletedPodsAreForgotten(t *testing.T) {
	r := newRig(t, nil)
	for i := range 3 * mostDeleted {
		o := &object{}
		o.Metadata.Name, o.Metadata.Namespace = "same", "shop"
		o.Metadata.UID = fmt.Sprint(i)
		r.w.table.put(r.w.cfg.newPod(o))
		r.w.table.remove(o.Metadata.UID, time.Now())
	}
	if n := len(r.w.table.byUID); n > mostDeleted {
		t.Errorf("%d deleted pods are remembered", n)
	}
}

// A watch that breaks goes on where it was; one whose version has expired begins with a list.
func TestWatchGoesOn(t *testing.T) {
	r := newRig(t, nil)
	r.server.Put(pod(1, "a"))
	r.start()
	r.label("uid-1", "a")
	for i := range 5 {
		r.server.Break()
		r.server.Put(pod(2, fmt.Sprint("b", i)))
		r.label("uid-2", fmt.Sprint("b", i))
	}
	if n := len(r.server.Lists()); n != 1 {
		t.Errorf("%d lists, want 1", n)
	}
	r.server.Expire()
	r.server.Put(pod(3, "c"))
	r.label("uid-3", "c")
	if got := r.server.Lists(); len(got) != 2 || got[1] != "" {
		t.Errorf("listed at %q; the second wants the newest", got)
	}
}

// What has changed while the server was away is listed as soon as it is back, however long the next
// attempt would be waited for.
func TestExpiredWatchListsAtOnce(t *testing.T) {
	r := newRig(t, nil)
	r.w.client.watchFor = time.Second
	r.server.Put(pod(1, "a"))
	if err := r.w.follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.server.Expire()
	r.server.Put(pod(2, "b"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.w.follow(ctx) }()
	r.label("uid-2", "b")
	cancel()
	<-ended
}

// Bookmarks keep a quiet watch from expiring.
func TestBookmarksAreFollowed(t *testing.T) {
	r := newRig(t, nil)
	r.server.Put(pod(1, "a"))
	r.start()
	r.label("uid-1", "a")
	runtest.Until(t, "it watches", func() bool { return len(r.server.Watches()) == 1 })
	r.server.Bookmark() // version 111
	r.server.Put(pod(2, "b"))
	r.label("uid-2", "b")
	r.server.Bookmark() // 122
	r.server.Put(pod(3, "c"))
	r.label("uid-3", "c")
	r.server.Bookmark() // 133, and nothing after it
	runtest.Until(t, "the watch goes on behind the last bookmark", func() bool {
		r.server.Break()
		w := r.server.Watches()
		return w[len(w)-1] == "133"
	})
}

func TestServerIsAwayForAWhile(t *testing.T) {
	r := newRig(t, nil)
	r.server.SetAway(true)
	r.start()
	runtest.Until(t, "it is told", func() bool { _, err := r.told(); return err != nil })
	do, err := r.told()
	if !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "n1") || do == "" {
		t.Errorf("told %v; do %q", err, do)
	}
	runtest.Until(t, "it is tried again", func() bool {
		return testutil.ToFloat64(r.w.errors.WithLabelValues("server")) >= 3
	})
	if testutil.ToFloat64(r.w.connected) != 0 {
		t.Error("it counts as connected")
	}
	r.server.Put(pod(1, "a"))
	r.server.SetAway(false)
	r.label("uid-1", "a")
	runtest.Until(t, "it is told", func() bool {
		_, err := r.told()
		return err == nil && testutil.ToFloat64(r.w.connected) == 1
	})
	if n := len(r.log.Lines("does not tell of pods")); n != 1 {
		t.Errorf("logged %d times:\n%s", n, r.log)
	}
	// What is known stays in use.
	r.server.SetAway(true)
	runtest.Until(t, "it is told again", func() bool { _, err := r.told(); return err != nil })
	r.label("uid-1", "a")
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	r := newRig(t, nil)
	r.w.client.grace = 50 * time.Millisecond
	r.w.client.watchFor = time.Second
	end := r.server.Silence()
	r.start()
	runtest.Until(t, "it is told", func() bool { _, err := r.told(); return err != nil })
	if n := testutil.ToFloat64(r.w.errors.WithLabelValues("network")); n < 1 {
		t.Error("it is not counted")
	}
	r.server.Put(pod(1, "a"))
	end()
	r.label("uid-1", "a")
	watches := len(r.server.Watches())
	runtest.Until(t, "watches that have ended are begun anew", func() bool {
		return len(r.server.Watches()) >= watches+1
	})
}

// Tokens are renewed in their file, over TLS with a CA.
func TestTokenIsReadAgain(t *testing.T) {
	server := kubernetestest.New(true)
	t.Cleanup(server.Close)
	ca, token := filepath.Join(t.TempDir(), "ca.crt"), filepath.Join(t.TempDir(), "token")
	write := func(path string, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ca, pem.EncodeToMemory(
		&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw},
	))
	write(token, []byte("one\n"))
	server.SetToken("one")
	r := newRig(t, func(c *Config) {
		c.Server, c.TokenFile, c.TLS = server.URL, token, &tlsconf.Client{CAFile: ca}
	})
	server.Put(pod(1, "a"))
	r.start()
	r.label("uid-1", "a")
	server.SetToken("two")
	runtest.Until(t, "it is refused", func() bool {
		return testutil.ToFloat64(r.w.errors.WithLabelValues("unauthorized")) >= 1
	})
	if do, _ := r.told(); !strings.Contains(do, "token_file") {
		t.Errorf("do %q", do)
	}
	server.Put(pod(2, "b"))
	write(token, []byte("two"))
	r.label("uid-2", "b")
	if n := len(server.Lists()); n != 1 {
		t.Errorf("%d lists, want 1", n)
	}
}

// A token is not shown to who cannot prove to be the server.
func TestTokenIsNotSentWithoutTLS(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.TokenFile = token })
	r.server.SetToken("secret")
	r.start()
	runtest.Until(t, "it is refused", func() bool {
		return testutil.ToFloat64(r.w.errors.WithLabelValues("unauthorized")) >= 1
	})
}

// Of 200 pods with 50 KiB each that nobody wants little is kept, and they come in pages.
func TestManyPodsTakeLittleMemory(t *testing.T) {
	r := newRig(t, nil)
	r.server.SetPage(30)
	for i := range 200 {
		p := pod(i, strings.Repeat("l", 60))
		p.Filler = 50 << 10
		p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied": strings.Repeat("y", 10<<10)}
		for k := range 20 {
			p.Labels[fmt.Sprintf("example.com/label-%d", k)] = strings.Repeat("v", 60)
		}
		r.server.Put(p)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	r.start()
	r.label("uid-199", strings.Repeat("l", 60))
	runtest.Until(t, "all are known", func() bool { return testutil.ToFloat64(r.w.pods) == 200 })
	if after := heap(); after > before+10<<20 {
		t.Errorf("200 pods take %d bytes", after-before)
	}
	if n := len(r.server.Lists()); n != 1 {
		t.Errorf("%d lists, want 1 of seven pages", n)
	}
}

// The kubelet's paths name a static pod by the hash of its file.
func TestStaticPodsAreKnownByTheirHash(t *testing.T) {
	r := newRig(t, nil)
	p := pod(1, "etcd")
	p.Annotations = map[string]string{hashAnnotation: "0123abcd"}
	r.server.Put(p)
	r.start()
	r.label("0123abcd", "etcd")
	if n := testutil.ToFloat64(r.w.pods); n != 1 {
		t.Errorf("%v pods, want 1", n)
	}
}

func TestExcludedByAnnotation(t *testing.T) {
	for _, c := range []struct {
		annotations map[string]string
		honor       bool
		web, other  bool
	}{
		{nil, true, false, false},
		{map[string]string{"penstock.io/exclude": "true"}, true, true, true},
		{map[string]string{"fluentbit.io/exclude": "true"}, true, true, true},
		{map[string]string{"fluentbit.io/exclude": "true"}, false, false, false},
		{map[string]string{"penstock.io/exclude": "false"}, true, false, false},
		{map[string]string{"penstock.io/exclude-web": "true"}, true, true, false},
		{map[string]string{"penstock.io/excluded": "true"}, true, false, false},
	} {
		cfg := Config{HonorExclude: c.honor}
		o := &object{}
		o.Metadata.Annotations = c.annotations
		p := cfg.newPod(o)
		if p.Excluded("web") != c.web || p.Excluded("other") != c.other {
			t.Errorf("%v, honored %v: %v", c.annotations, c.honor, p.excluded)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Node = "" }, "node: "},
		{func(c *Config) { c.Server = "10.0.0.1:443" }, "server: "},
		{func(c *Config) { c.Labels = []string{"a*b"} }, "labels[0]: "},
		{func(c *Config) { c.Annotations = []string{""} }, "annotations[0]: "},
		{func(c *Config) { c.Wait = -1 }, "wait: "},
		{func(c *Config) { c.TLS = &tlsconf.Client{MinVersion: "9"} }, "tls.min_version: "},
	} {
		var cfg Config
		cfg.SetDefaults()
		cfg.Node = "n1"
		c.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s...", err, c.want)
		}
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	outside, err := newClient(&Config{Node: "n1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Errorf("outside of a cluster a configuration is not valid: %v", err)
	} else if _, err = outside.get(t.Context(), "List", url.Values{}); err == nil ||
		!strings.Contains(err.Error(), "not in a cluster") {
		t.Errorf("asked outside of a cluster: %v", err)
	}
	if _, err := (&Config{}).server(); err == nil {
		t.Error("outside of a cluster a server is needed")
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	if s, err := (&Config{}).server(); s != "https://[fd00::1]:443" || err != nil {
		t.Errorf("%s, %v", s, err)
	}
}
