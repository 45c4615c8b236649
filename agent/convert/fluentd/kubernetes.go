package fluentd

import (
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
)

// podLogs is an input that reads the logs of containers.
type podLogs struct {
	input *draft.Block
	match flow.Match
}

const criLine = `^(?P<time>[^ ]+) (?P<stream>stdout|stderr) (?P<logtag>[^ ]*) (?P<message>(?s:.*))$`

// kubernetesLine is what programs of Kubernetes write (klog), as the images of fluentd read it.
var kubernetesLine = [][2]string{
	{"format_firstline", `/^\w\d{4}/`},
	{
		"format1",
		`/^(?<severity>\w)(?<time>\d{4} [^\s]*)\s+(?<pid>\d+)\s+(?<source>[^ \]]+)\] (?<message>.*)/`,
	},
	{"time_format", "%m%d %H:%M:%S.%N"},
}

// unfold writes out a parser that is a multiline one with patterns of its own.
func unfold(spec *element) {
	p := spec.get("format", "@type", "type")
	if p == nil || p.value != "kubernetes" && p.value != "multiline_kubernetes" {
		return
	}
	p.value = "multiline"
	for _, kv := range kubernetesLine {
		if spec.get(kv[0]) == nil {
			spec.params = append(spec.params, &param{key: kv[0], value: kv[1], at: p.at})
		}
	}
}

// ofPods reads the logs of containers as such where a parser takes their lines apart and a filter
// kubernetes_metadata asks of which pod they are.
func (c *converter) ofPods(
	f *flow.Flow, b *draft.Block, e, spec *element, name string, tags flow.Match,
) bool {
	if !strings.Contains(e.value("path"), "/containers/") &&
		!strings.Contains(e.value("path"), "/pods/") || !c.asksPods(tags) {
		return false
	}
	key := lineKey(spec)
	if key == "" {
		return false
	}
	m := c.own(tags)
	b.Set("container", draft.Bool(true))
	p := f.Filter("parse", name, m, "")
	p.Set("format", draft.Text("regex"))
	p.Set("pattern", draft.Text("^(?P<"+key+">(?s:.*))$"))
	f.Filter("add_fields", "stream", m, "").
		Set("fields", draft.Map("stream", "header.stream"))
	c.d.Changed(
		b, spec.at, describe(e)+" "+spec.value("format", "@type", "type"),
		"what the runtime has cut is put together, and the time that it has written is the record's",
	)
	if inner := spec.sub("parse"); inner != nil { // of what stands in the line
		c.parser(f, inner, name, m, key, "")
	}
	for _, s := range append(spec.elements, spec) {
		if s == spec || s.name == "pattern" {
			for _, k := range []string{"time_format", "time_key", "keep_time_key", "time_type", "merge_cri_fields"} {
				if p := s.get(k); p != nil {
					c.d.Left(b, p.at, shown(p), "the runtime's lines are read as such")
				}
			}
		}
	}
	c.pods = append(c.pods, podLogs{b, m})
	return true
}

// lineKey is the field in which a parser of the runtime's lines leaves what was logged, "" if it is
// none of those.
func lineKey(spec *element) string {
	of := func(e *element) string {
		re := e.value("expression")
		switch typ := e.value("format", "@type", "type"); {
		case typ == "json":
			return "log"
		case typ == "cri":
			return "message"
		case typ == "regexp" || strings.HasPrefix(typ, "/"):
			if strings.HasPrefix(typ, "/") {
				re = typ
			}
			for _, name := range []string{"log", "message"} {
				if strings.Contains(re, "<stream>") && strings.Contains(re, "<"+name+">") {
					return name
				}
			}
		}
		return ""
	}
	if !strings.HasPrefix(spec.value("format", "@type", "type"), "multi_format") &&
		spec.value("format", "@type", "type") != "multi-format-parser" {
		return of(spec)
	}
	key := ""
	for _, s := range spec.elements {
		k := of(s)
		if s.name != "pattern" || k == "" || key != "" && k != key {
			return ""
		}
		key = k
	}
	return key
}

// asksPods reports whether a filter kubernetes_metadata gets events with certain tags.
func (c *converter) asksPods(m flow.Match) bool {
	scopes := []*element{c.root}
	for _, l := range c.labels {
		scopes = append(scopes, l)
	}
	for _, scope := range scopes {
		for _, e := range scope.elements {
			if e.name != "filter" || e.value("@type", "type") != "kubernetes_metadata" {
				continue
			}
			if p, err := pattern(e.arg); err == nil && p.Overlaps(m) {
				return true
			}
		}
	}
	return false
}

const oneWatch = "one watch of the API server, for the pods of this node"

