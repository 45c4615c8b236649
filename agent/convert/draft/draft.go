package draft

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Draft is a configuration that is being written. Not safe for concurrent use.
type Draft struct {
	blocks []*Block
	notes  []Note
	names  map[string]bool

	written *item // the attribute or block that was written last, while nothing was noted of it
}

// Place is where something stood in the old configuration.
type Place struct {
	File string
	Line int
}

func (p Place) String() string {
	if p.File == "" {
		return ""
	}
	file := p.File
	if file == "-" {
		file = "<stdin>"
	}
	return fmt.Sprintf("%s:%d", file, p.Line)
}

// Remark is a comment of the old configuration.
type Remark struct {
	At   Place  // of the line that it is about: the next that is no comment, or its own
	Of   string // what that line says, "" where it is about the file
	Text string
}

// Fate is what became of a setting.
type Fate int

const (
	Carried Fate = iota
	Changed
	Left // left out
)

// Note is what became of one setting of the old configuration.
type Note struct {
	Fate  Fate
	Place Place
	What  string // the setting
	Why   string
	// it decides where data goes, or whether; without it the new configuration is not the old one's
	// equal
	Decides bool
}

// New returns an empty draft.
func New() *Draft { return &Draft{names: map[string]bool{}} }

// Notes returns the account, in the order of the old configuration as far as it was read in order.
func (d *Draft) Notes() []Note { return d.notes }

// Add adds a block.
func (d *Draft) Add(typ string, labels ...string) *Block {
	b := &Block{d: d, typ: typ, labels: labels}
	d.blocks = append(d.blocks, b)
	d.written = nil
	return b
}

// Name makes a name for a block out of what it was called, which no other block of that kind and
// type has.
func (d *Draft) Name(kind, typ, want string) string {
	var b strings.Builder
	for _, c := range want {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	base := strings.Trim(b.String(), "_-")
	for strings.Contains(base, "__") {
		base = strings.ReplaceAll(base, "__", "_")
	}
	if base == "" {
		base = typ
	}
	if base == "" || !hclsyntax.ValidIdentifier(base) {
		base = "n" + base
	}
	name := base
	for i := 2; d.names[kind+"."+typ+"."+name]; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	d.names[kind+"."+typ+"."+name] = true
	return name
}

// Carried notes that a setting is in the draft with the meaning it had. The attribute that was
// written last is taken to be of it, as with Changed, unless another setting was noted since.
func (d *Draft) Carried(at Place, what string) {
	d.claim(at)
	d.notes = append(d.notes, Note{Fate: Carried, Place: at, What: what})
}

// Changed notes that a setting is in the draft with another meaning, and says so at the block.
func (d *Draft) Changed(b *Block, at Place, what, why string) {
	d.note(b, Note{Fate: Changed, Place: at, What: what, Why: why}, "Changed")
}

// Left notes that a setting is not in the draft, and says so at the block.
func (d *Draft) Left(b *Block, at Place, what, why string) {
	d.note(b, Note{Fate: Left, Place: at, What: what, Why: why}, "Left out")
}

// Lost is Left for what decides where data goes, or whether.
func (d *Draft) Lost(b *Block, at Place, what, why string) {
	d.note(b, Note{Fate: Left, Place: at, What: what, Why: why, Decides: true}, "LEFT OUT")
}

// deciding is in the names of settings that say where data goes, or whether.
var deciding = regexp.MustCompile(
	`(?i)(?:^|[._\\-])(?:topics?|bucket|index|hosts?|servers?|urls?|uri|endpoints?|brokers?|paths?|` +
		`prefix|tags?|match|excludes?|includes?|routes?|streams?|partition\w*|destinations?|` +
		`container|region|namespace|selector|drop|keep|listen|address|port|except|only|tls|ssl|sasl)(?:$|[._\\-])`,
)

// Unknown notes that a setting of a name is not in the draft, as penstock has nothing like it.
func (d *Draft) Unknown(b *Block, at Place, name, what string) {
	why := "penstock has nothing of this name here"
	if deciding.MatchString(name) {
		d.Lost(b, at, what, why)
		return
	}
	d.Left(b, at, what, why)
}

// login finds user and password in a URL.
var login = regexp.MustCompile(`(://)[^/@\s"']*:[^/@\s"']*@`)

func (d *Draft) note(b *Block, n Note, word string) {
	n.What, n.Why = login.ReplaceAllString(n.What, "$1...@"), login.ReplaceAllString(n.Why, "$1...@")
	if n.Fate == Changed {
		d.claim(n.Place)
	}
	d.notes = append(d.notes, n)
	b.comment(fmt.Sprintf("%s: %s: %s", word, oneLine(n.What), n.Why), n.Place)
}

func (d *Draft) claim(at Place) {
	if d.written != nil && at.File != "" {
		d.written.place = at
	}
	d.written = nil
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 160 {
		s = strings.ToValidUTF8(s[:160], "") + "..."
	}
	return s
}

// Bytes returns the configuration.
func (d *Draft) Bytes() []byte {
	var b bytes.Buffer
	for i, block := range d.blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		block.write(&b)
	}
	return hclwrite.Format(b.Bytes())
}

