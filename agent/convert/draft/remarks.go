package draft

import (
	"regexp"
	"slices"
	"strings"
)

// Files returns the files of the old configuration, as far as anything was noted of them.
func (d *Draft) Files() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, n := range d.notes {
		if !seen[n.Place.File] {
			seen[n.Place.File] = true
			out = append(out, n.Place.File)
		}
	}
	return out
}

// Remarks puts comments above the blocks, attributes and notes that came from what they are about,
// or have its value, or else above the nearest block.
func (d *Draft) Remarks(remarks []Remark) {
	places := d.places()
	for _, r := range remarks {
		if b := places.blocks[r.At]; b != nil {
			b.remark(r)
		} else if i := places.valued(r); i != nil {
			i.above = append(i.above, r.Text)
		} else if i := places.items[r.At]; i != nil {
			i.above = append(i.above, r.Text)
		} else if i := places.notes[r.At]; i != nil {
			i.above = append(i.above, r.Text)
		} else if b := places.nearest(r.At); b != nil {
			b.Above(r.Text)
		} else {
			d.blocks[0].Above(r.Text)
		}
	}
}

// IsLeft reports whether what began in a line was left out.
func (d *Draft) IsLeft(at Place) bool {
	return slices.ContainsFunc(
		d.notes, func(n Note) bool { return n.Fate == Left && n.Place == at },
	)
}

// IsLeftAs is IsLeft for what was called so: what begins in a line may be several, such as the
// first section of a kind and that kind.
func (d *Draft) IsLeftAs(at Place, name string) bool {
	return slices.ContainsFunc(d.notes, func(n Note) bool {
		return n.Fate == Left && n.Place == at &&
			(n.What == name || strings.HasPrefix(n.What, name+" "))
	})
}

// Nearest returns the block of what came from a line or, if nothing did, from the lines around it.
func (d *Draft) Nearest(at Place) *Block {
	if b := d.places().nearest(at); b != nil {
		return b
	}
	return d.blocks[0]
}

func (d *Draft) places() *places {
	p := &places{
		blocks: map[Place]*Block{}, items: map[Place]*item{}, notes: map[Place]*item{},
		tops: d.blocks,
	}
	for _, b := range d.blocks {
		p.gather(b, b)
	}
	return p
}

// places is what came from each line, the first of each kind.
type places struct {
	blocks       map[Place]*Block
	items, notes map[Place]*item
	spots        []spot
	tops         []*Block
}

type spot struct {
	at    Place
	block *Block
	top   *Block // that it stands in
}

func (p *places) gather(b, top *Block) {
	if b.place.File != "" {
		if p.blocks[b.place] == nil {
			p.blocks[b.place] = b
		}
		p.spots = append(p.spots, spot{b.place, b, top})
	}
	for _, i := range b.items {
		if i.block != nil {
			p.gather(i.block, top)
			continue
		}
		if i.place.File == "" {
			continue
		}
		of := p.items
		if i.comment != "" {
			of = p.notes
		}
		if of[i.place] == nil {
			of[i.place] = i
		}
		p.spots = append(p.spots, spot{i.place, b, top})
	}
}

// nearest returns the block of what came from the last line before one, or else from the first
// behind it.
func (p *places) nearest(at Place) *Block { return p.spot(at).block }

func (p *places) spot(at Place) (found spot) {
	best := 0
	for _, s := range p.spots {
		before, isBetter := s.at.Line <= at.Line, false
		switch {
		case s.at.File != at.File:
		case best == 0, before && best > at.Line:
			isBetter = true
		case before:
			isBetter = s.at.Line > best
		default:
			isBetter = best > at.Line && s.at.Line < best
		}
		if isBetter {
			found, best = s, s.at.Line
		}
	}
	return found
}

// valued returns the attribute that has the value of the line that a comment is about: of the block
// at the top that came from there, or else the only one that there is.
func (p *places) valued(r Remark) *item {
	for _, value := range valuesOf(r.Of) {
		if top := p.spot(r.At).top; top != nil {
			for _, i := range top.all {
				if i.has(value) {
					return i
				}
			}
		}
		var all []*item
		for _, b := range p.tops {
			for _, i := range b.all {
				if i.has(value) {
					all = append(all, i)
				}
			}
		}
		if len(all) == 1 {
			return all[0]
		}
	}
	return nil
}

// remark puts a comment about the line that a block came from above it, or above the only attribute
// that it has.
func (b *Block) remark(r Remark) {
	if len(b.items) == 1 && slices.ContainsFunc(valuesOf(r.Of), b.items[0].has) {
		b.items[0].above = append(b.items[0].above, r.Text)
		return
	}
	b.Above(r.Text)
}

// has reports whether a text stands in the value of an attribute, or is what a block within another
// one is or is called.
func (i *item) has(text string) bool {
	if i.block != nil {
		return i.block.typ == text || slices.Contains(i.block.labels, text)
	}
	return i.name != "" && i.value.has(text)
}

// has reports whether a text stands in a value.
func (v Value) has(text string) bool {
	quoted := string(Text(text))
	return strings.Contains(string(v), text) ||
		strings.Contains(string(v), quoted[1:len(quoted)-1])
}

var (
	element = regexp.MustCompile(`^[-\s]*`)
	key     = regexp.MustCompile(`^(?:"[^"]*"|'[^']*'|[\w.@$-]+)\s*(?:=>|=|:\s|\s)\s*`)
)

// valuesOf returns what a line may have that stands in a value: all of an element of a list, what
// follows the name, and its parts, without those that stand everywhere.
func valuesOf(line string) []string {
	line = element.ReplaceAllString(line, "")
	trim := func(s string) string { return strings.Trim(s, `"'[], `+"\t") }
	whole := trim(key.ReplaceAllString(line, ""))
	between := func(r rune) bool { return strings.ContainsRune(`"', `, r) }
	parts := strings.FieldsFunc(whole, between)
	return slices.DeleteFunc(append([]string{trim(line), whole}, parts...), func(s string) bool {
		return len(s) < 3 || s == "true" || s == "false"
	})
}
