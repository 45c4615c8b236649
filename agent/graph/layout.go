package graph

import (
	"cmp"
	"slices"
)

// The drawing stands in columns: inputs, buffers, filters one below the other, outputs, and then
// where those send in case of need. Sizes are in pixels.
const (
	inputColumn = iota
	bufferColumn
	filterColumn
	outputColumn
)

const (
	charWidth   = 7.3 // of a monospaced letter of 12
	boxHeight   = 40.0
	portHeight  = 18.0
	rowGap      = 16.0
	columnGap   = 44.0
	bandGap     = 26.0
	bandTitle   = 26.0
	bandPadding = 12.0
	margin      = 20.0
)

// box is a node with its place, or without a node a place that a line passes.
type box struct {
	node       *node
	column     int
	x, y, w, h float64
	in         []*wire // by the height of what they come from
}

func (b *box) middle() float64 { return b.y + b.h/2 }

// wire is a line from the right side of a box to the left side of one in the next column.
type wire struct {
	from, to   *box
	label      string
	isFallback bool
	y          float64 // where it ends
}

// band is what belongs to one pipeline alone.
type band struct {
	name    string
	y, h    float64
	first   *box // where its records come in
	last    *box // where they leave it
	passed  []*box
	filters []*box
}

// layout is a graph with all its places.
type layout struct {
	boxes   map[string]*box
	columns [][]*box
	bands   []*band
	wires   []*wire
	labels  []float64 // by column, the room for labels before it
	w, h    float64
}

func newLayout(g *Graph) *layout {
	l := &layout{boxes: map[string]*box{}}
	for i := range g.nodes {
		n := &g.nodes[i]
		b := &box{node: n, h: boxHeight, w: width(n)}
		b.column = map[shape]int{
			inputShape: inputColumn, bufferShape: bufferColumn, filterShape: filterColumn,
			outputShape: outputColumn,
		}[n.shape]
		l.boxes[n.id] = b
	}
	l.layer(g)
	for i := range g.nodes {
		l.add(l.boxes[g.nodes[i].id])
	}
	for _, p := range g.pipes {
		l.addPipe(p)
	}
	for _, e := range g.edges {
		if e.isFallback {
			l.connect(l.boxes[e.from], l.boxes[e.to], e.label, true)
		}
	}
	l.placeBands()
	l.placeInputs()
	for c := outputColumn; c < len(l.columns); c++ {
		l.placeOutputs(c)
	}
	l.finish()
	return l
}

// layer moves outputs behind those that send to them. The configuration has no circles.
func (l *layout) layer(g *Graph) {
	for moved := true; moved; {
		moved = false
		for _, e := range g.edges {
			from, to := l.boxes[e.from], l.boxes[e.to]
			if e.isFallback && to.column <= from.column {
				to.column, moved = from.column+1, true
			}
		}
	}
}

func (l *layout) add(b *box) {
	for len(l.columns) <= max(b.column, outputColumn) {
		l.columns = append(l.columns, nil)
	}
	l.columns[b.column] = append(l.columns[b.column], b)
}

// passing adds a place that a line passes.
func (l *layout) passing(column int) *box {
	b := &box{column: column}
	l.add(b)
	return b
}

func (l *layout) addPipe(p pipe) {
	b := &band{name: p.name}
	l.bands = append(l.bands, b)
	if b.first = l.boxes[p.buffer]; b.first == nil {
		b.first = l.passing(bufferColumn)
		b.passed = append(b.passed, b.first)
	}
	for _, f := range p.filters {
		b.filters = append(b.filters, l.boxes["pipeline."+p.name+"."+f])
	}
	if b.filters == nil {
		b.last = l.passing(filterColumn)
		b.passed = append(b.passed, b.last)
		l.connect(b.first, b.last, "", false)
	} else {
		b.last = b.filters[len(b.filters)-1]
		l.connect(b.first, b.filters[0], "", false)
	}
	for _, in := range p.inputs {
		l.connect(l.boxes[in], b.first, "", false)
	}
	for _, o := range p.outputs {
		l.connect(b.last, l.boxes[o.output], o.which, false)
	}
}

// connect adds a line, with a place in each column that it passes.
func (l *layout) connect(from, to *box, label string, isFallback bool) {
	for c := from.column + 1; c < to.column; c++ {
		b := l.passing(c)
		l.wires = append(l.wires, &wire{from: from, to: b, isFallback: isFallback})
		b.in = append(b.in, l.wires[len(l.wires)-1])
		from = b
	}
	w := &wire{from: from, to: to, label: label, isFallback: isFallback}
	l.wires = append(l.wires, w)
	to.in = append(to.in, w)
}

