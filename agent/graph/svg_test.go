package graph

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// randomGraph is one that a configuration could have, with names of all kinds.
func randomGraph(r *rand.Rand) *Graph {
	name := func(i int) string {
		return fmt.Sprint([]string{"a", "über", "日志", strings.Repeat("long_", 30), `<b>&"`, "\x01"}[r.IntN(6)], i)
	}
	g := &Graph{}
	add := func(id string, s shape, pipe string) string {
		g.nodes = append(g.nodes, node{id: id, label: id, shape: s, pipe: pipe})
		return id
	}
	var outputs []string
	for i := range 1 + r.IntN(8) {
		outputs = append(outputs, add("output.kafka."+name(i), outputShape, ""))
	}
	for i := range r.IntN(4) {
		p := pipe{name: name(i)}
		for j := range 1 + r.IntN(4) {
			p.inputs = append(p.inputs, add(fmt.Sprint("input.tail.", name(i), j), inputShape, ""))
		}
		if r.IntN(3) > 0 {
			p.buffer = add("pipeline."+p.name+".buffer", bufferShape, p.name)
		}
		for j := range r.IntN(4) {
			p.filters = append(p.filters, fmt.Sprint("filter.grep.", j))
			add(fmt.Sprint("pipeline.", p.name, ".filter.grep.", j), filterShape, p.name)
		}
		for _, o := range outputs {
			if r.IntN(2) == 0 {
				p.outputs = append(p.outputs, delivery{o, []string{"", name(9), "if x < 3"}[r.IntN(3)]})
			}
		}
		g.pipes = append(g.pipes, p)
	}
	for i, from := range outputs {
		for _, to := range outputs[i+1:] {
			if r.IntN(4) == 0 {
				g.edges = append(g.edges, edge{from: from, to: to, label: "failover", isFallback: true})
			}
		}
	}
	r.Shuffle(len(g.nodes), func(i, j int) { g.nodes[i], g.nodes[j] = g.nodes[j], g.nodes[i] })
	return g
}

// Whatever the configuration: no box covers another, lines run from left to right, all is within
// the picture, each node is there, and the picture is XML that asks for nothing and runs nothing.
func TestDrawnConfigurationsCanBeRead(t *testing.T) {
	r := runtest.Rand(t)
	for range 300 {
		g := randomGraph(r)
		l := newLayout(g)
		for c, boxes := range l.columns {
			for i, b := range boxes {
				if b.column != c || b.x < 0 || b.y < 0 || b.x+b.w > l.w || b.y+b.h > l.h {
					t.Fatalf("%+v is not within %v x %v", b, l.w, l.h)
				}
				for _, other := range boxes[:i] {
					if b.node != nil && other.node != nil && b.y < other.y+other.h && other.y < b.y+b.h {
						t.Fatalf("%v covers %v", b.node, other.node)
					}
				}
			}
		}
		for _, w := range l.wires {
			if w.to.column != w.from.column+1 || w.to.x-l.labels[w.to.column] < w.from.x+w.from.w ||
				w.y < w.to.y || w.y > w.to.y+w.to.h {
				t.Fatalf("%+v", w)
			}
		}
		for i, b := range l.bands[:max(0, len(l.bands)-1)] {
			if b.y+b.h > l.bands[i+1].y {
				t.Fatalf("%+v covers %+v", b, l.bands[i+1])
			}
		}
		var b bytes.Buffer
		g.WriteSVG(&b)
		texts := wellFormed(t, b.Bytes())
		for _, n := range g.nodes {
			_, name := parts(n.label)
			if name = strings.ReplaceAll(name, "\x01", " "); !strings.Contains(texts, "\n"+name+"\n") {
				t.Fatalf("%q is not in the picture: %s", name, texts)
			}
		}
	}
}

// wellFormed returns the texts of a picture, each between newlines.
func wellFormed(t *testing.T, svg []byte) string {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	texts := "\n"
	for {
		token, err := d.Token()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch x := token.(type) {
		case xml.CharData:
			texts += string(x) + "\n"
		case xml.StartElement:
			if n := x.Name.Local; n == "script" || n == "image" || n == "a" || n == "foreignObject" {
				t.Fatalf("a %s in\n%s", n, svg)
			}
			for _, a := range x.Attr {
				if a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") {
					t.Fatalf("%s in\n%s", a.Name.Local, svg)
				}
			}
		}
	}
}

func TestBoxesStandWhereTheyWouldLikeTo(t *testing.T) {
	boxes := []*box{{h: 40}, {h: 40}, {h: 40}, {h: 40}}
	wishes := map[*box]float64{boxes[0]: 500, boxes[1]: 100, boxes[2]: 100}
	place(boxes, func(b *box) (float64, bool) { y, ok := wishes[b]; return y, ok })
	var got []float64
	for _, b := range boxes {
		got = append(got, b.middle())
	}
	// two that wish for the same place share it; the one without a wish is last
	if want := []float64{72, 128, 472.5, 528.5}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
