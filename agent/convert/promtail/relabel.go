package promtail

import (
	"regexp"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// relabeling makes headers, and conditions, of what a discovery knows of a target: expressions, by
// the names of its labels.
type relabeling struct {
	known  func(label string) string // "" for what nothing is known of
	labels map[string]string         // that rules have made
	order  []string
}

var (
	anything  = regexp.MustCompile(`^\(?\.[*+]\)?$`)
	firstOf   = regexp.MustCompile(`^\^?;\*\(\[\^;\]\+\)\(;\.\*\)\?\$?$`)
	aroundAll = regexp.MustCompile(`^\^?([\w/:@-]*)\(\.[*+]\??\)([\w/:@-]*)\$?$`)
	oneGroup  = regexp.MustCompile(`\$\{?1\}?`)
	variant   = regexp.MustCompile(`^\^?__meta_kubernetes_pod_label_\(([\w|]+)\)\$?$`)
)

// hashless is how charts take the hash of a ReplicaSet off; the owner here is the Deployment.
const hashless = `([0-9a-z-.]+?)(-[0-9a-f]{8,10})?`

func (r *relabeling) expr(label string) string {
	if e, ok := r.labels[label]; ok {
		return e
	}
	return r.known(label)
}

func (r *relabeling) set(label, expr string) {
	if _, ok := r.labels[label]; !ok {
		r.order = append(r.order, label)
	}
	r.labels[label] = expr
}

// relabel works the rules of a job off, and returns the headers that they make.
func (c *converter) relabel(
	b *draft.Block, rules []*kit.Node, name, cond string,
) []draft.Value {
	r := &relabeling{labels: map[string]string{}, known: c.known}
	for _, rule := range rules {
		c.rule(b, rule, r, name, cond)
	}
	var out []draft.Value
	for _, label := range r.order {
		e := r.labels[label]
		if !strings.HasPrefix(label, "__") && e != "header."+label && e != "" {
			out = append(out, kit.Key(label), draft.Text(e))
		}
		if !strings.HasPrefix(label, "__") {
			c.labels[label] = true
		}
	}
	return out
}

func (c *converter) rule(b *draft.Block, rule *kit.Node, r *relabeling, name, cond string) {
	action := strings.ToLower(rule.Text("action"))
	sources := rule.Texts("source_labels")
	re, target := rule.Text("regex"), rule.Text("target_label")
	replacement, separator := "$1", ";"
	if x := rule.Take("replacement"); x != nil {
		replacement = x.Value
	}
	if x := rule.Take("separator"); x != nil {
		separator = x.Value
	}
	lost := func(why string) {
		c.D.Lost(b, rule.At, rule.Name+" "+strings.Join(sources, ", ")+" "+re, why)
	}
	makes := []string{"", "replace", "lowercase", "uppercase"}
	if target == "" && slices.Contains(makes, action) {
		lost("target_label says which label it makes: promtail refuses a rule without it")
		return
	}
	switch target {
	case "__path__":
		if b.Get("container") != "" {
			c.D.Left(b, rule.At, rule.Name+" __path__ "+replacement, "paths says which files are read")
		} else {
			lost("write paths: no label tells which files are read")
		}
		return
	case "__host__":
		c.D.Left(b, rule.At, rule.Name+" __host__", "each agent reads what is on its own node")
		return
	}
	var exprs []string
	for _, s := range sources {
		e := r.expr(s)
		if s == "__meta_kubernetes_pod_phase" || s == "__meta_kubernetes_pod_ready" {
			c.D.Left(b, rule.At, rule.Name+" "+s, "files are read whatever becomes of their pod")
			return
		}
		if e == "" {
			if target != "" && action != "keep" && action != "drop" {
				c.D.Left(b, rule.At, rule.Name+" "+target, "nothing is known here of "+s)
			} else {
				lost("nothing is known here of " + s)
			}
			return
		}
		exprs = append(exprs, e)
	}
	whole := "^(?:" + re + ")$"
	if _, err := regexp.Compile(whole); err != nil {
		lost("RE2 has it not: " + err.Error())
		return
	}
	joined := joinedBy(exprs, separator)
	switch action {
	case "", "replace":
		e, ok := replaced(exprs, joined, re, replacement, separator)
		if !ok {
			lost("no part is cut out of a label: write filter \"set\" with an expression")
			return
		}
		r.set(target, e)
	case "keep":
		w := c.p.Filter("where", name, cond)
		w.From(rule.At)
		w.Set("condition", draft.Text(joined+" matches "+kit.Quote(whole)))
	case "drop":
		d := c.p.Filter("drop", name, kit.And(cond, joined+" matches "+kit.Quote(whole)))
		d.From(rule.At)
	case "lowercase", "uppercase":
		r.set(target, strings.TrimSuffix(action, "case")+"("+joined+")")
	case "labelmap":
		names := variant.FindStringSubmatch(re)
		if names == nil || replacement != "$1" {
			c.D.Changed(
				b, rule.At, rule.Name+" labelmap "+re,
				"labels of pods are headers labels.NAME: write filter \"set\" for other names",
			)
			return
		}
		for l := range strings.SplitSeq(names[1], "|") {
			if l == "" {
				continue // it leads to a label without a name
			}
			r.set(l, r.known("__meta_kubernetes_pod_label_"+l))
		}
	case "labeldrop", "labelkeep":
		c.D.Left(b, rule.At, rule.Name+" "+action+" "+re, "each header is one that a rule sets")
		return
	default:
		lost("there is nothing that does this: " + action)
		return
	}
	c.D.Carried(rule.At, rule.Name)
}

func joinedBy(exprs []string, separator string) string {
	if len(exprs) == 0 {
		return "''"
	}
	var parts []string
	for _, e := range exprs {
		parts = append(parts, "("+e+" ?? '')")
	}
	if separator == "" {
		return strings.Join(parts, " + ")
	}
	return strings.Join(parts, " + "+kit.Quote(separator)+" + ")
}

// replaced is what a rule gives a label, where no part of what it looks at has to be cut out.
func replaced(exprs []string, joined, re, replacement, separator string) (string, bool) {
	alone := joined
	if len(exprs) == 1 {
		alone = exprs[0]
	}
	before, after, takes := strings.Cut(oneGroup.ReplaceAllString(replacement, "\x00"), "\x00")
	switch {
	case strings.Contains(before+after, "$") || strings.Contains(after, "\x00"):
		return "", false
	case !takes && (re == "" || anything.MatchString(re)):
		return kit.Quote(replacement), true
	case !takes:
		return joined + " matches " + kit.Quote("^(?:"+re+")$") + " ? " + kit.Quote(replacement) + " : nil", true
	}
	around := aroundAll.FindStringSubmatch(re)
	switch {
	case re == "" || anything.MatchString(re):
	case firstOf.MatchString(re) && separator == ";":
		alone = strings.Join(exprs, " ?? ")
	case re == hashless && alone == "header.owner":
	case around != nil && len(exprs) == 1:
		alone = "(" + alone + " ?? '')"
		if around[1] != "" {
			alone = "trimPrefix(" + alone + ", " + kit.Quote(around[1]) + ")"
		}
		if around[2] != "" {
			alone = "trimSuffix(" + alone + ", " + kit.Quote(around[2]) + ")"
		}
	default:
		return "", false
	}
	if before != "" || after != "" {
		alone = kit.Quote(before) + " + (" + alone + ") + " + kit.Quote(after)
	}
	return alone, true
}

// fieldsOf returns what the fields of a journal's entries and of syslog messages are.
func fieldsOf(label string) string {
	for prefix, names := range map[string]map[string]string{
		"__syslog_message_": {
			"hostname": "hostname", "severity": "severity", "facility": "facility",
			"app_name": "app_name", "proc_id": "proc_id", "msg_id": "msg_id",
		},
	} {
		if name, ok := strings.CutPrefix(label, prefix); ok && names[name] != "" {
			return "field." + names[name]
		}
	}
	if label == "__journal_priority_keyword" {
		return "['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug']" +
			"[int(field.PRIORITY ?? 6)]"
	}
	if name, ok := strings.CutPrefix(label, "__journal_"); ok {
		return "field." + strings.ToUpper(name)
	}
	return ""
}
