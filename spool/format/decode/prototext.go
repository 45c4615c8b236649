package decode

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoText makes the messages of a .proto file, as protoc makes descriptors of it. Of what the
// file says it reads what decides how a value stands in JSON; the rest needs to be well-formed.
//
// https://protobuf.dev/reference/protobuf/edition-2023-spec/
type protoText struct {
	*protoLexer
	pool    *protoPool
	scope   string // the package, with a dot behind it
	seen    presence
	visible map[string]bool // full names of the types that the file may use
	own     []string        // of those that its importers may
	missing []string        // imports that are nowhere
	pending []pendingType
}

// pendingType is a field whose type is found once all of the file's are known.
type pendingType struct {
	f        *protoField
	scope    string // the full name of what it is in
	implicit bool   // if it turns out to be an enum
	name     string
}

// nullValue is the one enum among the well-known types.
const nullValue = "google.protobuf.NullValue"

var protoScalars = map[string]protoKind{
	"double": protoDouble, "float": protoFloat, "int64": protoInt64, "uint64": protoUint64,
	"int32": protoInt32, "fixed64": protoFixed64, "fixed32": protoFixed32, "bool": protoBool,
	"string": protoString, "bytes": protoBytes, "uint32": protoUint32, "sfixed32": protoSfixed32,
	"sfixed64": protoSfixed64, "sint32": protoSint32, "sint64": protoSint64,
}

// addText adds the file that imports know as name. What it imports must be there.
func (o *protoPool) addText(name, text string) error {
	t := &protoText{
		protoLexer: newProtoLexer(text), pool: o, seen: explicitPresence,
		visible: map[string]bool{nullValue: true},
	}
	for known := range wellKnownMessages() {
		t.visible[known] = true
	}
	for t.at < len(t.text) || t.tok != "" {
		if err := t.head(); err != nil {
			return err
		}
	}
	o.last = nil
	t.protoLexer = newProtoLexer(text)
	for t.tok != "" {
		if err := t.statement(); err != nil {
			return err
		}
	}
	o.exports[name] = append(o.exports[name], t.own...)
	return t.resolve()
}

// head reads a statement that concerns the file as a whole, and steps over others: these may stand
// anywhere.
func (t *protoText) head() error {
	switch {
	case t.take("syntax"), t.take("edition"):
		if err := t.must("="); err != nil {
			return err
		}
		if value, err := t.quoted(); err != nil {
			return err
		} else if value == "proto3" {
			t.seen = implicitPresence
		}
		return t.must(";")
	case t.take("package"):
		name, err := t.path()
		t.scope = name + "."
		return errors.Join(err, t.must(";"))
	case t.take("option"):
		said, err := t.option()
		t.seen = t.seen.changed(said)
		return errors.Join(err, t.must(";"))
	case t.take("import"):
		return t.imported()
	}
	return t.skip()
}

func (t *protoText) imported() error {
	public := t.tok == "public"
	if public || t.tok == "weak" || t.tok == "option" {
		t.next()
	}
	name, err := t.quoted()
	if err != nil {
		return err
	}
	names, there := t.pool.exports[name]
	if text, known := googleType(name); known && !there {
		if err := t.pool.addText(name, text); err != nil {
			return err
		}
		names, there = t.pool.exports[name], true
	}
	if !there {
		t.missing = append(t.missing, name)
	}
	for _, n := range names {
		t.visible[n] = true
	}
	if public {
		t.own = append(t.own, names...)
	}
	return t.must(";")
}

// changed is the presence by what an option says, if it says anything.
func (v presence) changed(said string) presence {
	switch said {
	case "":
		return v
	case "IMPLICIT":
		return implicitPresence
	}
	return explicitPresence
}

