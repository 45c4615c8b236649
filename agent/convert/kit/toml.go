package kit

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/penstock/penstock/agent/convert/draft"
)

// TOML reads a file.
func TOML(file string, src []byte) (*Node, error) {
	root := &Node{At: draft.Place{File: file, Line: 1}}
	p := &unstable.Parser{}
	p.Reset(src)
	table := root
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = root
			names := keys(e)
			line := keyLine(p, e)
			for i, name := range names {
				fresh := e.Kind == unstable.ArrayTable && i == len(names)-1
				table = table.table(name, fresh, draft.Place{File: file, Line: line})
			}
		case unstable.KeyValue:
			line := keyLine(p, e)
			table.keyValue(e, draft.Place{File: file, Line: line})
		}
	}
	if err := p.Error(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return root, nil
}

func keyLine(p *unstable.Parser, e *unstable.Node) int {
	it := e.Key()
	if !it.Next() {
		return 0
	}
	return p.Shape(it.Node().Raw).Start.Line
}

func keys(e *unstable.Node) []string {
	var out []string
	for it := e.Key(); it.Next(); {
		out = append(out, string(it.Node().Data))
	}
	return out
}

func (n *Node) add(key string, at draft.Place) *Node {
	k := &Node{Key: key, Name: key, At: at}
	if key == "" {
		k.Name = n.Name
	} else if n.Name != "" {
		k.Name = n.Name + "." + key
	}
	n.Kids = append(n.Kids, k)
	return k
}

// table returns the table of a name below n, of a list of tables the last one.
func (n *Node) table(name string, fresh bool, at draft.Place) *Node {
	var found *Node
	for _, k := range n.Kids {
		if k.Key == name {
			found = k
		}
	}
	if found == nil {
		found = n.add(name, at)
	}
	if fresh {
		return found.add("", at)
	}
	if l := len(found.Kids); l > 0 && found.Kids[l-1].Key == "" {
		return found.Kids[l-1]
	}
	return found
}

func (n *Node) keyValue(e *unstable.Node, at draft.Place) {
	names := keys(e)
	for _, name := range names[:len(names)-1] {
		n = n.table(name, false, at)
	}
	k := n.add(names[len(names)-1], at)
	k.toml(e.Value(), at)
}

func (n *Node) toml(v *unstable.Node, at draft.Place) {
	switch v.Kind {
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				n.add("", at).toml(it.Node(), at)
			}
		}
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				n.keyValue(it.Node(), at)
			}
		}
	default:
		n.Value, n.Scalar = string(v.Data), true
		n.Quoted = v.Kind == unstable.String
		if v.Kind == unstable.Integer {
			n.Value = strings.ReplaceAll(n.Value, "_", "")
		}
	}
}