// Block is a block, or the comments between blocks.
type Block struct {
	d      *Draft // nil for one that stands beside it until it is moved
	typ    string
	labels []string
	head   []string // comments above it
	items  []*item
	place  Place // what it came from
	line   int   // in what was written last
}

type item struct {
	above   []string // comments
	comment string
	name    string
	value   Value
	block   *Block
	place   Place // what it came from
	line    int   // in what was written last
}

// all yields what stands in a block and in those within it, in order, each with the block that it
// stands in. It may be taken out meanwhile.
func (b *Block) all(yield func(*Block, *item) bool) { b.each(yield) }

func (b *Block) each(yield func(*Block, *item) bool) (goesOn bool) {
	for _, i := range slices.Clone(b.items) {
		if !yield(b, i) || i.block != nil && !i.block.each(yield) {
			return false
		}
	}
	return true
}

// From says what the block came from.
func (b *Block) From(at Place) {
	b.place = at
}

// Above adds a comment above the block.
func (b *Block) Above(text string) { b.head = append(b.head, text) }

// Comment adds a comment, unless it stands there already.
func (b *Block) Comment(text string) { b.comment(text, Place{}) }

func (b *Block) comment(text string, at Place) {
	if !slices.ContainsFunc(b.items, func(i *item) bool { return i.comment == text }) {
		b.items = append(b.items, &item{comment: text, place: at})
	}
}

// Set sets an attribute, in the place where it was first set.
func (b *Block) Set(name string, v Value) {
	for _, i := range b.items {
		if i.name == name {
			i.value = v
			return
		}
	}
	i := &item{name: name, value: v}
	b.items = append(b.items, i)
	if b.d != nil {
		b.d.written = i
	}
}

// Get returns the value of an attribute, or "".
func (b *Block) Get(name string) Value {
	for _, i := range b.items {
		if i.name == name {
			return i.value
		}
	}
	return ""
}

// Rename gives an attribute another name, in its place.
func (b *Block) Rename(name, to string) {
	for i := range b.items {
		if b.items[i].name == name {
			b.items[i].name = to
		}
	}
}

// Writes reports whether a regular expression matches the value of an attribute in the block.
func (b *Block) Writes(re *regexp.Regexp) bool {
	for _, i := range b.all {
		if re.MatchString(string(i.value)) {
			return true
		}
	}
	return false
}

// Unset removes an attribute.
func (b *Block) Unset(name string) {
	b.items = slices.DeleteFunc(b.items, func(i *item) bool { return i.name == name })
}

// Add adds a block inside.
func (b *Block) Add(typ string, labels ...string) *Block {
	in := &Block{d: b.d, typ: typ, labels: labels}
	b.items = append(b.items, &item{block: in})
	return in
}

// NoUser is why a user has no name yet.
const NoUser = "the name of a user is written out: write it in place of CHANGE-ME"

