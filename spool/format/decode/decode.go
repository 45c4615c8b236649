package decode

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/buffer/record"
)

// ErrUnavailable is wrapped by errors that pass: the schema registry does not answer. The record
// must be tried again, and is no dead letter.
var ErrUnavailable = errors.New("schema registry unavailable")

// Decoder turns values into JSON. Safe for concurrent use.
type Decoder interface {
	// AppendJSON appends value as one JSON text. An error that does not wrap ErrUnavailable tells
	// that value is not what it should be. The text may hold white space where the value was JSON;
	// it is not checked then. headers are the record's.
	AppendJSON(dst, value []byte, headers []record.Header) ([]byte, error)
	// Fingerprint tells what decides how values are decoded.
	Fingerprint() string
}

// Texts is a Decoder of values that are JSON already.
type Texts interface {
	Decoder
	// Text returns the part of value that is JSON; it is not checked.
	Text(value []byte, headers []record.Header) ([]byte, error)
}

// Config says what the values of records are.
type Config struct {
	Type        string            `hcl:"type,label" oneof:"json|msgpack|avro|protobuf|thrift|text|wasm" doc:"What the values are: json, msgpack, avro (with a schema registry), protobuf (with one, or with descriptors), thrift (a struct, read by the ids of its fields), text, or what a module of WebAssembly makes JSON of (wasm, in penstock-wasm of a release, which make wasm builds)."`
	Frame       string            `hcl:"frame,optional" oneof:"none|confluent|apicurio|apicurio_global|apicurio_headers" doc:"What names the schema of a value: confluent (a zero byte and an id of four), apicurio (the same, a content id: Apicurio 3), apicurio_global (a global id of eight bytes: Apicurio 2), apicurio_headers (an id in a header, which Apicurio 2 writes unless told otherwise), or none. avro has confluent unless another is given, as has protobuf with a registry; all others have none; json with a frame is what JSON Schema serializers write."`
	Field       string            `hcl:"field,optional" doc:"Name under which a text stands in the JSON made of it."`
	Protocol    string            `hcl:"protocol,optional" oneof:"binary|compact" doc:"thrift: protocol of the values."`
	Names       map[string]string `hcl:"names,optional" doc:"thrift: names of fields by their ids, such as { \"1\" = \"time\", \"2.3\" = \"city\" }, where 2.3 is field 3 of the struct, or of the structs, in field 2; a field without one is named by its id."`
	Binary      []string          `hcl:"binary,optional" doc:"thrift: ids of the fields that are binary, and stand in base64; those of type string are texts otherwise."`
	Message     string            `hcl:"message,optional" doc:"protobuf: full name of the message; needed where no registry tells it."`
	Descriptors string            `hcl:"descriptors,optional" path:"read" doc:"protobuf: file of descriptors, made by protoc --include_imports --descriptor_set_out=FILE, in place of a registry. Fields that no definition has stand in _unknown, in base64."`
	Module      string            `hcl:"module,optional" path:"read" doc:"wasm: a module, *.wasm, with the interface of the filter wasm: examples/wasm/rust is one. The value of the record that it answers with is the JSON. It must give the same for a value whenever it comes."`
	Memory      int64             `hcl:"memory,optional" unit:"bytes" doc:"wasm: the most memory that an instance may have; there are as many as work at a time."`
	Timeout     time.Duration     `hcl:"timeout,optional" doc:"wasm: how long the module may take for a value. One on which it takes longer, or fails, goes to the dead letter, and the next one meets a fresh instance."`
	Registry    *Registry         `hcl:"registry,block" doc:"Schema registry of avro and protobuf values, with what schemas refer to. It has Confluent's API, or for the frames of Apicurio its own, such as http://registry:8080/apis/registry/v3. Schemas of protobuf may be descriptors or the text of .proto files."`
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
func Default() Config {
	return Config{
		Type: "json", Field: "message", Protocol: "binary",
		Memory: moduleMemory, Timeout: moduleTime,
	}
}

// frame returns the frame of the values.
func (c *Config) frame() string {
	if c.Registry != nil {
		return cmp.Or(c.Frame, confluentFrame)
	}
	return cmp.Or(c.Frame, noFrame)
}

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch c.Type {
	case "json", "msgpack", "text", "thrift", "wasm":
		if c.Registry != nil {
			bad("registry: only avro and protobuf values need one")
		}
	case "avro":
		if c.Registry == nil {
			bad("registry: avro values need one")
		} else {
			errs = append(errs, c.Registry.validate())
		}
		if c.Frame == noFrame {
			bad("frame: avro values are read by the schema that their frame names")
		}
	case "protobuf":
		if c.checkProtobuf(bad); c.Registry != nil {
			errs = append(errs, c.Registry.validate())
		}
	default:
		bad("type: must be json, msgpack, avro, protobuf, thrift, text or wasm, not %q", c.Type)
	}
	if c.Frame != "" && !slices.Contains(frames, c.Frame) {
		bad("frame: must be one of %s, not %q", frameList(), c.Frame)
	}
	if c.Type != "protobuf" && (c.Message != "" || c.Descriptors != "") {
		bad("message, descriptors: only for protobuf")
	}
	if c.Type == "wasm" {
		c.checkModule(bad)
	} else if c.Module != "" {
		bad("module: only for wasm")
	}
	if c.Type == "text" && c.Field == "" {
		bad("field: must not be empty")
	}
	if c.Type == "thrift" {
		if c.Protocol != "binary" && c.Protocol != "compact" {
			bad("protocol: must be binary or compact, not %q", c.Protocol)
		}
		_, err := newThrift(c)
		errs = append(errs, err)
	} else if len(c.Names) > 0 || len(c.Binary) > 0 {
		bad("names, binary: only for thrift")
	}
	return errors.Join(errs...)
}

func (r *Registry) validate() error {
	var errs []error
	if len(r.URLs) == 0 {
		errs = append(errs, fmt.Errorf("registry.urls: must not be empty"))
	}
	for _, s := range r.URLs {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			errs = append(errs, fmt.Errorf(
				"registry.urls: must be URLs such as \"http://registry:8081\", not %q", s,
			))
		}
	}
	if r.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("registry.timeout: must be more than 0"))
	}
	if r.Username != "" && r.Token != "" {
		errs = append(errs, fmt.Errorf("registry.token: cannot be used together with username"))
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
		return inFrame(c.Frame, msgpack{}), nil
	case "text":
		return inFrame(c.Frame, plain{field: c.Field}), nil
	case "thrift":
		d, err := newThrift(&c)
		return inFrame(c.Frame, d), err
	case "wasm":
		d, err := newModule(&c)
		if err != nil {
			return nil, err
		}
		return inFrame(c.Frame, d), nil
	case "avro":
		return newAvro(c.Registry, c.frame())
	case "protobuf":
		return newProtobuf(&c)
	}
	return inFrame(c.Frame, asIs{}), nil
}

type asIs struct{}

func (asIs) AppendJSON(dst, value []byte, _ []record.Header) ([]byte, error) {
	return append(dst, value...), nil
}
func (asIs) Text(value []byte, _ []record.Header) ([]byte, error) { return value, nil }
func (asIs) Fingerprint() string                                  { return "json" }

type plain struct{ field string }

func (p plain) AppendJSON(dst, value []byte, _ []record.Header) ([]byte, error) {
	if !utf8.Valid(value) {
		return dst, errors.New("text: not valid UTF-8")
	}
	dst = appendString(append(dst, '{'), p.field)
	return append(appendString(append(dst, ':'), string(value)), '}'), nil
}

func (p plain) Fingerprint() string { return "text " + p.field }