// placeBands puts pipelines one below the other.
func (l *layout) placeBands() {
	y := 0.0
	for _, b := range l.bands {
		b.y = y
		y += bandTitle
		b.first.y = y
		row := boxHeight
		if b.first.node == nil && b.filters == nil {
			row = portHeight
		}
		if b.first.node == nil {
			b.first.y += row / 2
		}
		if b.last.node == nil {
			b.last.y = b.first.middle()
		}
		for i, f := range b.filters {
			f.y = y + float64(i)*(boxHeight+rowGap)
		}
		y += row + float64(max(0, len(b.filters)-1))*(boxHeight+rowGap) + bandPadding
		b.h = y - b.y
		y += bandGap
	}
}

func (l *layout) placeInputs() {
	targets := map[*box][]float64{}
	for _, w := range l.wires {
		targets[w.from] = append(targets[w.from], w.to.middle())
	}
	place(l.columns[inputColumn], func(b *box) (float64, bool) { return mean(targets[b]) })
}

func (l *layout) placeOutputs(column int) {
	for _, b := range l.columns[column] {
		if b.node != nil {
			b.h = max(boxHeight, float64(len(b.in))*portHeight+8)
		}
	}
	place(l.columns[column], func(b *box) (float64, bool) {
		var ys []float64
		for _, w := range b.in {
			ys = append(ys, w.from.middle())
		}
		return mean(ys)
	})
}

// finish gives lines their ends, and columns their places.
func (l *layout) finish() {
	for _, w := range l.wires {
		slices.SortStableFunc(
			w.to.in, func(a, b *wire) int { return cmp.Compare(a.from.middle(), b.from.middle()) },
		)
	}
	l.labels = make([]float64, len(l.columns))
	for _, w := range l.wires {
		if w.label != "" {
			l.labels[w.to.column] = max(
				l.labels[w.to.column], textWidth(shortened(w.label, longLabel))*0.9+16,
			)
		}
	}
	x, top := margin, 0.0
	for c, boxes := range l.columns {
		if c > 0 {
			x += columnGap + l.labels[c]
		}
		widest := 0.0
		for _, b := range boxes {
			widest = max(widest, b.w)
		}
		for _, b := range boxes {
			b.x, b.w = x, widest
			top = min(top, b.y)
		}
		x += widest
	}
	l.w = x + margin
	shift := margin - top
	for _, b := range l.bands {
		b.y += shift
		l.h = max(l.h, b.y+b.h)
	}
	for _, boxes := range l.columns {
		for _, b := range boxes {
			b.y += shift
			l.h = max(l.h, b.y+b.h)
			for i, w := range b.in {
				// ends are portHeight apart, about the middle
				w.y = b.middle() + portHeight*(float64(i)-float64(len(b.in)-1)/2)
				if b.node == nil || b.column < outputColumn {
					w.y = b.middle()
				}
			}
		}
	}
	l.h += margin
}

// place puts boxes one below the other, in the order of where they would like to be and as near to
// it as they can be together; those without a wish come last.
func place(boxes []*box, wish func(*box) (float64, bool)) {
	wishes := map[*box]float64{}
	last := 0.0
	for _, b := range boxes {
		if y, ok := wish(b); ok {
			wishes[b], last = y, max(last, y)
		}
	}
	for _, b := range boxes {
		if _, ok := wishes[b]; !ok {
			wishes[b] = last + 1
		}
	}
	slices.SortStableFunc(boxes, func(a, b *box) int { return cmp.Compare(wishes[a], wishes[b]) })
	// Boxes that would overlap form a group, which stands where its members' mean wish is.
	type group struct {
		sum  float64 // of wishes, less the offsets within the group
		from int
		n    int
	}
	offsets := make([]float64, len(boxes)) // of each middle, if all stood together
	var groups []group
	for i, b := range boxes {
		if i > 0 {
			before := boxes[i-1]
			offsets[i] = offsets[i-1] + before.h/2 + b.h/2 + rowGap
		}
		g := group{wishes[b] - offsets[i], i, 1}
		for len(groups) > 0 {
			above := groups[len(groups)-1]
			if above.sum/float64(above.n) <= g.sum/float64(g.n) {
				break
			}
			g = group{above.sum + g.sum, above.from, above.n + g.n}
			groups = groups[:len(groups)-1]
		}
		groups = append(groups, g)
	}
	for _, g := range groups {
		for i := g.from; i < g.from+g.n; i++ {
			boxes[i].y = g.sum/float64(g.n) + offsets[i] - boxes[i].h/2
		}
	}
}

func mean(all []float64) (float64, bool) {
	if len(all) == 0 {
		return 0, false
	}
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all)), true
}
