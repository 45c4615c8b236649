package flume

import (
	"fmt"
	"os"
	"strings"

	"github.com/penstock/penstock/agent/convert/draft"
	"github.com/penstock/penstock/agent/convert/kit"
)

// read reads java.util.Properties into trees, by the dots of the names: one for each agent.
func read(paths []string) ([]*kit.Node, error) {
	root := &kit.Node{}
	for _, path := range paths {
		src, err := os.ReadFile(path)
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
	var comments []string
	lines := strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		at := draft.Place{File: file, Line: i + 1}
		switch {
		case line == "":
			comments = nil
			continue
		case line[0] == '#' || line[0] == '!':
			comments = append(comments, strings.TrimSpace(strings.TrimLeft(line, "#! ")))
			continue
		}
		for odd(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimSpace(lines[i])
		}
		end := strings.IndexAny(line, "=: \t")
		key, value := line, ""
		if end >= 0 {
			key = line[:end]
			value = strings.TrimSpace(line[end:])
			if value != "" && (value[0] == '=' || value[0] == ':') {
				value = strings.TrimSpace(value[1:])
			}
		}
		n := root
		for part := range strings.SplitSeq(key, ".") {
			if n = child(n, part); n.At.File == "" {
				n.At = at
			}
		}
		n.Value, n.Scalar, n.At = unescape(value), true, at
		n.Comments = comments
		comments = nil
	}
}

func odd(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func unescape(v string) string {
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\:`, ":", `\=`, "=").Replace(v)
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
