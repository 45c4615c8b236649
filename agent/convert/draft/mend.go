package draft

import (
	"regexp"
	"slices"
	"strings"
)

// Spot is an attribute or a block of the configuration that Bytes returned last.
type Spot struct {
	Block *Block
	Attr  string // "" for the block itself
	at    Place
}

// Spot returns what stands in a line, or began before it; nil if nothing does.
func (d *Draft) Spot(line int) *Spot {
	var found *Spot
	last := 0
	var walk func(b *Block)
	walk = func(b *Block) {
		if b.line > 0 && b.line <= line && b.line >= last {
			found, last = &Spot{Block: b, at: b.place}, b.line
		}
		for _, i := range b.items {
			switch {
			case i.block != nil:
				walk(i.block)
			case i.name != "" && i.line <= line && i.line >= last:
				found, last = &Spot{Block: b, Attr: i.name, at: i.place}, i.line
				if i.place.File == "" {
					found.at = b.place
				}
			}
		}
	}
	for _, b := range d.blocks {
		walk(b)
	}
	return found
}

// Attribute returns the attribute of a name that stands in a block, or in one within it, or nil.
func (d *Draft) Attribute(b *Block, name string) *Spot {
	for in, i := range b.all {
		if i.name == name {
			at := i.place
			if at.File == "" {
				at = b.place
			}
			return &Spot{Block: in, Attr: name, at: at}
		}
	}
	return nil
}

// Blank empties the lines in which the spot stands, of the configuration that Bytes returned last.
func (s *Spot) Blank(lines []string) {
	clear(s.in(lines))
}

// Replace writes something else in the lines in which the spot stands.
func (s *Spot) Replace(lines []string, old, instead string) {
	lines = s.in(lines)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], old, instead)
	}
}

// in returns the lines in which the spot stands.
func (s *Spot) in(lines []string) []string {
	at := s.Block.line
	for _, i := range s.Block.items {
		if s.Attr != "" && i.name == s.Attr {
			at = i.line
		}
	}
	if at == 0 {
		return nil
	}
	lines = lines[at-1:]
	depth := 0
	for i, line := range lines {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			depth += openings(line)
		}
		if depth <= 0 {
			return lines[:i+1]
		}
	}
	return lines
}

// openings is how many brackets a line opens that it does not close.
func openings(line string) int {
	switch {
	case strings.HasSuffix(line, "{"), strings.HasSuffix(line, "["):
		return 1
	case line == "}" || line == "]":
		return -1
	}
	return 0
}

// Place is what the spot came from.
func (s *Spot) Place() Place { return s.at }

// Value is what the attribute is set to.
func (s *Spot) Value() Value { return s.Block.Get(s.Attr) }

// Top returns the block outside of all others that one stands in.
func (d *Draft) Top(b *Block) *Block {
	for _, top := range d.blocks {
		if top.holds(b) {
			return top
		}
	}
	return nil
}

func (b *Block) holds(in *Block) bool {
	return b == in || slices.ContainsFunc(
		b.items, func(i *item) bool { return i.block != nil && i.block.holds(in) },
	)
}

// Component returns the block that is referred to by a name such as output.kafka.events, or nil.
func (d *Draft) Component(ref string) *Block {
	for _, b := range d.blocks {
		if b.typ != "" && string(b.Ref()) == ref {
			return b
		}
	}
	return nil
}

// Blocks returns the blocks of a type.
func (d *Draft) Blocks(typ string) []*Block {
	return slices.DeleteFunc(slices.Clone(d.blocks), func(b *Block) bool { return b.typ != typ })
}

// Remove takes a block out. What stood in it of losses goes to another block, and so do references
// to it.
func (d *Draft) Remove(b, to *Block) {
	top := d.Top(b)
	if top == nil {
		return
	}
	for _, i := range b.items {
		if i.comment != "" {
			to.comment(i.comment, i.place)
		}
	}
	if top != b {
		top.drop(b)
		return
	}
	d.blocks = slices.DeleteFunc(d.blocks, func(x *Block) bool { return x == b })
	for _, p := range d.Blocks("pipeline") {
		p.unrefer(string(b.Ref()))
	}
}

func (b *Block) drop(in *Block) {
	b.items = slices.DeleteFunc(b.items, func(i *item) bool { return i.block == in })
	for _, i := range b.items {
		if i.block != nil {
			i.block.drop(in)
		}
	}
}

// Refs returns the names in a list of references.
func (v Value) Refs() []string {
	return strings.FieldsFunc(
		string(v), func(c rune) bool { return strings.ContainsRune("[], \n", c) },
	)
}

// unrefer takes a reference out of the lists of a pipeline, and routes that lead nowhere then.
func (b *Block) unrefer(ref string) {
	for _, attr := range []string{"from", "filter", "to", "otherwise"} {
		refs := b.Get(attr).Refs()
		left := slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return r == ref })
		if len(left) != len(refs) {
			b.SetRefs(attr, left)
		}
	}
	b.items = slices.DeleteFunc(b.items, func(i *item) bool {
		if i.block == nil {
			return false
		}
		i.block.unrefer(ref)
		return i.block.typ == "route" && i.block.Get("to") == ""
	})
}

// SetRefs sets a list of references, or removes it if there are none.
func (b *Block) SetRefs(attr string, refs []string) {
	if len(refs) == 0 {
		b.Unset(attr)
		return
	}
	var out []Value
	for _, r := range refs {
		out = append(out, Value(r))
	}
	b.Set(attr, List(out...))
}

// Leads reports whether a pipeline sends anything anywhere.
func (b *Block) Leads() bool {
	return b.Get("to") != "" || b.Get("otherwise") != "" || b.Find("route") != nil
}

// Refers reports whether a pipeline names a component.
func (b *Block) Refers(ref string) bool {
	return slices.ContainsFunc(b.items, func(i *item) bool {
		return slices.Contains(i.value.Refs(), ref) || i.block != nil && i.block.Refers(ref)
	})
}

// Kind is what the block begins with.
func (b *Block) Kind() string { return b.typ }

// TypeOr is Type for blocks that may have no label.
func (b *Block) TypeOr(otherwise string) string {
	if len(b.labels) == 0 {
		return otherwise
	}
	return b.labels[0]
}

// ofEnvironment is a list whose only element is a variable of the environment, which may hold many.
var ofEnvironment = regexp.MustCompile(`^\[(env\("[^"]*"(?:, "[^"]*")?\))\]$`)

// Split has brokers that one variable of the environment names be split as their clients do.
func (d *Draft) Split() {
	for _, top := range d.blocks {
		for _, i := range top.all {
			if m := ofEnvironment.FindStringSubmatch(string(i.value)); m != nil && i.name == "brokers" {
				i.value = Value(`split(",", ` + m[1] + `)`)
			}
		}
	}
}

// Unverified takes authorities out of tls blocks in which nothing is verified, and tells.
func (d *Draft) Unverified() {
	for _, top := range d.blocks {
		for b, i := range top.all {
			if b.typ == "tls" && i.name == "ca_file" && b.Get("insecure_skip_verify") == "true" {
				d.Left(b, i.place, i.name+" = "+string(i.value), "nothing is verified here")
				b.Unset(i.name)
			}
		}
	}
}
