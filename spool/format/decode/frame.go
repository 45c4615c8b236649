package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/buffer/record"
)

// What names the schema of a value, and stands before it or beside it.
//
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
// https://www.apicur.io/registry/docs/apicurio-registry/3.0.x/getting-started/assembly-using-kafka-client-serdes.html
const (
	noFrame        = "none"
	confluentFrame = "confluent"        // a zero byte, the schema's id in four bytes
	apicurioFrame  = "apicurio"         // the same, with the id of a content
	globalFrame    = "apicurio_global"  // a zero byte, a global id in eight bytes
	headersFrame   = "apicurio_headers" // an id in eight bytes, in a header: Apicurio 2's preset
)

var frames = []string{noFrame, confluentFrame, apicurioFrame, globalFrame, headersFrame}

const (
	headerGlobalID  = "apicurio.value.globalId"
	headerContentID = "apicurio.value.contentId"
	headerEncoding  = "apicurio.value.encoding"
	headerMessage   = "apicurio.protobuf.type" // in place of the name before a message
)

// schemaID is what a registry knows a schema by.
type schemaID struct {
	kind idKind
	id   uint64
}

type idKind byte

const (
	confluentID idKind = iota
	contentID
	globalID
)

func (id schemaID) String() string {
	return fmt.Sprintf("%s%d", [...]string{"", "of content ", "of global id "}[id.kind], id.id)
}

// unframe takes the frame off a value.
func unframe(frame string, value []byte, headers []record.Header) (schemaID, []byte, error) {
	kind, size := confluentID, 4
	switch frame {
	case noFrame:
		return schemaID{}, value, nil
	case headersFrame:
		id, err := headerID(headers)
		return id, value, err
	case apicurioFrame:
		kind = contentID
	case globalFrame:
		kind, size = globalID, 8
	}
	if len(value) < 1+size || value[0] != 0 {
		return schemaID{}, nil, fmt.Errorf(
			"not in the wire format of a schema registry (frame %q)", frame,
		)
	}
	id := uint64(binary.BigEndian.Uint32(value[1:]))
	if size == 8 {
		id = binary.BigEndian.Uint64(value[1:])
	}
	return schemaID{kind, id}, value[1+size:], nil
}

func headerID(headers []record.Header) (id schemaID, err error) {
	found := false
	for _, h := range headers {
		switch h.Key {
		case headerGlobalID, headerContentID:
			if len(h.Value) != 8 {
				return id, fmt.Errorf("header %s: must hold 8 bytes, not %d", h.Key, len(h.Value))
			}
			kind := globalID
			if h.Key == headerContentID {
				kind = contentID
			}
			id, found = schemaID{kind, binary.BigEndian.Uint64(h.Value)}, true
		case headerEncoding:
			if string(h.Value) != "BINARY" {
				return id, fmt.Errorf("header %s: only BINARY can be read, not %.20q", h.Key, h.Value)
			}
		}
	}
	if !found {
		err = errors.New("no header " + headerGlobalID + " or " + headerContentID)
	}
	return id, err
}

// framed decodes what is in a frame whose schema nobody needs.
type framed struct {
	frame string
	of    Decoder
}

func (f framed) AppendJSON(dst, value []byte, headers []record.Header) ([]byte, error) {
	_, body, err := unframe(f.frame, value, headers)
	if err != nil {
		return dst, err
	}
	return f.of.AppendJSON(dst, body, headers)
}

func (f framed) Fingerprint() string { return f.of.Fingerprint() + " in " + f.frame }

// framedText is that of texts.
type framedText struct{ framed }

// Text implements Texts.
func (f framedText) Text(value []byte, headers []record.Header) ([]byte, error) {
	if f.frame == headersFrame {
		return value, nil // JSON is what the encoding may be here
	}
	_, body, err := unframe(f.frame, value, headers)
	return body, err
}

func (f framedText) AppendJSON(dst, value []byte, headers []record.Header) ([]byte, error) {
	body, err := f.Text(value, headers)
	return append(dst, body...), err
}

// inFrame puts d into a frame, if there is one.
func inFrame(frame string, d Decoder) Decoder {
	if frame == "" || frame == noFrame {
		return d
	}
	if _, ok := d.(Texts); ok {
		return framedText{framed{frame, d}}
	}
	return framed{frame, d}
}

func frameList() string { return strings.Join(frames, ", ") }