// ofMetadata are settings of kubernetes_metadata that have no meaning any more, and why.
var ofMetadata = map[string]string{
	"kubernetes_url":                       "see server",
	"watch":                                oneWatch,
	"cache_size":                           oneWatch,
	"cache_ttl":                            oneWatch,
	"watch_retry_interval":                 oneWatch,
	"watch_retry_max_times":                oneWatch,
	"watch_retry_exponential_backoff_base": oneWatch,
	"stats_interval":                       "see /metrics",
	"bearer_token_file":                    "see token_file",
	"verify_ssl":                           "see tls",
	"ca_file":                              "see tls",
	"client_cert":                          "see tls",
	"client_key":                           "see tls",
	"apiversion":                           "it is v1",
	"tag_to_kubernetes_name_regexp":        "pods are told by the path of the file",
	"container_name_to_kubernetes_regexp":  "pods are told by the path of the file",
	"lookup_from_k8s_field":                "pods are told by the path of the file",
	"use_journal":                          "see input \"journald\"",
	"allow_orphans":                        "a record of a pod that is not known goes on without it",
	"orphaned_namespace_name":              "a record of a pod that is not known goes on without it",
	"orphaned_namespace_id":                "a record of a pod that is not known goes on without it",
	"skip_namespace_metadata":              "namespaces are not asked for",
	"skip_container_metadata":              "of containers the name and the id are told",
	"skip_master_url":                      "it is not told",
	"include_namespace_id":                 "namespaces are not asked for",
	"include_namespace_metadata":           "namespaces are not asked for",
	"de_dot":                               "labels keep their names",
	"de_dot_separator":                     "labels keep their names",
	"de_slash":                             "labels keep their names",
	"de_slash_separator":                   "labels keep their names",
}

// kubernetes carries over kubernetes_metadata: what it asks for becomes headers, which a filter
// makes the field kubernetes of.
func (c *converter) kubernetes(
	f *flow.Flow, e *element, m flow.Match, further, name string,
) {
	var of []podLogs
	for _, p := range c.pods {
		if p.match.Overlaps(m) {
			of = append(of, p)
		}
	}
	if of == nil {
		c.d.Lost(
			f.Notes(), e.at, describe(e),
			"no input that reads /var/log/containers, with a parser for what the runtime writes, comes here: "+
				"write container = true and kubernetes { node = env(\"NODE_NAME\") } in input \"tail\", "+
				"and filter \"set\" with the headers pod, namespace and labels.NAME",
		)
		return
	}
	off := func(key string) bool { p := e.get(key); return p != nil && truth(p.value) }
	noLabels := off("skip_labels") || off("skip_pod_labels")
	annotations := list(e.value("annotation_match"))
	for _, p := range of {
		k := p.input.In("kubernetes")
		k.Set("node", draft.Env("NODE_NAME"))
		c.d.Changed(
			k, e.at, describe(e)+", node",
			"NODE_NAME is to be this node's name: give the pod that variable, from spec.nodeName",
		)
		if u := e.get("kubernetes_url"); u != nil {
			if v, ok := parts(u.value, u.raw); ok && !strings.Contains(u.value, "kubernetes.default") {
				k.Set("server", draft.Join(v...))
				c.carry(u)
			} else {
				c.d.Left(k, u.at, shown(u), "it is the cluster's own unless server is written")
			}
		}
		if noLabels {
			k.Set("labels", draft.List())
		}
		if len(annotations) > 0 {
			k.Set("annotations", draft.Texts("*"))
			c.d.Changed(
				k, e.get("annotation_match").at, shown(e.get("annotation_match")),
				"annotations come by their names, with a * at the end, not by expressions: these are all",
			)
		}
		k.Set("honor_exclude", draft.Bool(false))
		c.set(k, "token_file", e, "bearer_token_file")
		if v := e.get("verify_ssl"); v != nil && v.value == "false" {
			k.In("tls").Set("insecure_skip_verify", draft.Bool(true))
			c.carry(v)
		} else if ca := e.get("ca_file"); ca != nil && ca.value != "" {
			c.set(k.In("tls"), "ca_file", e, "ca_file")
		}
	}
	fields := []string{
		"pod_name: header.pod", "namespace_name: header.namespace", "pod_id: header.uid",
		"host: header.node", "container_name: header.container",
	}
	if !noLabels {
		fields = append(fields, "labels: headers('labels.')")
	}
	if len(annotations) > 0 {
		fields = append(fields, "annotations: headers('annotations.')")
	}
	b := f.Filter("set", name, m, kit.And(further, "header.pod != nil"))
	b.From(e.at)
	b.Set("fields", draft.Map(
		"docker", draft.Text("{container_id: header.container_id}"),
		"kubernetes", draft.Text("{"+strings.Join(fields, ", ")+"}"),
	))
	c.d.Changed(
		b, e.at, describe(e),
		"the image, the pod's address, the namespace's labels and master_url are not told; the headers go with the record",
	)
	for _, p := range e.params {
		if why := ofMetadata[p.key]; why != "" && !p.used {
			p.used = true
			c.d.Left(b, p.at, shown(p), why)
		}
	}
	c.unused(b, e)
}

