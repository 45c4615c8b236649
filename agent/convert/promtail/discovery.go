package promtail

import (
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// podMeta are the headers of a pod's records, by what the discovery calls them.
var podMeta = map[string]string{
	"__meta_kubernetes_namespace":           "header.namespace",
	"__meta_kubernetes_pod_name":            "header.pod",
	"__meta_kubernetes_pod_uid":             "header.uid",
	"__meta_kubernetes_pod_node_name":       "header.node",
	"__meta_kubernetes_pod_container_name":  "header.container",
	"__meta_kubernetes_pod_container_id":    "header.container_id",
	"__meta_kubernetes_pod_controller_name": "header.owner",
	"__meta_kubernetes_pod_controller_kind": "header.owner_kind",
}

var domain = regexp.MustCompile(`^((?:[a-z0-9]+_)*(?:io|com|org|net|sh|dev))_(\w+)$`)

// realName is a label of a pod, in which Prometheus has put _ for other characters.
func realName(name string) string {
	if m := domain.FindStringSubmatch(name); m != nil {
		return strings.ReplaceAll(m[1], "_", ".") + "/" + strings.ReplaceAll(m[2], "_", "-")
	}
	return strings.ReplaceAll(name, "_", "-")
}

// pods has an input read the logs of the pods of this node.
func (c *converter) pods(b *draft.Block, n, sd *kit.Node) {
	paths := []string{"/var/log/pods/*/*/*.log"}
	node := draft.Env("NODE_NAME")
	for _, k := range sd.Kids {
		if role := k.Take("role"); role != nil && role.Value != "pod" {
			c.Lost(b, k, "pods alone are found: it is role "+role.Value)
			continue
		}
		if ns := k.Texts("namespaces.names"); ns != nil {
			paths = nil
			for _, name := range ns {
				paths = append(paths, "/var/log/pods/"+name+"_*/*/*.log")
			}
		}
		if sel := k.Find("selectors"); sel != nil {
			c.podSelectors(b, sel, &node)
		}
		c.D.Carried(k.At, k.Name)
	}
	b.Set("paths", kit.Texts(paths))
	b.Set("container", draft.Bool(true))
	in := b.In("kubernetes")
	in.Set("node", node)
	if a := annotations(n.Find("relabel_configs")); a != nil {
		in.Set("annotations", draft.Texts(a...))
	}
	if c.ofPods {
		c.D.Changed(
			b, n.At, n.Name, "the files of all pods are read once for each job of pods: make one of them",
		)
	}
	c.ofPods = true
	b.Set("path_header", draft.Text("filename"))
	c.known, c.joined = ofPod, true
	for _, l := range []string{"filename", "stream", "namespace", "pod", "container", "node", "uid"} {
		c.labels[l] = true
	}
	c.lineSize(b)
}

// ofPod is what is known of a pod, by what the discovery calls it.
func ofPod(label string) string {
	if e := podMeta[label]; e != "" {
		return e
	}
	for prefix, of := range map[string]string{
		"__meta_kubernetes_pod_label_": "labels.", "__meta_kubernetes_pod_annotation_": "annotations.",
	} {
		if name, ok := strings.CutPrefix(label, prefix); ok {
			return "header[" + kit.Quote(of+realName(name)) + "]"
		}
	}
	return ""
}

func (c *converter) podSelectors(b *draft.Block, sel *kit.Node, node *draft.Value) {
	for _, s := range sel.Kids {
		if r := s.Take("role"); r != nil && r.Value != "pod" {
			c.Left(b, r, "pods alone are found")
		} else if r != nil {
			c.Carry(r)
		}
		if f := s.Take("field"); f != nil {
			if name, ok := strings.CutPrefix(f.Value, "spec.nodeName="); ok {
				*node = kit.Text(name)
				c.Carry(f)
			} else {
				c.Lost(b, f, "pods are chosen by paths, and by filter \"where\" on their headers")
			}
		}
		if l := s.Take("label"); l != nil {
			c.Lost(b, l, "pods are chosen by paths, and by filter \"where\" on header['labels.NAME']")
		}
	}
}

// annotations returns those that rules ask for.
func annotations(rules *kit.Node) (out []string) {
	if rules == nil {
		return nil
	}
	for _, rule := range rules.Kids {
		if t := rule.Find("target_label"); t != nil && t.Value == "__path__" {
			continue
		}
		if s := rule.Find("source_labels"); s != nil {
			for _, k := range append([]*kit.Node{s}, s.Kids...) {
				name, ok := strings.CutPrefix(k.Value, "__meta_kubernetes_pod_annotation_")
				if real := realName(name); ok && !slices.Contains(out, real) {
					out = append(out, real)
				}
			}
		}
	}
	return out
}

// docker has an input read the files of Docker's containers.
func (c *converter) docker(b *draft.Block, _, sd *kit.Node) {
	b.Set("paths", draft.Texts("/var/lib/docker/containers/*/*-json.log"))
	b.Set("container", draft.Bool(true))
	for _, k := range sd.Kids {
		if f := k.Find("filters"); f != nil {
			c.Lost(b, f, "the files of all containers are read, and nothing but their ids is known of them")
		}
		for _, name := range []string{"host", "refresh_interval"} {
			if x := k.Take(name); x != nil {
				c.Left(b, x, "files are read, and Docker is not asked")
			}
		}
		c.D.Carried(k.At, k.Name)
	}
	c.joined, c.labels["stream"] = true, true
	c.lineSize(b)
}

// kafka is a job of its own, as a pipeline reads Kafka or a buffer.
func (c *converter) kafka(b *draft.Block, _, n *kit.Node) {
	c.Brokers(b, n, n.Texts("brokers"))
	if !c.Set(b, "group", n, "group_id") {
		b.Set("group", draft.Text("promtail"))
	}
	var topics, patterns []string
	for _, t := range n.Texts("topics") {
		if strings.HasPrefix(t, "^") {
			patterns = append(patterns, t)
		} else {
			topics = append(topics, t)
		}
	}
	if topics != nil {
		b.Set("topics", kit.Texts(topics))
	}
	if patterns != nil {
		b.Set("topics_regex", draft.Texts(patterns...))
	}
	if auth := n.Find("authentication"); auth != nil {
		typ := auth.Text("type")
		if s := auth.Find("sasl_config"); typ == "sasl" && s != nil {
			mechanism := s.Text("mechanism")
			if mechanism == "" {
				mechanism = "PLAIN"
			}
			kit.SASL(b, mechanism, s.Text("user"), s.Text("password"))
			c.D.Carried(s.At, s.Name)
			if s.On("use_tls") {
				c.clientTLS(b.In("tls"), s)
			}
		}
		if t := auth.Find("tls_config"); t != nil {
			c.clientTLS(b.In("tls"), t)
		}
	}
	c.KafkaSettings(b, n)
	c.label(n.Find("labels"))
	c.known = func(label string) string {
		return map[string]string{
			"__meta_kafka_topic": "tag", "__meta_kafka_message_key": "key",
		}[label]
	}
}

func (c *converter) clientTLS(t *draft.Block, n *kit.Node) {
	for _, k := range []string{"ca_file", "cert_file", "key_file", "server_name"} {
		c.Set(t, k, n, k)
	}
	c.Flag(t, "insecure_skip_verify", n, "insecure_skip_verify")
}

// others are discoveries and listeners that penstock has not, and what there is instead.
var others = map[string]string{
	"loki_push_api":     "nothing takes pushes of Loki: let them come by input \"http\" (OTLP, lines, JSON, Splunk, bulk) or \"forward\"",
	"gelf":              "nothing takes GELF: let Docker or the application write JSON files, or send syslog or Fluentd's forward",
	"windows_events":    "penstock does not run on Windows: let an agent there send by Fluentd's forward or syslog",
	"gcplog":            "nothing reads Pub/Sub: let the sink of the logs go to Kafka or to a bucket",
	"azure_event_hubs":  "event hubs speak Kafka: write input \"kafka\" with port 9093, tls { } and sasl { mechanism = \"PLAIN\" }",
	"cloudflare":        "nothing asks Cloudflare: its Logpush writes to a bucket or by HTTP",
	"heroku_drain":      "write input \"http\": the drain sends syslog lines by HTTP",
	"consul_sd_configs": "penstock finds files by globs: write an input \"tail\" with their paths",
	"file_sd_configs":   "penstock finds files by globs: write an input \"tail\" with their paths",
}

// notKnown tells of a job that no input can do.
func (c *converter) notKnown(n *kit.Node, name string) {
	why := "penstock finds its files by globs: write an input"
	for _, k := range n.Kids {
		if others[k.Key] != "" {
			why = others[k.Key]
		}
	}
	c.D.Lost(c.Agent, n.At, n.Name+" "+name, why)
	n.Done()
}
