package decode

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoPool is what descriptors say of messages. Of descriptor.proto it reads what decides how a
// value stands in JSON, and no more.
//
// https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
type protoPool struct {
	messages map[string]*protoMessage
	enums    map[string]*protoEnum
	last     []*protoMessage     // at the top of the file that was added last
	exports  map[string][]string // types that the importers of a .proto text may use
	mixed    bool                // some files are descriptors, and there are no exports of them
}

type protoMessage struct {
	name     string
	known    wellKnown
	fields   []*protoField
	byNumber map[protowire.Number]int
	oneofs   int
	mapEntry bool
	nested   []*protoMessage
}

type protoField struct {
	name     string
	number   protowire.Number
	kind     protoKind
	repeated bool
	implicit bool // what is not there is the zero value
	oneof    int  // -1 for none
	typeName string
	message  *protoMessage
	enum     *protoEnum
}

// isMap reports whether f is a map: a list of entries.
func (f *protoField) isMap() bool { return f.repeated && f.message != nil && f.message.mapEntry }

type protoEnum struct {
	names map[int32]string
	first int32
}

// protoKind is FieldDescriptorProto.Type.
type protoKind byte

const (
	protoDouble   protoKind = 1
	protoFloat    protoKind = 2
	protoInt64    protoKind = 3
	protoUint64   protoKind = 4
	protoInt32    protoKind = 5
	protoFixed64  protoKind = 6
	protoFixed32  protoKind = 7
	protoBool     protoKind = 8
	protoString   protoKind = 9
	protoGroup    protoKind = 10
	protoNested   protoKind = 11
	protoBytes    protoKind = 12
	protoUint32   protoKind = 13
	protoEnumKind protoKind = 14
	protoSfixed32 protoKind = 15
	protoSfixed64 protoKind = 16
	protoSint32   protoKind = 17
	protoSint64   protoKind = 18
)

func newPool() *protoPool {
	return &protoPool{
		messages: map[string]*protoMessage{},
		enums:    map[string]*protoEnum{},
		exports:  map[string][]string{},
	}
}

// errDescriptor tells that bytes are no descriptor.
var errDescriptor = errors.New("damaged descriptor")

// each calls use for each field of an encoded message: with data if it is of bytes, with n if it is
// a varint.
func each(p []byte, use func(num protowire.Number, n uint64, data []byte) error) error {
	for len(p) > 0 {
		num, typ, size := protowire.ConsumeTag(p)
		if size < 0 {
			return errDescriptor
		}
		p = p[size:]
		var n uint64
		var data []byte
		switch typ {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(p)
		case protowire.BytesType:
			data, size = protowire.ConsumeBytes(p)
		default:
			size = protowire.ConsumeFieldValue(num, typ, p)
		}
		if size < 0 {
			return errDescriptor
		}
		p = p[size:]
		if err := use(num, n, data); err != nil {
			return err
		}
	}
	return nil
}

// addSet adds the files of a FileDescriptorSet.
func (o *protoPool) addSet(p []byte) error {
	files := 0
	err := each(p, func(num protowire.Number, _ uint64, data []byte) error {
		if num != 1 {
			return errDescriptor
		}
		files++
		return o.addFile(data)
	})
	if err == nil && files == 0 {
		err = errors.New("no file in the descriptors")
	}
	return err
}

// presence is how fields that are not there are seen: FeatureSet.field_presence.
type presence uint64

const (
	explicitPresence presence = 1
	implicitPresence presence = 2
)

// features reads field_presence of the options at number, if they have it.
func (v presence) features(options []byte, number protowire.Number) presence {
	_ = each(options, func(num protowire.Number, _ uint64, data []byte) error {
		if num != number {
			return nil
		}
		return each(data, func(num protowire.Number, n uint64, _ []byte) error {
			if num == 1 {
				v = presence(n)
			}
			return nil
		})
	})
	return v
}

// addFile adds a FileDescriptorProto.
func (o *protoPool) addFile(p []byte) error {
	o.mixed = true
	var pkg, syntax string
	var options []byte
	var messages, enums [][]byte
	err := each(p, func(num protowire.Number, _ uint64, data []byte) error {
		switch num {
		case 2:
			pkg = string(data)
		case 4:
			messages = append(messages, data)
		case 5:
			enums = append(enums, data)
		case 8:
			options = data
		case 12:
			syntax = string(data)
		}
		return nil
	})
	if err != nil {
		return err
	}
	seen := explicitPresence
	switch syntax {
	case "proto3":
		seen = implicitPresence
	case "editions":
		seen = seen.features(options, 50)
	}
	if pkg != "" {
		pkg += "."
	}
	o.last = nil
	for _, data := range enums {
		if err := o.addEnum(pkg, data); err != nil {
			return err
		}
	}
	for _, data := range messages {
		m, err := o.addMessage(pkg, data, seen, 0)
		if err != nil {
			return err
		}
		o.last = append(o.last, m)
	}
	return nil
}

