package decode

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protowire"
)

// protobufDecoder reads messages whose definitions are in a file of descriptors, or in a registry:
// as descriptors, or as the text of .proto files.
type protobufDecoder struct {
	frame   string
	name    string // of the message; "" for the one that the value names
	given   *protoPool
	message *protoMessage // of name, in given

	client *client
	*catalogue[*protoPool]
	print string
}

func newProtobuf(c *Config) (*protobufDecoder, error) {
	d := &protobufDecoder{frame: c.frame(), name: c.Message}
	d.print = "protobuf " + c.Message + " in " + d.frame
	if c.Descriptors == "" {
		var err error
		if d.client, err = newClient(c.Registry); err != nil {
			return nil, err
		}
		d.catalogue = newCatalogue(c.Registry.Timeout, d.fetchSchema)
		return d, nil
	}
	data, err := os.ReadFile(c.Descriptors)
	if err != nil {
		return nil, fmt.Errorf("descriptors: %w", err)
	}
	d.given = newPool()
	if err = d.given.addSet(data); err == nil {
		err = d.given.link()
	}
	if err != nil {
		return nil, fmt.Errorf(
			"descriptors: %s: %w: make it by protoc --include_imports --descriptor_set_out=FILE",
			c.Descriptors, err,
		)
	}
	if c.Message != "" {
		if d.message, err = d.given.find(c.Message); err != nil {
			return nil, fmt.Errorf("message: %w", err)
		}
	}
	d.print += fmt.Sprintf(" by %x", sha256.Sum256(data))
	return d, nil
}

func (d *protobufDecoder) Fingerprint() string { return d.print }

func (d *protobufDecoder) AppendJSON(dst, value []byte, headers []record.Header) ([]byte, error) {
	id, body, err := unframe(d.frame, value, headers)
	if err != nil {
		return dst, fmt.Errorf("protobuf: %w", err)
	}
	pool := d.given
	if pool == nil {
		if pool, err = d.schema(id); err != nil {
			return dst, err
		}
	}
	m, body, err := d.messageOf(pool, body, headers)
	if err != nil {
		return dst, fmt.Errorf("protobuf: %w", err)
	}
	r := protoReader{
		pool: pool,
		dst:  grown(dst, len(body)),
		most: len(dst) + maxText(len(body)),
		work: 64*len(body) + 1<<20,
	}
	if err := r.message(m, body, 0); err != nil {
		return dst, fmt.Errorf("protobuf: %s: %w", m.name, err)
	}
	if len(r.dst) > r.most {
		return dst, fmt.Errorf("protobuf: %w", errLong)
	}
	return r.dst, nil
}

// messageOf returns the message of a value, and the value without what tells it.
func (d *protobufDecoder) messageOf(
	pool *protoPool, body []byte, headers []record.Header,
) (*protoMessage, []byte, error) {
	var m *protoMessage
	var err error
	switch d.frame {
	case noFrame:
		return d.message, body, nil
	case confluentFrame:
		m, body, err = pool.byIndex(body)
	default:
		var name string
		if name, body, err = messageName(d.frame, body, headers); err == nil {
			m, err = pool.ofFile(name)
		}
	}
	switch {
	case body == nil && err != nil, d.name == "":
		return m, body, err
	case d.message != nil:
		return d.message, body, nil
	}
	m, err = pool.find(d.name)
	return m, body, err
}

// byIndex reads the path of a message within its file: the number of indexes and these, each in a
// zigzag varint; a single zero for the first message.
func (o *protoPool) byIndex(body []byte) (*protoMessage, []byte, error) {
	path, body, err := messageIndexes(body)
	if err != nil {
		return nil, nil, err
	}
	if body == nil {
		body = []byte{}
	}
	m, err := o.at(path)
	return m, body, err
}

// messageIndexes reads a path, and returns what is behind it.
func messageIndexes(body []byte) (path []int64, rest []byte, err error) {
	next := func() (int64, error) {
		v, n := binary.Varint(body)
		if n <= 0 {
			return 0, errors.New("no index of a message behind the schema's id")
		}
		body = body[n:]
		return v, nil
	}
	count, err := next()
	if err != nil {
		return nil, nil, err
	}
	path = []int64{0}
	if count != 0 {
		if count < 0 || count > maxDepth {
			return nil, nil, fmt.Errorf("a message %d levels down", count)
		}
		path = path[:0]
		for range count {
			i, err := next()
			if err != nil {
				return nil, nil, err
			}
			path = append(path, i)
		}
	}
	return path, body, nil
}