// statement reads a definition, and steps over what head has read.
func (t *protoText) statement() error {
	switch {
	case t.take("message"):
		m, err := t.message(t.scope, 0)
		if err == nil {
			t.pool.last = append(t.pool.last, m)
		}
		return err
	case t.take("enum"):
		return t.enum(t.scope)
	}
	if !slices.Contains(protoStatements, t.tok) {
		return t.fail("a definition")
	}
	return t.skip()
}

// protoStatements are those that define no type.
var protoStatements = []string{
	";", "syntax", "edition", "package", "import", "option", "service", "extend",
}

func (t *protoText) define(name string) {
	t.visible[name] = true
	t.own = append(t.own, name)
}

func (t *protoText) enum(scope string) error {
	name, err := t.name()
	if err != nil {
		return err
	}
	if err := t.must("{"); err != nil {
		return err
	}
	e := &protoEnum{names: map[int32]string{}}
	for !t.take("}") {
		if t.tok == "option" || t.tok == "reserved" || t.tok == ";" {
			if err := t.skip(); err != nil {
				return err
			}
			continue
		}
		symbol, err := t.name()
		if err != nil {
			return err
		}
		if err := t.must("="); err != nil {
			return err
		}
		n, err := t.integer()
		if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
			return errors.Join(err, fmt.Errorf("%s%s: %s = %d", scope, name, symbol, n))
		}
		if len(e.names) == 0 {
			e.first = int32(n)
		}
		if _, there := e.names[int32(n)]; !there { // another is an alias
			e.names[int32(n)] = symbol
		}
		if err := t.skip(); err != nil {
			return err
		}
	}
	t.pool.enums[scope+name] = e
	t.define(scope + name)
	return nil
}

// message reads a message from its name on.
func (t *protoText) message(scope string, depth int) (*protoMessage, error) {
	name, err := t.name()
	if err != nil {
		return nil, err
	}
	return t.named(scope+name, depth)
}

// named reads the message of a full name, from its opening brace on.
func (t *protoText) named(name string, depth int) (*protoMessage, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: messages nested too deeply", t.line())
	}
	m := &protoMessage{name: name, byNumber: map[protowire.Number]int{}}
	m.known = wellKnownTypes[name]
	t.pool.messages[name] = m
	t.define(name)
	b := protoBody{protoText: t, m: m, depth: depth, oneof: -1}
	if err := b.block(); err != nil {
		return nil, err
	}
	for _, f := range b.optional { // each is a choice of its own, behind the others
		f.oneof = m.oneofs
		m.oneofs++
	}
	// Indexes of messages do not count the entries of maps, which registries put behind.
	m.nested = append(m.nested, b.entries...)
	return m, nil
}

// resolve finds the types of fields by their names, from the innermost scope outwards.
func (t *protoText) resolve() error {
	for _, p := range t.pending {
		full, ok := t.find(p.scope, p.name)
		if !ok {
			err := fmt.Errorf("%s.%s: no type %s", p.scope, p.f.name, p.name)
			if len(t.missing) > 0 {
				err = fmt.Errorf(
					"%w: not among the schema's references are %s", err,
					strings.Join(slices.Compact(slices.Sorted(slices.Values(t.missing))), ", "),
				)
			}
			return err
		}
		p.f.typeName = full
		if t.pool.enums[full] != nil || full == nullValue {
			p.f.kind, p.f.implicit = protoEnumKind, p.implicit
		} else {
			p.f.kind = protoNested
		}
	}
	return nil
}

func (t *protoText) find(scope, name string) (full string, ok bool) {
	if rooted, ok := strings.CutPrefix(name, "."); ok {
		return rooted, t.sees(rooted)
	}
	for ; scope != ""; scope = scope[:max(0, strings.LastIndexByte(scope, '.'))] {
		if full := scope + "." + name; t.sees(full) {
			return full, true
		}
	}
	return name, t.sees(name)
}

func (t *protoText) sees(full string) bool {
	return t.visible[full] ||
		t.pool.mixed && (t.pool.messages[full] != nil || t.pool.enums[full] != nil)
}
