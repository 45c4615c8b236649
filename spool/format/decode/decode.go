package decode

import (
	"errors"
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"
)

// ErrUnavailable is wrapped by errors that pass: the schema registry does not answer. The record
// must be tried again, and is no dead letter.
var ErrUnavailable = errors.New("schema registry unavailable")

// Decoder turns values into JSON. Safe for concurrent use.
type Decoder interface {
	// AppendJSON appends value as one JSON text. An error that does not wrap ErrUnavailable tells
	// that value is not what it should be. The text may hold white space where the value was JSON;
	// it is not checked then.
	AppendJSON(dst, value []byte) ([]byte, error)
	// Fingerprint tells what decides how values are decoded.
	Fingerprint() string
}

// Config says what the values of records are.
type Config struct {
	Type     string    `hcl:"type,label" oneof:"json|msgpack|avro|text" doc:"What the values are: json, msgpack, avro (with a schema registry, in the Confluent wire format) or text."`
	Field    string    `hcl:"field,optional" doc:"Name under which a text stands in the JSON made of it."`
	Registry *Registry `hcl:"registry,block" doc:"Schema registry of avro values."`
}

// Registry is a Confluent schema registry, or one with its API.
type Registry struct {
	URLs     []string      `hcl:"urls" doc:"Addresses of the registry; each is tried in turn."`
	Username string        `hcl:"username,optional" doc:"User for basic authentication."`
	Password string        `hcl:"password,optional" secret:"true" doc:"Password for basic authentication."`
	Token    string        `hcl:"token,optional" secret:"true" doc:"Bearer token."`
	CAFile   string        `hcl:"ca_file,optional" path:"read" doc:"PEM file of certificate authorities to trust in place of the system's."`
	Timeout  time.Duration `hcl:"timeout,optional" doc:"Limit of one request."`
}

// SetDefaults sets the presets.
func (r *Registry) SetDefaults() { *r = Registry{Timeout: 10 * time.Second} }

// SetDefaults sets the presets.
func (c *Config) SetDefaults() { *c = Default() }

// Default returns the presets: the values are JSON.
func Default() Config { return Config{Type: "json", Field: "message"} }

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	switch c.Type {
	case "json", "msgpack", "text":
		if c.Registry != nil {
			errs = append(errs, fmt.Errorf("registry: only avro values need one"))
		}
	case "avro":
		if c.Registry == nil {
			errs = append(errs, fmt.Errorf("registry: avro values need one"))
			break
		}
		if len(c.Registry.URLs) == 0 {
			errs = append(errs, fmt.Errorf("registry.urls: must not be empty"))
		}
		for _, s := range c.Registry.URLs {
			if u, err := url.Parse(
				s,
			); err != nil || u.Scheme != "http" && u.Scheme != "https" ||
				u.Host == "" {
				errs = append(
					errs,
					fmt.Errorf(
						"registry.urls: must be URLs such as \"http://registry:8081\", not %q", s,
					),
				)
			}
		}
		if c.Registry.Timeout <= 0 {
			errs = append(errs, fmt.Errorf("registry.timeout: must be more than 0"))
		}
		if c.Registry.Username != "" && c.Registry.Token != "" {
			errs = append(errs, fmt.Errorf("registry.token: cannot be used together with username"))
		}
	default:
		errs = append(errs, fmt.Errorf("type: must be json, msgpack, avro or text, not %q", c.Type))
	}
	if c.Type == "text" && c.Field == "" {
		errs = append(errs, fmt.Errorf("field: must not be empty"))
	}
	return errors.Join(errs...)
}

// New returns the decoder of a configuration. It opens no connection.
func New(c Config) (Decoder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch c.Type {
	case "msgpack":
		return msgpack{}, nil
	case "text":
		return plain{field: c.Field}, nil
	case "avro":
		return newAvro(c.Registry)
	}
	return asIs{}, nil
}

type asIs struct{}

func (asIs) AppendJSON(dst, value []byte) ([]byte, error) { return append(dst, value...), nil }
func (asIs) Fingerprint() string                          { return "json" }

type plain struct{ field string }

func (p plain) AppendJSON(dst, value []byte) ([]byte, error) {
	if !utf8.Valid(value) {
		return dst, errors.New("text: not valid UTF-8")
	}
	dst = appendString(append(dst, '{'), p.field)
	return append(appendString(append(dst, ':'), string(value)), '}'), nil
}

func (p plain) Fingerprint() string { return "text " + p.field }
