package decode

import (
	"context"
	"errors"
	"fmt"

	"github.com/hamba/avro/v2"
	"github.com/penstock/penstock/buffer/record"
	"github.com/twmb/franz-go/pkg/sr"
)

// avroDecoder reads Avro's binary encoding in a frame that names the schema.
type avroDecoder struct {
	*catalogue[*registeredAvro]
	client *client
	frame  string
}

// registeredAvro is a schema, and its text without references.
type registeredAvro struct {
	schema avro.Schema
	text   string
}

func newAvro(r *Registry, frame string) (*avroDecoder, error) {
	c, err := newClient(r)
	if err != nil {
		return nil, err
	}
	d := &avroDecoder{client: c, frame: frame}
	d.catalogue = newCatalogue(r.Timeout, d.fetchSchema)
	return d, nil
}

// Fingerprint implements Decoder. The registry's address does not matter: an id is one schema.
func (d *avroDecoder) Fingerprint() string {
	if d.frame == confluentFrame {
		return "avro"
	}
	return "avro in " + d.frame
}

func (d *avroDecoder) AppendJSON(dst, value []byte, headers []record.Header) ([]byte, error) {
	id, body, err := unframe(d.frame, value, headers)
	if err != nil {
		return dst, fmt.Errorf("avro: %w", err)
	}
	schema, err := d.schema(id)
	if err != nil {
		return dst, err
	}
	out, rest, err := AppendAvro(dst, body, schema.schema)
	if err != nil {
		return dst, err
	}
	if len(rest) > 0 {
		return dst, fmt.Errorf("avro: %d bytes after the end", len(rest))
	}
	return out, nil
}

func (d *avroDecoder) fetchSchema(ctx context.Context, id schemaID) (*registeredAvro, error) {
	var texts []string
	use := func(text string) error { texts = append(texts, text); return nil }
	if id.kind != confluentID {
		err := d.client.apicurioFiles(ctx, id, func(_, text string) error { return use(text) })
		if err != nil {
			return nil, fmt.Errorf("avro: %w", err)
		}
		return registered(id, texts)
	}
	s, err := d.client.confluent.SchemaByID(ctx, int(id.id))
	switch {
	case refused(err):
		return nil, fmt.Errorf("avro: the registry has no schema %v", id)
	case err != nil:
		return nil, fmt.Errorf("%w: schema %v: %w", ErrUnavailable, id, err)
	case s.Type != sr.TypeAvro:
		return nil, fmt.Errorf("avro: schema %v is of type %v", id, s.Type)
	}
	err = d.client.references(ctx, s.References, func(_ string, sub sr.Schema) error {
		return use(sub.Schema)
	})
	if err != nil {
		return nil, err
	}
	return registered(id, append(texts, s.Schema))
}

// registered reads a schema, the last of texts, and before it those that it refers to.
func registered(id schemaID, texts []string) (*registeredAvro, error) {
	cache := &avro.SchemaCache{} // two schemas may give one name to different records
	var out registeredAvro
	for _, text := range texts {
		var err error
		if out.schema, err = avro.ParseWithCache(text, "", cache); err != nil {
			return nil, fmt.Errorf("avro: schema %v: %w", id, err)
		}
		out.text = text
	}
	if others := texts[:len(texts)-1]; len(others) > 0 {
		var err error
		if out.text, err = inlineAvro(out.text, others); err != nil {
			return nil, fmt.Errorf("avro: schema %v: %w", id, err)
		}
	}
	return &out, nil
}

// references calls use for what refs name, and before for what that refers to.
func (c *client) references(
	ctx context.Context, refs []sr.SchemaReference, use func(name string, s sr.Schema) error,
) error {
	type version struct {
		subject string
		number  int
	}
	seen := map[version]bool{}
	var resolve func(refs []sr.SchemaReference, depth int) error
	resolve = func(refs []sr.SchemaReference, depth int) error {
		if depth > 16 {
			return errors.New("references nested too deeply")
		}
		for _, r := range refs {
			v := version{r.Subject, r.Version}
			if seen[v] {
				continue
			}
			seen[v] = true
			sub, err := c.confluent.SchemaByVersion(ctx, r.Subject, r.Version)
			switch {
			case refused(err):
				return fmt.Errorf(
					"the schema refers to %s, and the registry has no version %d of subject %s",
					r.Name, r.Version, r.Subject,
				)
			case err != nil:
				return fmt.Errorf("%w: reference %s: %w", ErrUnavailable, r.Name, err)
			}
			if err := resolve(sub.References, depth+1); err != nil {
				return err
			}
			if err := use(r.Name, sub.Schema); err != nil {
				return err
			}
		}
		return nil
	}
	return resolve(refs, 0)
}
