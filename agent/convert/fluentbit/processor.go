package fluentbit

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/flow"
	"github.com/penstock/penstock/agent/convert/kit"
	"go.yaml.in/yaml/v3"
)

// processors writes the processors of an input or an output as filters for the records with certain
// tags, in their order.
func (c *converter) processors(s *section, m flow.Match) {
	for _, p := range s.processors {
		title := p.title()
		if p.signal != "logs" {
			c.d.Left(c.flow.Notes(), p.at, title, "it is of "+p.signal+"; penstock takes logs")
			continue
		}
		only := m
		if p.condition != nil {
			cond, err := condition(p.condition)
			if err != nil {
				c.d.Lost(c.flow.Notes(), p.at, title, "its condition: "+err.Error())
				continue
			}
			only.Further = kit.And(m.Further, cond)
		}
		switch p.value("name") {
		case "content_modifier":
			c.contentModifier(p, only)
		case "sql":
			c.sql(p, only)
		case "labels", "metrics_selector", "cumulative_to_delta", "tda":
			c.d.Left(c.flow.Notes(), p.at, title, "it is of metrics, and does nothing to logs")
		case "sampling":
			c.d.Left(c.flow.Notes(), p.at, title, "it is of traces, and does nothing to logs")
		case "opentelemetry_envelope":
			c.d.Left(c.flow.Notes(), p.at, title, "records have no envelope")
		default:
			c.filterOf(p, only)
		}
	}
}

// outputProcessors writes those of an output, which change what it alone gets: filters do so as
// long as nobody else gets these records.
func (c *converter) outputProcessors(b *draft.Block, s *section, m flow.Match) {
	if len(s.processors) == 0 {
		return
	}
	for _, other := range c.sections {
		if other.kind == "output" && other != s && c.match(other).Overlaps(m) {
			c.d.Lost(
				b, s.at, s.title()+" processors",
				"other outputs get these records as they were: write a pipeline of its own",
			)
			return
		}
	}
	c.processors(s, m)
}

// contentModifier does one action on one field.
func (c *converter) contentModifier(s *section, m flow.Match) {
	f, title := c.flow, s.title()
	action, key := strings.ToLower(s.value("action")), s.value("key")
	switch strings.ToLower(s.value("context")) {
	case "", "body", "message", "record":
	default:
		c.d.Left(f.Notes(), s.at, title+" "+action+" "+key, "records are their bodies alone")
		return
	}
	title += " " + action
	one := func(v draft.Value) draft.Value { return draft.Map(plainKey(key), v) }
	name := strings.NewReplacer("content_modifier", action).Replace(s.value("name"))
	switch action {
	case "insert", "upsert":
		b := f.Filter("add_fields", name, m, "")
		b.Set("fields", one(draft.Join(c.parts(s.value("value"))...)))
		if action == "insert" {
			b.Set("overwrite", draft.Bool(false))
		}
	case "delete":
		f.Filter("remove_fields", name, m, "").Set("fields", draft.Texts(key))
	case "rename":
		f.Filter("rename_fields", name, m, "").
			Set("fields", one(draft.Text(s.value("value"))))
	case "hash":
		b := f.Filter("hash", name, m, "")
		b.Set("fields", draft.Texts(key))
		b.Set("into", draft.Text(key))
	case "extract":
		re, err := flow.RE2(s.value("pattern"))
		if err != nil {
			c.d.Lost(f.Notes(), s.at, title, err.Error())
			return
		}
		b := f.Filter("parse", name, m, "")
		b.Set("format", draft.Text("regex"))
		b.Set("pattern", draft.Text(re))
		b.Set("field", draft.Text(key))
		b.Set("keep", draft.Text(key))
	case "convert":
		typ := strings.ToLower(s.value("converted_type"))
		to := map[string]string{
			"string": "string", "boolean": "bool", "int": "int", "double": "float",
		}[typ]
		if to == "" {
			c.d.Lost(f.Notes(), s.at, title, fmt.Sprintf("%q is no type that is known now", typ))
			return
		}
		f.Filter("convert", name, m, "").Set("types", one(draft.Text(to)))
	default:
		c.d.Lost(f.Notes(), s.at, title, "there is no such action")
		return
	}
	c.d.Carried(s.at, title+" "+key)
	c.rest(f.Notes(), s)
}

var (
	query = regexp.MustCompile(
		`(?is)^\s*SELECT\s+(.+?)\s+FROM\s+STREAM(?:\s+\w+)?(?:\s+WHERE\s+(.+?))?\s*;?\s*$`,
	)
	selected = regexp.MustCompile(`(?i)^\s*([_A-Za-z][\w.]*)(?:\s+AS\s+([_A-Za-z][\w.]*))?\s*$`)
)

