package graph

import (
	"strings"

	"github.com/penstock/penstock/agent/config"
)

// Graph is a configuration as nodes and edges.
type Graph struct {
	nodes []node
	edges []edge
	pipes []pipe
}

// pipe is one pipeline, in the order its records take.
type pipe struct {
	name    string
	buffer  string // the id of its buffer's node, or "" where there is none
	inputs  []string
	feeds   map[string]string // by input, the pipeline that reads it, where that is another one
	filters []string          // the ids of nodes; each use of a filter is one of its own
	outputs []delivery
}

// delivery is an output of a pipeline, and which records it gets.
type delivery struct {
	output string
	which  string // "" for all
}

type node struct {
	id, label string
	shape     shape
	pipe      string // the pipeline it belongs to alone, or ""
}

type shape int

const (
	inputShape shape = iota
	bufferShape
	filterShape
	outputShape
)

type edge struct {
	from, to   string
	label      string
	isFallback bool // records take this way only in case of need
}

// New returns the graph of a configuration.
func New(cfg *config.Config) *Graph {
	g := &Graph{}
	for _, c := range cfg.Components {
		switch c.Component.Kind {
		case config.Input:
			g.nodes = append(g.nodes, node{id: c.ID(), label: c.ID(), shape: inputShape})
		case config.Output:
			g.nodes = append(g.nodes, node{id: c.ID(), label: c.ID(), shape: outputShape})
		}
	}
	for _, p := range cfg.Pipelines {
		g.addPipeline(p)
	}
	for _, c := range cfg.Components {
		for _, r := range c.Refs {
			g.edges = append(
				g.edges, edge{from: c.ID(), to: r.Target, label: reason(r.Path), isFallback: true},
			)
		}
	}
	return g
}

// reason tells, by the attribute that refers to an output, when records go there.
func reason(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path, ".to"), "_", " ")
}

func (g *Graph) addPipeline(p *config.Pipeline) {
	id := "pipeline." + p.Name
	out := pipe{name: p.Name, inputs: p.From, feeds: p.Feeds}
	var chain []string
	if !p.Source {
		out.buffer = id + ".buffer"
		g.nodes = append(
			g.nodes, node{id: out.buffer, label: "buffer", shape: bufferShape, pipe: p.Name},
		)
		chain = append(chain, out.buffer)
	}
	for _, f := range p.Filter {
		n := node{id: id + "." + f, label: f, shape: filterShape, pipe: p.Name}
		g.nodes = append(g.nodes, n)
		chain = append(chain, n.id)
		out.filters = append(out.filters, f)
	}
	for _, o := range p.To {
		out.outputs = append(out.outputs, delivery{o, ""})
	}
	for _, r := range p.Routes {
		for _, o := range r.To {
			which := strings.Join(r.Match, ", ")
			if r.If != "" {
				which = strings.TrimPrefix(which+" if "+r.If, " ")
			}
			out.outputs = append(out.outputs, delivery{o, which})
		}
	}
	for _, o := range p.Otherwise {
		out.outputs = append(out.outputs, delivery{o, "otherwise"})
	}
	from := p.From
	for _, next := range chain {
		for _, f := range from {
			g.edges = append(g.edges, edge{from: f, to: next})
		}
		from = []string{next}
	}
	for _, f := range from {
		for _, d := range out.outputs {
			g.edges = append(g.edges, edge{from: f, to: d.output, label: d.which})
		}
	}
	g.pipes = append(g.pipes, out)
}