// exceptions adds what joins stack traces, which detect_exceptions does as an output that gives
// the tag without a prefix.
func (c *converter) exceptions(f *flow.Flow, e *element, m flow.Match, further, name string) {
	if why := f.CannotJoin(m); why != "" {
		c.d.Lost(f.Notes(), e.at, describe(e), why)
		return
	}
	known := map[string]string{
		"java": "java", "python": "python", "go": "go", "ruby": "ruby", "php": "php", "csharp": "dotnet",
		"js": "node", "javascript": "node", "dart": "",
	}
	languages := list(e.value("languages"))
	all := len(languages) == 0
	for _, l := range languages {
		all = all || l == "all"
	}
	if all {
		languages = []string{"java", "python", "go", "ruby", "php", "csharp", "js"}
	}
	b := f.Filter("multiline", name, m, further)
	b.From(e.at)
	field := "message"
	if p := e.get("message"); p != nil {
		field = accessor(p.value)
	}
	b.Set("field", draft.Text(field))
	var presets []string
	for _, l := range languages {
		if preset := known[l]; preset != "" {
			presets = append(presets, preset)
		} else {
			c.d.Left(b, e.get("languages").at, "languages "+l, "there is no such preset")
		}
	}
	if presets == nil {
		presets = []string{"indented"}
	}
	b.Set("presets", draft.Texts(presets...))
	if p := e.get("stream"); p != nil && p.value != "" {
		b.Set("key", draft.Text("string("+expressionField(accessor(p.value))+" ?? '')"))
		c.carry(p)
	}
	c.duration(b, "timeout", e, "multiline_flush_interval")
	for _, a := range [][2]string{{"max_lines", "max_lines"}, {"max_bytes", "max_size"}} {
		if p := e.get(a[0]); p != nil && p.value != "0" {
			if n, err := size(p.value); err == nil && a[1] == "max_size" {
				b.Set(a[1], draft.Size(n))
			} else if err == nil {
				b.Set(a[1], draft.Int(n))
			}
			c.carry(p)
		}
	}
	if p := e.get("remove_tag_prefix"); p != nil {
		c.d.Changed(b, p.at, shown(p), "the inputs, or the rules, give the tag without it")
	}
	c.d.Carried(e.at, describe(e))
	c.unused(b, e)
}

// joinsTraces makes filters of the outputs detect_exceptions of a scope, and takes the prefix that
// they take off tags from inputs, and from what asks for it.
func (c *converter) joinsTraces(scope *element) {
	var first, rest []*element
	for _, e := range scope.elements {
		if e.name != "match" || e.value("@type", "type") != "detect_exceptions" {
			rest = append(rest, e)
			continue
		}
		prefix := e.value("remove_tag_prefix") + "."
		if prefix == "." {
			rest = append(rest, e)
			continue
		}
		e.name = "filter"
		e.arg = withoutPrefix(e.arg, prefix)
		if givesTags(rest, prefix) {
			rest = append(rest, e)
			continue
		}
		var others []*element
		for _, o := range rest {
			if o.name == "filter" && strings.Contains(" "+o.arg, " "+prefix) {
				o.arg = withoutPrefix(o.arg, prefix)
				first = append(first, o)
			} else {
				others = append(others, o)
			}
		}
		first, rest = append(first, e), others
		for _, s := range c.root.elements {
			if p := s.get("tag"); s.name == "source" && p != nil {
				p.value = strings.TrimPrefix(p.value, prefix)
			}
		}
	}
	scope.elements = append(first, rest...)
}

// givesTags reports whether rules give records tags of a prefix, which is taken off these, and off
// what asks for them.
func givesTags(elements []*element, prefix string) bool {
	is := false
	for _, o := range elements {
		if o.name != "match" || o.value("@type", "type") != "rewrite_tag_filter" {
			continue
		}
		for _, rule := range o.elements {
			if p := rule.get("tag"); p != nil && strings.HasPrefix(p.value, prefix) {
				p.value, is = strings.TrimPrefix(p.value, prefix), true
			}
		}
	}
	for _, o := range elements {
		if is && o.name == "filter" {
			o.arg = withoutPrefix(o.arg, prefix)
		}
	}
	return is
}

func withoutPrefix(patterns, prefix string) string {
	words := strings.Fields(patterns)
	for i, w := range words {
		words[i] = strings.TrimPrefix(w, prefix)
	}
	return strings.Join(words, " ")
}