// User adds a user inside; false, and one whom nobody is, if the name is one of the environment.
func (b *Block) User(name []Part) (*Block, bool) {
	text, ok := Literal(name)
	if !ok {
		text = "CHANGE-ME"
	}
	return b.Add("user", text), ok
}

// In returns the block of a type inside, which is added if there is none.
func (b *Block) In(typ string) *Block {
	if in := b.Find(typ); in != nil {
		return in
	}
	return b.Add(typ)
}

// Find returns the block of a type inside, or nil.
func (b *Block) Find(typ string) *Block {
	for _, i := range b.items {
		if i.block != nil && i.block.typ == typ {
			return i.block
		}
	}
	return nil
}

// Ref is how the block is referred to.
func (b *Block) Ref() Value { return Value(b.typ + "." + strings.Join(b.labels, ".")) }

// Empty reports whether nothing stands in it.
func (b *Block) Empty() bool { return len(b.items) == 0 }

func (b *Block) write(w *bytes.Buffer) {
	for _, text := range b.head {
		writeComment(w, text, 0)
	}
	if b.typ == "" {
		b.writeItems(w, 0)
		return
	}
	b.writeAt(w, 0)
}

func (b *Block) writeAt(w *bytes.Buffer, depth int) {
	b.line = 1 + bytes.Count(w.Bytes(), []byte("\n"))
	w.WriteString(b.typ)
	for _, l := range b.labels {
		fmt.Fprintf(w, " %q", l)
	}
	if len(b.items) == 0 {
		w.WriteString(" {}\n")
		return
	}
	w.WriteString(" {\n")
	b.writeItems(w, depth+1)
	w.WriteString("}\n")
}

// writeItems writes attributes before blocks, each comment before what follows it.
func (b *Block) writeItems(w *bytes.Buffer, depth int) {
	for _, i := range b.items {
		for _, text := range i.above {
			writeComment(w, text, depth)
		}
		i.line = 1 + bytes.Count(w.Bytes(), []byte("\n"))
		switch {
		case i.comment != "":
			writeComment(w, i.comment, depth)
		case i.block != nil:
			for _, text := range i.block.head {
				writeComment(w, text, depth)
			}
			i.block.writeAt(w, depth)
		default:
			fmt.Fprintf(w, "%s = %s\n", i.name, i.value)
		}
	}
}

// writeComment writes text as comments of at most 100 columns, where its words allow it.
func writeComment(w *bytes.Buffer, text string, depth int) {
	width := 98 - 2*depth
	for line := range strings.SplitSeq(text, "\n") {
		rest := strings.TrimRight(line, " \t\r")
		if rest == "" {
			w.WriteString("#\n")
			continue
		}
		for rest != "" {
			cut := len(rest)
			if cut > width {
				if cut = strings.LastIndexByte(rest[:width], ' '); cut <= 0 {
					if cut = strings.IndexByte(rest, ' '); cut <= 0 {
						cut = len(rest)
					}
				}
			}
			fmt.Fprintf(w, "# %s\n", strings.ToValidUTF8(rest[:cut], "?"))
			rest = strings.TrimLeft(rest[cut:], " ")
		}
	}
}

// Last returns the block that was added last.
func (d *Draft) Last() *Block { return d.blocks[len(d.blocks)-1] }

// Move takes over what stands in another block.
func (b *Block) Move(from *Block) { b.items = append(b.items, from.items...) }

// MoveComments takes over the comments in another block.
func (b *Block) MoveComments(from *Block) {
	for _, i := range from.items {
		if i.comment != "" {
			b.comment(i.comment, i.place)
		}
	}
}

// Type returns the first label of a block, which is the type of a component.
func (b *Block) Type() string { return b.labels[0] }

// Label returns the block's name, its last label.
func (b *Block) Label() string { return b.labels[len(b.labels)-1] }

// RemoveBlock removes the blocks of a type inside.
func (b *Block) RemoveBlock(typ string) {
	b.items = slices.DeleteFunc(
		b.items, func(i *item) bool { return i.block != nil && i.block.typ == typ },
	)
}