// sql does SELECT keys FROM STREAM WHERE condition.
func (c *converter) sql(s *section, m flow.Match) {
	f, title := c.flow, s.title()
	text := s.value("query")
	q := query.FindStringSubmatch(text)
	if q == nil {
		c.d.Lost(f.Notes(), s.at, title, "it is no query that is known now: "+text)
		return
	}
	var keep []string
	var names []draft.Value
	for k := range strings.SplitSeq(q[1], ",") {
		if strings.TrimSpace(k) == "*" {
			keep = nil
			break
		}
		key := selected.FindStringSubmatch(k)
		if key == nil {
			c.d.Lost(f.Notes(), s.at, title, "write filter \"set\" for "+strings.TrimSpace(k))
			return
		}
		to := key[1]
		if key[2] != "" {
			to = key[2]
			names = append(names, plainKey(key[1]), draft.Text(to))
		}
		keep = append(keep, to)
	}
	if q[2] != "" {
		cond, err := where(q[2])
		if err != nil {
			c.d.Lost(f.Notes(), s.at, title, err.Error())
			return
		}
		f.Filter("where", "sql", m, "").Set("condition", draft.Text(cond))
	}
	if names != nil {
		f.Filter("rename_fields", "sql", m, "").Set("fields", draft.Map(names...))
	}
	if keep != nil {
		f.Filter("keep_fields", "sql", m, "").Set("fields", draft.Texts(keep...))
	}
	c.d.Carried(s.at, title)
	c.rest(f.Notes(), s)
}

var token = regexp.MustCompile(
	`^\s*('(?:[^']|'')*'|-?\d+(?:\.\d+)?|[_A-Za-z][\w.]*|<>|!=|<=|>=|[=<>()])`,
)

// where turns the condition of a query into an expression.
func where(text string) (string, error) {
	var out []string
	for rest := text; strings.TrimSpace(rest) != ""; {
		t := token.FindStringSubmatch(rest)
		if t == nil {
			return "", fmt.Errorf("write filter \"where\" for %s", strings.TrimSpace(rest))
		}
		rest = rest[len(t[0]):]
		word := t[1]
		switch up := strings.ToUpper(word); {
		case word[0] == '\'':
			word = flow.Quote(strings.ReplaceAll(word[1:len(word)-1], "''", "'"))
		case up == "AND" || up == "OR" || up == "TRUE" || up == "FALSE":
			word = strings.ToLower(word)
		case up == "NOT" && len(out) > 0 && out[len(out)-1] == "==":
			out[len(out)-1] = "!="
			continue
		case up == "NOT":
			word = "not"
		case up == "NULL":
			word = "nil"
		case up == "IS" || word == "=":
			word = "=="
		case word == "<>":
			word = "!="
		case word[0] == '_' || word[0]|0x20 >= 'a' && word[0]|0x20 <= 'z':
			word = kit.Field(word)
		}
		out = append(out, word)
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(out, " ")), nil
}

// condition turns that of a processor into an expression. A field that is not there meets no rule.
func condition(n *yaml.Node) (string, error) {
	op, rules := "and", []string(nil)
	var err error
	pairs(n, func(key string, v *yaml.Node) {
		switch {
		case key == "op" && (v.Value == "and" || v.Value == "or"):
			op = v.Value
		case key == "rules":
			for _, r := range v.Content {
				text, bad := rule(r)
				if bad != nil {
					err = bad
				}
				rules = append(rules, text)
			}
		default:
			err = fmt.Errorf("%s is not known", key)
		}
	})
	switch {
	case err != nil:
		return "", err
	case len(rules) == 0:
		return "", fmt.Errorf("it has no rules")
	case len(rules) == 1:
		return rules[0], nil
	}
	return "(" + strings.Join(rules, " "+op+" ") + ")", nil
}

func rule(n *yaml.Node) (string, error) {
	var name, op string
	var value *yaml.Node
	var err error
	pairs(n, func(key string, v *yaml.Node) {
		switch key {
		case "field":
			name = field(v.Value)
		case "op":
			op = v.Value
		case "value":
			value = v
		default:
			err = fmt.Errorf("%s is not known", key)
		}
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("a rule of it is not known: %w", err)
	case value == nil || name == "":
		return "", fmt.Errorf("a rule of it has no field or no value: op %s", op)
	}
	f := kit.Field(name)
	there := f + " != nil and "
	switch op {
	case "eq":
		return f + " == " + literal(value), nil
	case "neq":
		return "(" + there + f + " != " + literal(value) + ")", nil
	case "gt", "lt", "gte", "lte":
		sign := map[string]string{"gt": ">", "lt": "<", "gte": ">=", "lte": "<="}[op]
		return f + " " + sign + " " + literal(value), nil
	case "regex", "not_regex":
		re, err := flow.RE2(value.Value)
		if err != nil {
			return "", err
		}
		if op == "regex" {
			return f + " matches " + flow.Quote(re), nil
		}
		return "(" + there + "not (" + f + " matches " + flow.Quote(re) + "))", nil
	case "in", "not_in":
		var all []string
		for _, v := range value.Content {
			all = append(all, literal(v))
		}
		list := "[" + strings.Join(all, ", ") + "]"
		if op == "in" {
			return f + " in " + list, nil
		}
		return "(" + there + "not (" + f + " in " + list + "))", nil
	}
	return "", fmt.Errorf("op %s is not known", op)
}

// literal writes a scalar of YAML in an expression.
func literal(v *yaml.Node) string {
	switch v.Tag {
	case "!!int", "!!float", "!!bool":
		return v.Value
	}
	return flow.Quote(v.Value)
}