func (o *protoPool) addEnum(scope string, p []byte) error {
	e := &protoEnum{names: map[int32]string{}}
	name := ""
	err := each(p, func(num protowire.Number, _ uint64, data []byte) error {
		switch num {
		case 1:
			name = string(data)
		case 2:
			var symbol string
			var n int32
			err := each(data, func(num protowire.Number, v uint64, data []byte) error {
				switch num {
				case 1:
					symbol = string(data)
				case 2:
					n = int32(v)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if len(e.names) == 0 {
				e.first = n
			}
			if _, there := e.names[n]; !there { // another is an alias
				e.names[n] = symbol
			}
		}
		return nil
	})
	o.enums[scope+name] = e
	return err
}

func (o *protoPool) addMessage(
	scope string, p []byte, seen presence, depth int,
) (*protoMessage, error) {
	if depth > maxDepth {
		return nil, errDescriptor
	}
	m := &protoMessage{byNumber: map[protowire.Number]int{}}
	var options []byte
	var nested, enums, fields [][]byte
	err := each(p, func(num protowire.Number, _ uint64, data []byte) error {
		switch num {
		case 1:
			m.name = scope + string(data)
		case 2:
			fields = append(fields, data)
		case 3:
			nested = append(nested, data)
		case 4:
			enums = append(enums, data)
		case 7:
			options = data
		case 8:
			m.oneofs++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := each(options, func(num protowire.Number, n uint64, _ []byte) error {
		if num == 7 {
			m.mapEntry = n != 0
		}
		return nil
	}); err != nil {
		return nil, err
	}
	seen = seen.features(options, 12)
	for _, data := range fields {
		f, err := newProtoField(data, seen)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if f.oneof >= m.oneofs {
			return nil, fmt.Errorf("%s.%s: %w", m.name, f.name, errDescriptor)
		}
		m.byNumber[f.number] = len(m.fields)
		m.fields = append(m.fields, f)
	}
	for _, data := range enums {
		if err := o.addEnum(m.name+".", data); err != nil {
			return nil, err
		}
	}
	for _, data := range nested {
		n, err := o.addMessage(m.name+".", data, seen, depth+1)
		if err != nil {
			return nil, err
		}
		m.nested = append(m.nested, n)
	}
	m.known = wellKnownTypes[m.name]
	o.messages[m.name] = m
	return m, nil
}

func newProtoField(p []byte, seen presence) (*protoField, error) {
	f := &protoField{oneof: -1}
	var options []byte
	err := each(p, func(num protowire.Number, n uint64, data []byte) error {
		switch num {
		case 1:
			f.name = string(data)
		case 3:
			f.number = protowire.Number(n)
		case 4:
			f.repeated = n == 3
		case 5:
			f.kind = protoKind(n)
		case 6:
			f.typeName = strings.TrimPrefix(string(data), ".")
		case 8:
			options = data
		case 9:
			f.oneof = int(int32(n))
		}
		return nil
	})
	if err == nil && (!f.number.IsValid() || f.kind < 1 || f.kind > 18 || f.oneof < -1) {
		err = fmt.Errorf("field %s: %w", f.name, errDescriptor)
	}
	f.implicit = seen.features(options, 21) == implicitPresence &&
		f.oneof < 0 && !f.repeated && f.kind != protoNested && f.kind != protoGroup
	return f, err
}

// link finds the types of fields, once all files are there.
func (o *protoPool) link() error {
	for name, m := range wellKnownMessages() {
		if o.messages[name] == nil {
			o.messages[name] = m
		}
	}
	for _, m := range o.messages {
		for _, f := range m.fields {
			switch f.kind {
			case protoNested, protoGroup:
				if f.message = o.messages[f.typeName]; f.message == nil {
					return fmt.Errorf("%s.%s: no message %s in the descriptors", m.name, f.name, f.typeName)
				}
				if f.message.mapEntry && !f.message.isEntry() {
					return fmt.Errorf("%s: %w", f.message.name, errDescriptor)
				}
			case protoEnumKind:
				switch f.enum = o.enums[f.typeName]; {
				case f.enum == nil && f.typeName == nullValue:
					f.enum = &protoEnum{names: map[int32]string{0: "NULL_VALUE"}}
				case f.enum == nil:
					f.enum = &protoEnum{} // numbers are all there is
				}
			}
		}
	}
	return nil
}

// isEntry reports whether m has what an entry of a map has: a key, and a value.
func (m *protoMessage) isEntry() bool {
	if len(m.fields) != 2 || m.oneofs != 0 || m.fields[0].number != 1 || m.fields[1].number != 2 {
		return false
	}
	key := m.fields[0]
	return !key.repeated && key.kind != protoNested && key.kind != protoGroup
}

// find returns the message of a full name, or of the last part of one if that is of one message.
func (o *protoPool) find(name string) (*protoMessage, error) {
	if m := o.messages[name]; m != nil {
		return m, nil
	}
	var found *protoMessage
	for full, m := range o.messages {
		if strings.HasSuffix(full, "."+name) {
			if found != nil {
				return nil, fmt.Errorf("%s and %s are both named %s", min(found.name, full), max(found.name, full), name)
			}
			found = m
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no message %s in the descriptors", name)
	}
	return found, nil
}
