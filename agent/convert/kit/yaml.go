package kit

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"go.yaml.in/yaml/v3"
)

// YAML reads a file of one document, or of several that are put together.
func YAML(file string, src []byte) (*Node, error) {
	root := &Node{At: draft.Place{File: file, Line: 1}}
	dec := yaml.NewDecoder(strings.NewReader(string(src)))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if err != nil {
			if err.Error() == "EOF" {
				return root, nil
			}
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, n := range doc.Content {
			fromYAML(root, n, file)
		}
	}
}

func fromYAML(into *Node, n *yaml.Node, file string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	add := func(key string, v *yaml.Node) {
		k := &Node{Key: key, Name: key, At: draft.Place{File: file, Line: v.Line}}
		if key == "" {
			k.Name = into.Name
		} else if into.Name != "" {
			k.Name = into.Name + "." + key
		}
		fromYAML(k, v, file)
		into.Kids = append(into.Kids, k)
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if k.Value == "<<" {
				fromYAML(into, v, file)
				continue
			}
			add(k.Value, v)
			into.Kids[len(into.Kids)-1].At.Line = k.Line
		}
	case yaml.SequenceNode:
		for _, v := range n.Content {
			add("", v)
		}
	case yaml.ScalarNode:
		if n.Tag != "!!null" {
			into.Value, into.Scalar = n.Value, true
			into.Quoted = n.Tag == "!!str"
		}
	}
}
