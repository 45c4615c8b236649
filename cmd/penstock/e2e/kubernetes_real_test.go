package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/cmd/penstock/demo"
	"github.com/penstock/penstock/cmd/penstock/e2e/servers"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.yaml.in/yaml/v3"
)

// podWorld is an agent on node n1 of a Kubernetes without nodes: the API server is real, and so are
// the pods as far as it knows; what they log the test writes.
type podWorld struct {
	*testing.T
	kube  *servers.Kubernetes
	agent *agent
	dir   string
	read  chan map[string]string // headers of the records that have arrived
	lines int
}

// kubeObject is a JSON object.
type kubeObject = map[string]any

const podsConfig = `
agent {
  data_dir = "DIR/data"
  admin { listen = "ADMIN" }
}

input "tail" "pods" {
  paths     = ["DIR/pods/*/*/*.log"]
  container = true
  kubernetes {
    node        = "n1"
    server      = "SERVER"
    token_file  = "DIR/token"
    annotations = ["team"]
    tls { ca_file = "CA" }
  }
}

output "kafka" "events" {
  brokers = ["BROKER"]
  topic   = "app-logs"
}

pipeline "pods" {
  from = [input.tail.pods]
  to   = [output.kafka.events]
}
`

func newPodWorld(t *testing.T) *podWorld {
	t.Helper()
	w := &podWorld{T: t, dir: t.TempDir(), read: make(chan map[string]string, 100)}
	kube, err := servers.NewKubernetes(t.TempDir())
	if errors.Is(err, servers.ErrMissing) {
		t.Skip("make release-check builds it: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	w.kube = kube
	t.Cleanup(kube.Close)
	broker, err := demo.StartBroker(1, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	w.follow(broker.Addr())
	w.agent = newAgent(t, "edge", replaceAll(
		podsConfig, "DIR", w.dir, "SERVER", kube.URL(), "CA", kube.CAFile(), "BROKER", broker.Addr(),
	))
	return w
}

// follow reads the topic.
func (w *podWorld) follow(broker string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic))
	w.must(err)
	stop := background(w.Context(), func(ctx context.Context) error {
		for ctx.Err() == nil {
			for r := range client.PollFetches(ctx).RecordsAll() {
				headers := map[string]string{"": string(r.Value)}
				for _, h := range r.Headers {
					headers[h.Key] = string(h.Value)
				}
				w.read <- headers
			}
		}
		return nil
	})
	w.Cleanup(func() { _ = stop(); client.Close() })
}

func (w *podWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// do asks the API server as an administrator.
func (w *podWorld) do(method, path string, body any) (out kubeObject) {
	w.Helper()
	text, err := w.kube.Do(w.Context(), method, path, body)
	w.must(err)
	w.must(json.Unmarshal(text, &out))
	return out
}

const podsPath = "/api/v1/namespaces/shop/pods"

// pod creates a pod of a node, with more of its metadata, and returns its uid.
func (w *podWorld) pod(name, node string, meta kubeObject) string {
	w.Helper()
	all := kubeObject{"name": name}
	maps.Copy(all, meta)
	made := w.do(http.MethodPost, podsPath, kubeObject{"metadata": all, "spec": kubeObject{
		"nodeName": node, "containers": []kubeObject{{"name": "main", "image": "shop/web:1"}},
	}})
	return made["metadata"].(kubeObject)["uid"].(string)
}

// logs writes a line of a pod, and returns the headers with which it arrives.
func (w *podWorld) logs(name, uid string) map[string]string {
	w.Helper()
	w.lines++
	line := fmt.Sprintf("line %d", w.lines)
	path := filepath.Join(w.dir, "pods", "shop_"+name+"_"+uid, "main", "0.log")
	w.must(os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	w.must(err)
	_, err = fmt.Fprintf(f, "%s stdout F %s\n", time.Now().UTC().Format(time.RFC3339Nano), line)
	w.must(errors.Join(err, f.Close()))
	select {
	case headers := <-w.read:
		if headers[""] != line {
			w.Fatalf("%q arrived, want %q", headers[""], line)
		}
		return headers
	case <-time.After(30 * time.Second):
		w.Fatalf("%q of pod %s does not arrive", line, name)
		return nil
	}
}

// label waits until what a pod logs has that label app.
func (w *podWorld) label(name, uid, app string) (headers map[string]string) {
	w.Helper()
	runtest.Until(w.T, name+" logs with app="+app, func() bool {
		headers = w.logs(name, uid)
		return headers["labels.app"] == app
	})
	return headers
}

func app(name string) kubeObject { return kubeObject{"labels": kubeObject{"app": name}} }

// failed waits until a failure is counted for a reason that do has brought about.
func (w *podWorld) failed(reason string, do func()) {
	w.Helper()
	count := func() float64 {
		n, _ := w.agent.metric("penstock_kubernetes_errors_total", fmt.Sprintf("%q", reason))
		return n
	}
	before := count()
	do()
	runtest.Until(w.T, "it is "+reason, func() bool { return count() > before })
}

// connected waits until the server tells of pods again.
func (w *podWorld) connected() {
	w.Helper()
	runtest.Until(w.T, "the server tells of pods", func() bool {
		n, _ := w.agent.metric("penstock_kubernetes_connected")
		return n == 1
	})
}

// known waits until so many pods of the node are known.
func (w *podWorld) known(pods int) {
	w.Helper()
	runtest.Until(w.T, fmt.Sprint(pods, " pods are known"), func() bool {
		n, _ := w.agent.metric("penstock_kubernetes_pods")
		return n == float64(pods)
	})
}

// restart kills the API server, which ends all watches, and starts it again.
func (w *podWorld) restart() {
	w.Helper()
	w.must(w.kube.Stop())
	w.must(w.kube.Start())
}

// token gives the agent a token of its service account.
func (w *podWorld) token() {
	w.Helper()
	made := w.do(http.MethodPost, accountPath+"/token", kubeObject{"spec": kubeObject{}})
	token := made["status"].(kubeObject)["token"].(string)
	w.must(os.WriteFile(filepath.Join(w.dir, "token.new"), []byte(token), 0o600))
	w.must(os.Rename(filepath.Join(w.dir, "token.new"), filepath.Join(w.dir, "token")))
}

const (
	accountsPath = "/api/v1/namespaces/penstock/serviceaccounts"
	accountPath  = accountsPath + "/penstock-edge"
	bindingsPath = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
)

// paths are those of what is in manifests, by kind.
var paths = map[string]string{
	"ConfigMap":           "/api/v1/namespaces/penstock/configmaps",
	"Service":             "/api/v1/namespaces/penstock/services",
	"ServiceAccount":      accountsPath,
	"ClusterRole":         "/apis/rbac.authorization.k8s.io/v1/clusterroles",
	"ClusterRoleBinding":  bindingsPath,
	"DaemonSet":           "/apis/apps/v1/namespaces/penstock/daemonsets",
	"Deployment":          "/apis/apps/v1/namespaces/penstock/deployments",
	"StatefulSet":         "/apis/apps/v1/namespaces/penstock/statefulsets",
	"PodDisruptionBudget": "/apis/policy/v1/namespaces/penstock/poddisruptionbudgets",
}

// apply creates what a manifest has. Nothing in it may be unknown to the server.
func (w *podWorld) apply(manifest string) {
	w.Helper()
	text, err := os.ReadFile(manifest)
	w.must(err)
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var object kubeObject
		if err := d.Decode(&object); err == io.EOF {
			return
		} else if err != nil {
			w.Fatal(err)
		}
		kind, _ := object["kind"].(string)
		if kind == "Namespace" { // it is there, as it has to be before the others
			continue
		}
		if paths[kind] == "" {
			w.Fatalf("%s: where does a %s go?", manifest, kind)
		}
		w.do(http.MethodPost, paths[kind]+"?fieldValidation=Strict", object)
	}
}

// TestKubernetesOfARealServer has a kube-apiserver on an etcd tell of pods: records go on and have
// what is known of their pods while these change, the server is killed, takes the rights away or
// the token, and forgets the version from which the watch would go on.
func TestKubernetesOfARealServer(t *testing.T) {
	if !runtest.Long() {
		t.Skip("make integration runs it")
	}
	w := newPodWorld(t)
	manifests, err := filepath.Glob("../../../examples/kubernetes/*.yaml")
	w.must(err)
	for _, name := range []string{"penstock", "shop"} {
		w.do(http.MethodPost, "/api/v1/namespaces", kubeObject{"metadata": kubeObject{"name": name}})
	}
	for _, m := range manifests {
		w.apply(m)
	}
	w.token()
	web := w.pod("web-0", "n1", kubeObject{
		"labels":      kubeObject{"app": "a", "pod-template-hash": "5d9c"},
		"annotations": kubeObject{"team": "x", "other": "y"},
		"ownerReferences": []kubeObject{{
			"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d9c", "uid": "1", "controller": true,
		}},
	})
	w.pod("elsewhere", "n2", app("z"))
	w.agent.start()

	headers := w.logs("web-0", web)
	for name, want := range map[string]string{
		"namespace": "shop", "pod": "web-0", "container": "main", "uid": web, "node": "n1",
		"stream": "stdout", "owner_kind": "Deployment", "owner": "web", "labels.app": "a",
		"annotations.team": "x", "annotations.other": "",
	} {
		if headers[name] != want {
			t.Errorf("%s is %q, want %q", name, headers[name], want)
		}
	}
	w.known(1)
	w.do(http.MethodPatch, podsPath+"/web-0", kubeObject{"metadata": app("b")})
	w.label("web-0", web, "b")
	again := w.pod("web-1", "n1", app("one"))
	w.label("web-1", again, "one")
	now := kubeObject{"gracePeriodSeconds": 0}
	w.do(http.MethodDelete, podsPath+"/web-1", now)
	w.known(1)
	w.label("web-1", again, "one") // what it has logged is still being read
	if young := w.pod("web-1", "n1", app("two")); young == again {
		t.Error("a uid was given twice")
	} else {
		w.label("web-1", young, "two")
	}
	w.known(2)

	w.failed("network", w.restart)
	w.connected()
	w.label("web-2", w.pod("web-2", "n1", app("restarted")), "restarted")

	// Without the right, what is known stays in use.
	binding := w.do(http.MethodGet, bindingsPath+"/penstock-edge", nil)
	w.do(http.MethodDelete, bindingsPath+"/penstock-edge", nil)
	w.failed("forbidden", w.restart)
	w.label("web-0", web, "b")
	w.do(http.MethodPost, bindingsPath, kubeObject{
		"metadata": kubeObject{"name": "penstock-edge"},
		"roleRef":  binding["roleRef"], "subjects": binding["subjects"],
	})
	w.connected()
	w.label("web-3", w.pod("web-3", "n1", app("allowed")), "allowed")

	// A token ends with its account.
	w.do(http.MethodDelete, accountPath, nil)
	w.do(http.MethodPost, accountsPath, kubeObject{"metadata": kubeObject{"name": "penstock-edge"}})
	w.failed("unauthorized", w.restart)
	w.label("web-0", web, "b")
	w.token()
	w.connected()
	w.label("web-4", w.pod("web-4", "n1", app("renewed")), "renewed")

	pid := w.agent.cmd.Process.Pid
	before := costtest.Anonymous(pid)
	w.many("many", 200)
	w.known(5 + 200)
	grown := costtest.Anonymous(pid) - before
	t.Logf("200 pods take %d KiB", grown>>10)
	if grown > 20<<20 {
		t.Errorf("200 pods take %d bytes", grown)
	}

	// While the agent stands still the version that it knows is forgotten, and there are more pods
	// than a page of a list has.
	w.many("more", 350)
	w.known(5 + 550)
	late := ""
	w.failed("expired", func() {
		w.agent.signal(syscall.SIGSTOP)
		w.restart()
		w.do(http.MethodDelete, podsPath+"/web-2", now)
		late = w.pod("late", "n1", app("late"))
		w.do(http.MethodPatch, podsPath+"/web-0", kubeObject{"metadata": app("c")})
		w.must(w.kube.Stop())
		w.must(w.kube.Compact(t.Context()))
		w.must(w.kube.Start())
		w.agent.signal(syscall.SIGCONT)
	})
	w.label("late", late, "late")
	w.label("web-0", web, "c")
	w.known(5 + 550)
	if n := w.lists(); n < 2 {
		t.Errorf("%v pages of the list were asked for, want 2", n)
	}
	if n, err := w.agent.metric("penstock_tail_unknown_pods_total"); n != 0 || err != nil {
		t.Errorf("%v pods were not known, %v", n, err)
	}
	if code := w.agent.terminate(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// many creates pods with much of what nobody wants, eight at a time.
func (w *podWorld) many(name string, n int) {
	w.Helper()
	labels := kubeObject{"app": name}
	for i := range 20 {
		labels[fmt.Sprintf("example.com/label-%d", i)] = strings.Repeat("v", 60)
	}
	meta := kubeObject{
		"labels": labels, "annotations": kubeObject{"other": strings.Repeat("y", 10<<10)},
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := k; i < n; i += 8 {
				w.pod(fmt.Sprintf("%s-%d", name, i), "n1", meta)
			}
		})
	}
	wg.Wait()
}

// lists returns how many lists of pods the server has been asked for.
func (w *podWorld) lists() (n float64) {
	w.Helper()
	text, err := w.kube.Do(w.Context(), http.MethodGet, "/metrics", nil)
	w.must(err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "apiserver_request_total{") &&
			strings.Contains(line, `resource="pods"`) && strings.Contains(line, `verb="LIST"`) {
			var v float64
			_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v)
			w.must(err)
			n += v
		}
	}
	return n
}