// at returns the message at a path of the file that was added last.
func (o *protoPool) at(path []int64) (m *protoMessage, err error) {
	among := o.last
	for _, i := range path {
		if i < 0 || i >= int64(len(among)) {
			return nil, fmt.Errorf("the schema has no message %d", path)
		}
		m = among[i]
		among = m.nested
	}
	return m, nil
}

// ofFile returns the message of a name without its package: of the file that was added last, as
// Apicurio's deserializers find it, or of another.
func (o *protoPool) ofFile(name string) (*protoMessage, error) {
	for _, m := range o.last {
		pkg, ok := strings.CutSuffix(m.name, name)
		if ok && (pkg == "" || strings.HasSuffix(pkg, ".")) {
			return m, nil
		}
	}
	return o.find(name)
}

// messageName returns the name of a message in one of Apicurio's frames, and what is behind it. It
// is in a header, or before the message: a message of its own, with its length before that.
func messageName(
	frame string, body []byte, headers []record.Header,
) (name string, rest []byte, err error) {
	if frame == headersFrame {
		for _, h := range headers {
			if h.Key == headerMessage {
				return string(h.Value), body, nil
			}
		}
	}
	ref, n := protowire.ConsumeBytes(body)
	if n < 0 {
		return "", nil, errors.New("no name of a message before it")
	}
	if err := each(ref, func(num protowire.Number, _ uint64, data []byte) error {
		if num == 1 {
			name = string(data)
		}
		return nil
	}); err != nil {
		return "", nil, errors.New("no name of a message before it")
	}
	return name, body[n:], nil
}

func (d *protobufDecoder) fetchSchema(ctx context.Context, id schemaID) (*protoPool, error) {
	pool := newPool()
	add := func(name, text string) error {
		var err error
		if data, no := base64.StdEncoding.DecodeString(text); no == nil {
			err = pool.addFile(data)
		} else if err = pool.addText(name, text); err != nil { // it never is base64
			err = fmt.Errorf("%w (descriptors = FILE takes any schema)", err)
		}
		if err != nil {
			return fmt.Errorf("schema %v: %s: %w", id, cmp.Or(name, "itself"), err)
		}
		return nil
	}
	if err := d.files(ctx, id, add); err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	if err := pool.link(); err != nil {
		return nil, fmt.Errorf("protobuf: schema %v: %w", id, err)
	}
	return pool, nil
}

// files calls add for what a schema refers to, each before what refers to it, and for itself: by
// the names of imports, with descriptors in base64 where the registry has them, or with the text of
// the .proto file.
func (d *protobufDecoder) files(
	ctx context.Context, id schemaID, add func(name, text string) error,
) error {
	if id.kind != confluentID {
		return d.client.apicurioFiles(ctx, id, add)
	}
	ctx = sr.WithParams(ctx, sr.Format("serialized"))
	s, err := d.client.confluent.SchemaByID(ctx, int(id.id))
	switch {
	case refused(err):
		return fmt.Errorf("the registry has no schema %v", id)
	case err != nil:
		return fmt.Errorf("%w: schema %v: %w", ErrUnavailable, id, err)
	case s.Type != sr.TypeProtobuf:
		return fmt.Errorf("schema %v is of type %v", id, s.Type)
	}
	use := func(name string, s sr.Schema) error { return add(name, s.Schema) }
	if err := d.client.references(ctx, s.References, use); err != nil {
		return err
	}
	return add("", s.Schema)
}

// checkProtobuf is the part of Validate that is about protobuf.
func (c *Config) checkProtobuf(bad func(format string, args ...any)) {
	frame := c.frame()
	switch {
	case (c.Registry == nil) == (c.Descriptors == ""):
		bad("registry: protobuf values need one, or descriptors = FILE")
	case c.Registry != nil && frame == noFrame:
		bad("frame: with a registry it names the schema of a value; give descriptors = FILE")
	case c.Registry == nil && c.Message == "" && !strings.HasPrefix(frame, apicurioFrame):
		bad("message: must be set, such as \"acme.Event\", where no registry tells it")
	}
}
