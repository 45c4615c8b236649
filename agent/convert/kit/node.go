package kit

import (
	"regexp"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/buffer/record/dialect"
)

// NoSuchFiles tells of includes that match nothing.
const NoSuchFiles = "no files are called so here: convert it where they are, or take this line out"

// Node is a setting, a section or an entry of a list.
type Node struct {
	Key    string // "" in a list
	Name   string // with those above it
	Value  string // of a setting
	Scalar bool
	Quoted bool // it is a text, whatever it looks like
	At     draft.Place
	Kids   []*Node

	used bool
}

// Find returns what has a name with dots below n, written nested or with dots, or nil.
func (n *Node) Find(name string) *Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Kids {
		if k.Key == name {
			return k
		}
		if rest, ok := strings.CutPrefix(name, k.Key+"."); ok && k.Key != "" {
			if found := k.Find(rest); found != nil {
				return found
			}
		}
	}
	return nil
}

// Take is Find for a setting that is dealt with now, by the first of several names.
func (n *Node) Take(names ...string) *Node {
	for _, name := range names {
		if found := n.Find(name); found != nil {
			found.used = true
			return found
		}
	}
	return nil
}

// Text returns a setting as text, that of a list of one too, "" if there is none; it is dealt with.
func (n *Node) Text(names ...string) string {
	found := n.Take(names...)
	if found == nil {
		return ""
	}
	if len(found.Kids) == 1 && found.Kids[0].Key == "" {
		found = found.Kids[0]
		found.used = true
	}
	return found.Value
}

// On reports whether a setting is true; it is dealt with.
func (n *Node) On(names ...string) bool {
	switch strings.ToLower(n.Text(names...)) {
	case "true", "on", "yes", "1":
		return true
	}
	return false
}

// List returns the entries of a list, or the one setting, or the words of it; they are dealt with.
func (n *Node) List(names ...string) []*Node {
	found := n.Take(names...)
	if found == nil {
		return nil
	}
	if found.Scalar {
		return []*Node{found}
	}
	for _, k := range found.Kids {
		if k.Scalar {
			k.used = true
		}
	}
	return found.Kids
}

// Texts returns a list of texts, or the one text.
func (n *Node) Texts(names ...string) []string {
	var out []string
	for _, k := range n.List(names...) {
		out = append(out, k.Value)
	}
	return out
}

// Done marks all below n as dealt with.
func (n *Node) Done() {
	if n == nil {
		return
	}
	n.used = true
	for _, k := range n.Kids {
		k.Done()
	}
}

// Unused calls fn for each setting that nothing was made of, once.
func (n *Node) Unused(fn func(*Node)) {
	n.unused(func(x *Node) {
		x.used = true
		fn(x)
	})
}

func (n *Node) unused(fn func(*Node)) {
	for _, k := range n.Kids {
		if k.Scalar && !k.used {
			fn(k)
		}
		k.unused(fn)
	}
}

var secret = regexp.MustCompile(
	`(?i)passw|secret|token|shared_key|api_?key|access_?key|credential|jaas|auth\.user`,
)

// Shown is a setting as it is told, without what is secret.
func (n *Node) Shown() string {
	switch {
	case secret.MatchString(n.Name):
		return n.Name + " ..."
	case n.Scalar:
		return n.Name + " = " + n.Value
	}
	return n.Name
}

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Key is the name of a map's entry.
func Key(name string) draft.Value {
	if plain.MatchString(name) {
		return draft.Value(name)
	}
	return draft.Text(name)
}

// Field is a field in an expression. A dot that belongs to a name is written \.
func Field(name string) string {
	var b strings.Builder
	b.WriteString("field")
	for _, part := range dialect.SplitNames(name) {
		if plain.MatchString(part) {
			b.WriteString("." + part)
		} else {
			b.WriteString(`['` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(part) + `']`)
		}
	}
	return b.String()
}

// FieldPart is a field in a template.
func FieldPart(name string) draft.Part {
	var b strings.Builder
	b.WriteString("field")
	for _, part := range dialect.SplitNames(name) {
		if plain.MatchString(part) {
			b.WriteString("." + part)
		} else {
			b.WriteString("[" + string(draft.Text(part)) + "]")
		}
	}
	return draft.Tmpl(b.String())
}

// Nest makes sections of names with dots, and one of all that are written apart.
func (n *Node) Nest() {
	var out []*Node
	for _, k := range n.Kids {
		for k.Key != "" {
			first, rest, dotted := strings.Cut(k.Key, ".")
			if !dotted || first == "" || rest == "" {
				break
			}
			name := strings.TrimSuffix(k.Name, k.Key) + first
			k.Key = rest
			k = &Node{Key: first, Name: name, At: k.At, Kids: []*Node{k}}
		}
		merged := false
		for _, o := range out {
			if k.Key != "" && o.Key == k.Key && !o.Scalar && !k.Scalar {
				o.Kids = append(o.Kids, k.Kids...)
				merged = true
			}
		}
		if !merged {
			out = append(out, k)
		}
	}
	n.Kids = out
	for _, k := range n.Kids {
		k.Nest()
	}
}
