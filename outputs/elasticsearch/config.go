package elasticsearch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/buffer/record/dialect"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/network/tlsconf"
	"github.com/penstock/penstock/outputs/httpsend"
)

// Config of the output.
type Config struct {
	URLs           []string          `hcl:"urls" doc:"Addresses of the cluster, as in https://es-1:9200; requests are spread over them."`
	Index          template.Template `hcl:"index,optional" doc:"Index or data stream, a template (penstock help templates) such as logs-${strftime(\"%Y.%m.%d\")}. Upper case becomes lower case; a record that lacks a part goes to the dead letter."`
	Operation      string            `hcl:"operation,optional" oneof:"create|index" doc:"create, which data streams need, keeps what is there; index overwrites."`
	IDHeader       string            `hcl:"id_header,optional" doc:"Header that holds the document's id; otherwise it is made from the record."`
	TimestampField string            `hcl:"timestamp_field,optional" doc:"Field added with the record's time to documents that lack it; none when empty."`
	TagField       string            `hcl:"tag_field,optional" doc:"Field added with the tag; none when empty."`
	Pipeline       string            `hcl:"pipeline,optional" doc:"Ingest pipeline."`
	Compression    string            `hcl:"compression,optional" oneof:"none|gzip" doc:"Compression of the requests."`
	Timeout        time.Duration     `hcl:"timeout,optional" doc:"Time for one request; then it is made again."`
	User           string            `hcl:"user,optional" doc:"User for basic authentication."`
	Password       string            `hcl:"password,optional" secret:"true" doc:"Password of the user."`
	APIKey         string            `hcl:"api_key,optional" secret:"true" doc:"API key, encoded as the cluster hands it out."`
	TLS            *tlsconf.Client   `hcl:"tls,block" doc:"TLS beyond the system's defaults."`
}

// Default returns the presets.
func Default() Config {
	return Config{
		Index: template.MustParse(
			"${tag}",
		),
		Operation:      "create",
		TimestampField: "@timestamp",
		Compression:    "gzip",
		Timeout:        time.Minute,
	}
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.URLs) == 0 {
		bad("urls: needs at least one address")
	}
	for _, u := range c.URLs {
		if err := httpsend.CheckURL(u); err != nil {
			bad("urls: %w", err)
		}
	}
	if c.Index.IsZero() {
		bad("index: must not be empty")
	}
	if _, err := dialect.Bind(c.Index, ""); err != nil {
		bad("index: %w", err)
	}
	if !slices.Contains([]string{"create", "index"}, c.Operation) {
		bad("operation: must be create or index")
	}
	if !slices.Contains([]string{"none", "gzip"}, c.Compression) {
		bad("compression: must be none or gzip")
	}
	if c.Timeout <= 0 {
		bad("timeout: must be more than 0s")
	}
	if c.APIKey != "" && c.User != "" {
		bad("api_key: use either api_key or user")
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			bad("tls.%w", err)
		}
	}
	return errors.Join(errs...)
}
