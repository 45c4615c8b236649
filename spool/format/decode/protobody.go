package decode

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoBody reads what is in a message of a .proto file.
type protoBody struct {
	*protoText
	m        *protoMessage
	depth    int
	oneof    int             // that the fields are of; -1 for none
	optional []*protoField   // with a label that proto3 makes a choice of
	entries  []*protoMessage // of maps
}

// block reads all between braces.
func (b *protoBody) block() error {
	if err := b.must("{"); err != nil {
		return err
	}
	for !b.take("}") {
		if err := b.element(); err != nil {
			return err
		}
	}
	return nil
}

func (b *protoBody) element() error {
	nested := b.oneof < 0
	switch {
	case b.tok == ";", nested && (b.tok == "reserved" || b.tok == "extensions" ||
		b.tok == "extend"): // fields of extensions are unknown ones
		return b.skip()
	case b.take("option"):
		if nested && b.take("map_entry") && b.take("=") { // as Apicurio's serializers write a map
			b.m.mapEntry = b.tok == "true"
		}
		return b.skip()
	case nested && b.take("message"):
		n, err := b.message(b.m.name+".", b.depth+1)
		b.m.nested = append(b.m.nested, n)
		return err
	case nested && b.take("enum"):
		return b.enum(b.m.name + ".")
	case nested && b.take("oneof"):
		if _, err := b.name(); err != nil {
			return err
		}
		b.oneof = b.m.oneofs
		b.m.oneofs++
		err := b.block()
		b.oneof = -1
		return err
	case nested && b.tok == "map" && b.mapFollows():
		return b.mapField()
	}
	return b.field()
}

// mapFollows reports whether "<" is behind "map", which may be the name of a type.
func (b *protoBody) mapFollows() bool {
	ahead := *b.protoLexer
	ahead.next()
	return ahead.tok == "<"
}

func (b *protoBody) field() error {
	f := &protoField{oneof: b.oneof}
	explicit := b.oneof >= 0
	switch {
	case b.take("optional"):
		if explicit = true; b.seen == implicitPresence && b.oneof < 0 {
			b.optional = append(b.optional, f)
		}
	case b.take("required"):
		explicit = true
	case b.take("repeated"):
		f.repeated = true
	}
	if b.take("group") {
		return b.group(f)
	}
	typ, err := b.path()
	if err != nil {
		return err
	}
	return b.rest(f, typ, explicit)
}

// rest reads a field from its name on.
func (b *protoBody) rest(f *protoField, typ string, explicit bool) error {
	if err := b.numbered(f); err != nil {
		return err
	}
	seen := b.seen
	if b.take("[") {
		for !b.take("]") {
			said, err := b.option()
			if err != nil {
				return err
			}
			if seen = seen.changed(said); b.tok != "]" {
				if err := b.must(","); err != nil {
					return err
				}
			}
		}
	}
	b.add(b.m, f, typ, seen == implicitPresence && !f.repeated && !explicit)
	return b.must(";")
}

// numbered reads the name and the number of a field.
func (b *protoBody) numbered(f *protoField) (err error) {
	if f.name, err = b.name(); err != nil {
		return err
	}
	if err := b.must("="); err != nil {
		return err
	}
	wrong := b.fail("a field's number")
	n, err := b.integer()
	if f.number = protowire.Number(n); err != nil || int64(f.number) != n || !f.number.IsValid() {
		return wrong
	}
	return nil
}

// add adds a field of a type to m.
func (b *protoBody) add(m *protoMessage, f *protoField, typ string, implicit bool) {
	m.byNumber[f.number] = len(m.fields)
	m.fields = append(m.fields, f)
	if f.kind = protoScalars[typ]; f.kind != 0 {
		f.implicit = implicit
		return
	}
	b.pending = append(b.pending, pendingType{f, b.m.name, implicit, typ})
}

// group reads a group from its name on.
func (b *protoBody) group(f *protoField) error {
	if err := b.numbered(f); err != nil {
		return err
	}
	name := b.m.name + "." + f.name
	f.name, f.kind, f.typeName = strings.ToLower(f.name), protoGroup, name
	b.m.byNumber[f.number] = len(b.m.fields)
	b.m.fields = append(b.m.fields, f)
	for b.tok != "{" && b.tok != "" { // options
		b.next()
	}
	n, err := b.named(name, b.depth+1)
	b.m.nested = append(b.m.nested, n)
	return err
}

func (b *protoBody) mapField() error {
	b.next()
	err := b.must("<")
	key, keyErr := b.path()
	err = errors.Join(err, keyErr, b.must(","))
	value, valueErr := b.path()
	if err = errors.Join(err, valueErr, b.must(">")); err != nil {
		return err
	}
	if k := protoScalars[key]; k == 0 || k == protoBytes || k == protoFloat || k == protoDouble {
		return b.fail("a map with a key of text or whole numbers")
	}
	f := &protoField{repeated: true, oneof: -1}
	ahead := *b.protoLexer
	name, err := ahead.name()
	if err != nil {
		return err
	}
	entry := &protoMessage{
		name: b.m.name + "." + entryName(name), byNumber: map[protowire.Number]int{}, mapEntry: true,
	}
	b.pool.messages[entry.name] = entry
	b.visible[entry.name] = true
	b.entries = append(b.entries, entry)
	implicit := b.seen == implicitPresence
	b.add(entry, &protoField{name: "key", number: 1, oneof: -1}, key, implicit)
	b.add(entry, &protoField{name: "value", number: 2, oneof: -1}, value, implicit)
	return b.rest(f, "."+entry.name, false)
}

// entryName is what protoc calls the entries of a map.
func entryName(field string) string {
	out := make([]byte, 0, len(field)+len("Entry"))
	up := true
	for i := range len(field) {
		c := field[i]
		switch {
		case c == '_':
			up = true
			continue
		case up && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		out, up = append(out, c), false
	}
	return string(append(out, "Entry"...))
}
