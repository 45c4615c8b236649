package graph

import (
	"fmt"
	"io"
)

// WriteText prints the pipelines as indented text.
func (g *Graph) WriteText(w io.Writer) {
	for i, p := range g.pipes {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "pipeline %s\n", p.name)
		for _, in := range p.inputs {
			if owner := p.feeds[in]; owner != "" {
				in += ", as pipeline " + owner + " reads it"
			}
			fmt.Fprintf(w, "  %s\n", in)
		}
		indent := "  "
		step := func(what string) {
			fmt.Fprintf(w, "%s└─ %s\n", indent, what)
			indent += "   "
		}
		if p.buffer != "" {
			step("buffer")
		}
		for _, f := range p.filters {
			step(f)
		}
		for j, d := range p.outputs {
			branch, below := "├─ ", "│  "
			if j == len(p.outputs)-1 {
				branch, below = "└─ ", "   "
			}
			which := ""
			if d.which != "" {
				which = "  [" + d.which + "]"
			}
			fmt.Fprintf(w, "%s%s%s%s\n", indent, branch, d.output, which)
			g.writeAside(w, indent+below, d.output)
		}
	}
}

// writeAside prints where an output's records go in case of need. The configuration has no circles.
func (g *Graph) writeAside(w io.Writer, indent, output string) {
	var fallbacks []edge
	for _, e := range g.edges {
		if e.isFallback && e.from == output {
			fallbacks = append(fallbacks, e)
		}
	}
	for i, e := range fallbacks {
		branch, below := "├╌ ", "│  "
		if i == len(fallbacks)-1 {
			branch, below = "└╌ ", "   "
		}
		fmt.Fprintf(w, "%s%s%s: %s\n", indent, branch, e.label, e.to)
		g.writeAside(w, indent+below, e.to)
	}
}
