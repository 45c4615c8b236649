package flume

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/agent/convert/kit"
)

// read reads java.util.Properties into trees, by the dots of the names: one for each agent.
func read(paths []string, from kit.Reader) ([]*kit.Node, error) {
	root := &kit.Node{}
	for _, path := range paths {
		src, err := from(path)
		if err != nil {
			return nil, err
		}
		parse(root, path, string(src))
	}
	if len(root.Kids) == 0 {
		return nil, fmt.Errorf("%s: there are no properties in it", strings.Join(paths, ", "))
	}
	return root.Kids, nil
}

func parse(root *kit.Node, file, src string) {
	for _, p := range kit.Properties(file, src) {
		n := root
		for part := range strings.SplitSeq(p.Key, ".") {
			if n = child(n, part); n.At.File == "" {
				n.At = p.At
			}
		}
		n.Value, n.Scalar, n.At = p.Value, true, p.At
	}
}

func child(n *kit.Node, key string) *kit.Node {
	for _, k := range n.Kids {
		if k.Key == key {
			return k
		}
	}
	k := &kit.Node{Key: key, Name: key}
	if n.Name != "" {
		k.Name = n.Name + "." + key
	}
	n.Kids = append(n.Kids, k)
	return k
}
