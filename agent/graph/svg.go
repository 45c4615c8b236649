package graph

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Longer texts are cut in their middle; the whole is shown when the pointer is on it.
const (
	longName  = 40
	longLabel = 34
)

// svgStyle is all the style there is: nothing is fetched, and colours follow the reader's choice of
// light or dark.
const svgStyle = `
  svg { background: #ffffff }
  .page { fill: #ffffff }
  .band { fill: #f3f4f6; stroke: #d1d5db }
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #111827 }
  .kind, .title { font-size: 10.5px; fill: #4b5563 }
  .label { font-size: 10.5px; fill: #374151 }
  .box { fill: #ffffff; stroke: #4b5563; stroke-width: 1.2 }
  .input { fill: #e0f2fe; stroke: #0369a1 }
  .buffer { fill: #fef3c7; stroke: #b45309 }
  .output { fill: #dcfce7; stroke: #15803d }
  .line { fill: none; stroke: #4b5563; stroke-width: 1.2 }
  .aside { stroke-dasharray: 5 4 }
  .head { fill: #4b5563 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 }
    .page { fill: #0d1117 }
    .band { fill: #161b22; stroke: #30363d }
    text { fill: #f0f6fc }
    .kind, .title { fill: #9da7b3 }
    .label { fill: #c9d1d9 }
    .box { fill: #0d1117; stroke: #9da7b3 }
    .input { fill: #0c2d48; stroke: #58a6ff }
    .buffer { fill: #3b2a05; stroke: #d29922 }
    .output { fill: #0f2f1a; stroke: #3fb950 }
    .line { stroke: #9da7b3 }
    .head { fill: #9da7b3 }
  }
`

// WriteSVG prints the graph as a picture that stands by itself.
func (g *Graph) WriteSVG(w io.Writer) {
	l := newLayout(g)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img">
<title>%s</title>
<style>%s</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>
<rect class="page" width="100%%" height="100%%"/>
`, l.w, l.h, l.w, l.h, svgText(summary(g)), svgStyle)
	for _, b := range l.bands {
		l.writeBand(w, b)
	}
	for _, wire := range l.wires {
		l.writeWire(w, wire)
	}
	for i := range g.nodes {
		writeBox(w, l.boxes[g.nodes[i].id])
	}
	fmt.Fprint(w, "</svg>\n")
}

func summary(g *Graph) string {
	var names []string
	for _, p := range g.pipes {
		names = append(names, p.name)
	}
	return "Pipelines: " + strings.Join(names, ", ")
}

func (l *layout) writeBand(w io.Writer, b *band) {
	from, to := b.first.x-bandPadding, b.last.x+b.last.w+bandPadding
	fmt.Fprintf(w, `<rect class="band" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`+"\n",
		from, b.y, to-from, b.h)
	writeText(w, "title", "start", from+8, b.y+15, "pipeline "+b.name,
		int((to-from-16)/(charWidth*0.9)))
	for _, p := range b.passed {
		fmt.Fprintf(w, `<path class="line" d="M%.1f %.1fh%.1f"/>`+"\n", p.x, p.middle(), p.w)
	}
	for i := 1; i < len(b.filters); i++ {
		above, below := b.filters[i-1], b.filters[i]
		x := above.x + above.w/2
		fmt.Fprintf(w, `<path class="line" d="M%.1f %.1fV%.1f" marker-end="url(#head)"/>`+"\n",
			x, above.y+above.h, below.y)
	}
}

// writeWire draws a curve through the gap between two columns, and then straight on below the
// label. Where a line passes an outer column, it goes straight through that as well.
func (l *layout) writeWire(w io.Writer, e *wire) {
	class := "line"
	if e.isFallback {
		class += " aside"
	}
	x1, y1 := e.from.x+e.from.w, e.from.middle()
	x2, y2 := e.to.x, e.y
	bend := x2 - l.labels[e.to.column]
	head := ""
	if e.to.node != nil {
		head, bend = ` marker-end="url(#head)"`, bend-8
	} else if e.to.column >= outputColumn {
		x2 += e.to.w
	}
	middle := (x1 + bend) / 2
	fmt.Fprintf(w, `<path class="%s" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fH%.1f"%s/>`+"\n",
		class, x1, y1, middle, y1, middle, y2, bend, y2, x2, head)
	if e.label != "" {
		writeText(w, "label", "end", x2-14, y2-4, e.label, longLabel)
	}
}

func writeBox(w io.Writer, b *box) {
	class := map[shape]string{
		inputShape: "box input", bufferShape: "box buffer", filterShape: "box",
		outputShape: "box output",
	}[b.node.shape]
	round := map[shape]float64{inputShape: 3, bufferShape: 12, filterShape: 3, outputShape: 18}
	fmt.Fprintf(w, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.0f"/>`+"\n",
		class, b.x, b.y, b.w, b.h, round[b.node.shape])
	kind, name := parts(b.node.label)
	x := b.x + b.w/2
	if kind == "" {
		writeText(w, "", "middle", x, b.middle()+4, name, longName)
		return
	}
	writeText(w, "kind", "middle", x, b.middle()-5, kind, longName)
	writeText(w, "", "middle", x, b.middle()+11, name, longName)
}

// parts returns the kind and type of a component, and its name.
func parts(label string) (kind, name string) {
	i := strings.Index(label, ".")
	if i < 0 {
		return "", label
	}
	if j := strings.Index(label[i+1:], "."); j >= 0 {
		i += 1 + j
	}
	return label[:i], label[i+1:]
}

// width returns how wide the box of a node has to be.
func width(n *node) float64 {
	kind, name := parts(n.label)
	return 24 + max(
		60, textWidth(shortened(name, longName)), textWidth(shortened(kind, longName))*0.9,
	)
}

// textWidth returns the width of a text; letters of East Asia are twice as wide as others.
func textWidth(s string) float64 {
	n := 0
	for _, r := range s {
		n++
		if unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) {
			n++
		}
	}
	return float64(n) * charWidth
}

func shortened(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	n = max(n, 3)
	return string(r[:n/2]) + "…" + string(r[len(r)-(n-n/2-1):])
}

func writeText(w io.Writer, class, anchor string, x, y float64, text string, most int) {
	if class != "" {
		class = fmt.Sprintf(" class=%q", class)
	}
	whole, short := svgText(text), svgText(shortened(text, most))
	if short != whole {
		short = "<title>" + whole + "</title>" + short
	}
	fmt.Fprintf(w, `<text%s x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, short)
}

// svgText escapes what XML reads as its own, and leaves out what it may not hold.
func svgText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
