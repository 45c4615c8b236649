package graph

import (
	"fmt"
	"io"
	"strings"
)

// WriteDOT prints the graph for Graphviz.
func (g *Graph) WriteDOT(w io.Writer) {
	fmt.Fprint(
		w,
		"digraph penstock {\n  rankdir = LR\n  node [fontname = \"sans-serif\"]\n  edge [fontname = \"sans-serif\"]\n",
	)
	shapes := map[shape]string{
		inputShape:  "cds",
		bufferShape: "cylinder",
		filterShape: "box",
		outputShape: "ellipse",
	}
	g.grouped(func(indent string, n node) {
		fmt.Fprintf(
			w, "%s%s [label = %s, shape = %s]\n", indent, dotText(n.id), dotText(n.label),
			shapes[n.shape],
		)
	}, func(p pipe) {
		fmt.Fprintf(
			w, "  subgraph %s {\n    label = %s\n", dotText("cluster_"+p.name),
			dotText("pipeline "+p.name),
		)
	}, func() { fmt.Fprint(w, "  }\n") })
	for _, e := range g.edges {
		var attrs []string
		if e.label != "" {
			attrs = append(attrs, "label = "+dotText(e.label))
		}
		if e.isFallback {
			attrs = append(attrs, "style = dashed")
		}
		end := ""
		if attrs != nil {
			end = " [" + strings.Join(attrs, ", ") + "]"
		}
		fmt.Fprintf(w, "  %s -> %s%s\n", dotText(e.from), dotText(e.to), end)
	}
	fmt.Fprint(w, "}\n")
}

func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// WriteMermaid prints the graph for Mermaid, as code hosts draw it in Markdown.
func (g *Graph) WriteMermaid(w io.Writer) {
	fmt.Fprint(w, "flowchart LR\n")
	names := map[string]string{} // Mermaid reads some words and dots as its own
	for i, n := range g.nodes {
		names[n.id] = fmt.Sprint("n", i)
	}
	around := map[shape][2]string{
		inputShape: {
			"[/",
			"/]",
		},
		bufferShape: {"[(", ")]"},
		filterShape: {"[", "]"},
		outputShape: {"([", "])"},
	}
	pipes := 0
	g.grouped(func(indent string, n node) {
		fmt.Fprintf(
			w, "%s%s%s%s%s\n", indent, names[n.id], around[n.shape][0], mermaidText(n.label),
			around[n.shape][1],
		)
	}, func(p pipe) {
		fmt.Fprintf(w, "  subgraph p%d[%s]\n", pipes, mermaidText("pipeline "+p.name))
		pipes++
	}, func() { fmt.Fprint(w, "  end\n") })
	for _, e := range g.edges {
		arrow := "-->"
		if e.isFallback {
			arrow = "-.->"
		}
		if e.label != "" {
			arrow += "|" + mermaidText(e.label) + "|"
		}
		fmt.Fprintf(w, "  %s %s %s\n", names[e.from], arrow, names[e.to])
	}
}

func mermaidText(s string) string {
	return `"` + strings.NewReplacer(`"`, "#quot;", "#", "#35;", "\n", " ").Replace(s) + `"`
}

// grouped calls each for every node, those of a pipeline between begin and end.
func (g *Graph) grouped(each func(indent string, n node), begin func(pipe), end func()) {
	for _, n := range g.nodes {
		if n.pipe == "" {
			each("  ", n)
		}
	}
	for _, p := range g.pipes {
		var own []node
		for _, n := range g.nodes {
			if n.pipe == p.name {
				own = append(own, n)
			}
		}
		if len(own) == 0 {
			continue
		}
		begin(p)
		for _, n := range own {
			each("    ", n)
		}
		end()
	}
}
