package draft

import "slices"

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
// or else above the nearest block.
func (d *Draft) Remarks(remarks []Remark) {
	places := d.places()
	for _, r := range remarks {
		if b := places.blocks[r.At]; b != nil {
			b.Above(r.Text)
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
	}
	for _, b := range d.blocks {
		p.gather(b)
	}
	return p
}

// places is what came from each line, the first of each kind.
type places struct {
	blocks       map[Place]*Block
	items, notes map[Place]*item
	spots        []spot
}

type spot struct {
	at    Place
	block *Block
}

func (p *places) gather(b *Block) {
	if b.place.File != "" {
		if p.blocks[b.place] == nil {
			p.blocks[b.place] = b
		}
		p.spots = append(p.spots, spot{b.place, b})
	}
	for _, i := range b.items {
		if i.block != nil {
			p.gather(i.block)
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
		p.spots = append(p.spots, spot{i.place, b})
	}
}

// nearest returns the block of what came from the last line before one, or else from the first
// behind it.
func (p *places) nearest(at Place) *Block {
	var found *Block
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
			found, best = s.block, s.at.Line
		}
	}
	return found
}
