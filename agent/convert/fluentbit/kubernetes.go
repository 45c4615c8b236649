package fluentbit

import (
	"cmp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
)

// podLogs is an input that reads the logs of containers.
type podLogs struct {
	input *draft.Block
	match flow.Match
}

// ofPods reads the logs of containers as such where a parser takes their lines apart and a filter
// kubernetes asks of which pod they are.
func (c *converter) ofPods(b *draft.Block, s *section, m flow.Match) bool {
	p := s.get("parser")
	if p == nil || !c.asksPods(m) {
		return false
	}
	key := map[string]string{"docker": "log", "cri": "message"}[p.value]
	if own := c.parsers[p.value]; own != nil {
		key = ""
		re := own.value("regex")
		for _, name := range []string{"log", "message"} {
			if strings.Contains(re, "<stream>") && strings.Contains(re, "<"+name+">") ||
				name == "log" && p.value == "docker" && own.value("format") == "json" {
				key = name
				break
			}
		}
	}
	if key == "" {
		return false
	}
	if own := c.parsers[p.value]; own != nil {
		for _, p := range own.props {
			p.used = true
		}
	}
	f := c.flow.Filter("parse", c.inputName(s), m, "")
	f.Set("format", draft.Text("regex"))
	f.Set("pattern", draft.Text("^(?P<"+key+">(?s:.*))$"))
	c.container(b, p, m)
	c.d.Changed(b, p.at, shown(p)+", parts of lines", "what the runtime has cut is put together")
	return true
}

func (c *converter) asksPods(m flow.Match) bool {
	for _, s := range c.sections {
		if s.kind == "filter" && s.value("name") == "kubernetes" && c.match(s).Overlaps(m) {
			return true
		}
	}
	return false
}

// unlike are the settings of the filter kubernetes that have no meaning any more, and why.
var unlike = map[string]string{
	"kube_tag_prefix":                "pods are told by the path of the file",
	"kube_url":                       "see server",
	"buffer_size":                    "answers are read as long as they are",
	"use_kubelet":                    "one watch of the API server, for the pods of this node",
	"kubelet_port":                   "one watch of the API server, for the pods of this node",
	"kubelet_host":                   "one watch of the API server, for the pods of this node",
	"kube_meta_cache_ttl":            "one watch of the API server, for the pods of this node",
	"kube_meta_namespace_cache_ttl":  "one watch of the API server, for the pods of this node",
	"kube_meta_preload_cache_dir":    "one watch of the API server, for the pods of this node",
	"cache_use_docker_id":            "pods are told by their uid",
	"kube_token_ttl":                 "the token is read again for each request",
	"kube_token_file":                "see token_file",
	"kube_ca_file":                   "see tls",
	"tls.debug":                      "see the log",
	"tls.verify":                     "see tls",
	"dns_retries":                    "attempts never end",
	"dns_wait_time":                  "attempts never end",
	"merge_log_trim":                 "JSON may end with a newline",
	"regex_parser":                   "pods are told by the path of the file",
	"k8s-logging.parser":             "no annotation names a parser: write filter \"parse\" with if",
	"namespace_labels":               "namespaces are not asked for",
	"namespace_annotations":          "namespaces are not asked for",
	"namespace_metadata_only":        "namespaces are not asked for",
	"owner_references":               "the owner is in the headers owner_kind and owner",
	"use_journal":                    "see input \"journald\"",
	"use_tag_for_meta":               "pods are told by the path of the file",
	"annotations":                    "they are not read",
	"labels":                         "they are not read",
	"cached_pod_association_enabled": "pods are told by the path of the file",
	"aws_use_pod_association":        "pods are told by the path of the file",
}

// kubernetes carries over the filter of that name: what it asks for becomes headers, which a filter
// makes the field kubernetes of.
func (c *converter) kubernetes(s *section, m flow.Match, label string) {
	f, title := c.flow, s.title()
	var of []podLogs
	for _, p := range c.pods {
		if p.match.Overlaps(m) {
			of = append(of, p)
		}
	}
	if of == nil {
		c.d.Left(
			f.Notes(), s.at, title,
			"write container = true and a kubernetes block in input \"tail\": labels, annotations and the pod come as headers",
		)
		return
	}
	labels, annotations := on(cmp.Or(s.value("labels"), "on")), on(cmp.Or(s.value("annotations"), "on"))
	for _, p := range of {
		k := p.input.In("kubernetes")
		k.Set("node", draft.Env("NODE_NAME"))
		c.d.Changed(
			k, s.at, title+", node",
			"NODE_NAME is to be this node's name: give the pod that variable, from spec.nodeName",
		)
		if u := s.get("kube_url"); u != nil && !strings.Contains(u.value, "kubernetes.default.svc") {
			c.set(k, "server", s, "kube_url")
		}
		if !labels {
			k.Set("labels", draft.List())
		}
		if annotations {
			k.Set("annotations", draft.Texts("*"))
		}
		if !on(s.value("k8s-logging.exclude")) {
			k.Set("honor_exclude", draft.Bool(false))
		}
		const dir = "/var/run/secrets/kubernetes.io/serviceaccount/"
		if t := s.get("kube_token_file"); t != nil && t.value != dir+"token" {
			c.set(k, "token_file", s, "kube_token_file")
		}
		if t := s.get("tls.verify"); t == nil || on(t.value) {
			if ca := s.value("kube_ca_file"); ca != "" && ca != dir+"ca.crt" {
				c.set(k.In("tls"), "ca_file", s, "kube_ca_file")
			}
		} else {
			if ca := s.get("kube_ca_file"); ca != nil {
				c.d.Left(k.In("tls"), ca.at, shown(ca), "nothing is verified here")
			}
			k.In("tls").Set("insecure_skip_verify", draft.Bool(true))
			c.carry(t)
		}
	}
	fields := []string{
		"pod_name: header.pod", "namespace_name: header.namespace", "pod_id: header.uid",
		"host: header.node", "container_name: header.container", "docker_id: header.container_id",
	}
	if labels {
		fields = append(fields, "labels: headers('labels.')")
	}
	if annotations {
		fields = append(fields, "annotations: headers('annotations.')")
	}
	b := f.Filter("set", label, m, "header.pod != nil")
	b.From(s.at)
	b.Set("fields", draft.Map("kubernetes", draft.Text("{"+strings.Join(fields, ", ")+"}")))
	c.d.Changed(
		b, s.at, title,
		"container_image, container_hash and pod_ip are not told; the headers go with the record",
	)
	c.mergeLog(s, m, label)
	for _, p := range s.props {
		if why := unlike[p.key]; why != "" && !p.used {
			p.used = true
			c.d.Left(b, p.at, shown(p), why)
		}
	}
	c.rest(b, s)
}

// mergeLog takes the JSON in log apart.
func (c *converter) mergeLog(s *section, m flow.Match, label string) {
	p := s.get("merge_log")
	if p == nil || !on(p.value) {
		return
	}
	b := c.flow.Filter("parse", label, m, "field.log startsWith '{'")
	b.Set("format", draft.Text("json"))
	b.Set("field", draft.Text("log"))
	c.set(b, "into", s, "merge_log_key")
	if keep := s.get("keep_log"); keep == nil || on(keep.value) {
		b.Set("keep", draft.Text("log"))
	}
	c.carry(p)
	if parser := s.get("merge_parser"); parser != nil {
		c.d.Lost(b, parser.at, shown(parser), "write a filter \"parse\" for the field log")
	}
}
