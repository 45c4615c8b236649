package hook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Partition is what is complete.
type Partition struct {
	Topic    string    `json:"topic"`
	Path     string    `json:"path"`               // below the store's prefix
	Location string    `json:"location,omitempty"` // URL of the path
	Names    []string  `json:"names"`              // of the path's name=value segments
	Values   []string  `json:"values"`
	Start    time.Time `json:"start"` // event times are from Start
	End      time.Time `json:"end"`   // to before End
	Agent    string    `json:"agent"`
}

// Hook is run for each complete partition. Errors are retryable. Safe for concurrent use.
type Hook interface {
	Run(ctx context.Context, p *Partition) error
}

// Config is one hook block; which attributes apply depends on its type.
type Config struct {
	Type    string        `hcl:"type,label" oneof:"webhook|command|trino|glue" doc:"What the hook does."`
	Timeout time.Duration `hcl:"timeout,optional" doc:"Limit of one run."`

	URL      string            `hcl:"url,optional" doc:"webhook: where the partition is posted to as JSON; trino: address of the coordinator."`
	Headers  map[string]string `hcl:"headers,optional" secret:"true" doc:"webhook: request headers."`
	Command  []string          `hcl:"command,optional" path:"run" doc:"command: program and arguments; the partition is in the environment as PENSTOCK_TOPIC, PENSTOCK_PATH, PENSTOCK_LOCATION, PENSTOCK_START, PENSTOCK_END and PENSTOCK_VALUE_<NAME>."`
	Catalog  string            `hcl:"catalog,optional" doc:"trino: catalog of the table; glue: id of the data catalog, the account's own when empty."`
	Database string            `hcl:"database,optional" doc:"trino and glue: schema or database of the table."`
	Table    string            `hcl:"table,optional" doc:"trino and glue: table that the partition belongs to."`
	Mode     string            `hcl:"mode,optional" oneof:"register|sync" doc:"trino: register this partition, or let the table find all its partitions."`
	User     string            `hcl:"user,optional" doc:"trino: user."`
	Password string            `hcl:"password,optional" secret:"true" doc:"trino: password, for basic authentication over https."`
	Region   string            `hcl:"region,optional" doc:"glue: AWS region."`
	Endpoint string            `hcl:"endpoint,optional" doc:"glue: endpoint in place of the region's."`
}

// SetDefaults sets the presets.
func (c *Config) SetDefaults() {
	*c = Config{Timeout: 30 * time.Second, Mode: "register", User: "penstock"}
}

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(name string, ok bool) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: must be set for a %s hook", name, c.Type))
		}
	}
	switch c.Type {
	case "webhook":
		need("url", c.URL != "")
	case "command":
		need("command", len(c.Command) > 0)
	case "trino":
		need("url", c.URL != "")
		need("catalog", c.Catalog != "")
		need("database", c.Database != "")
		need("table", c.Table != "")
	case "glue":
		need("database", c.Database != "")
		need("table", c.Table != "")
	default:
		errs = append(
			errs, fmt.Errorf("type: must be webhook, command, trino or glue, not %q", c.Type),
		)
	}
	for name, s := range map[string]string{"url": c.URL, "endpoint": c.Endpoint} {
		if s == "" {
			continue
		}
		if u, err := url.Parse(
			s,
		); err != nil || u.Host == "" ||
			!slices.Contains([]string{"http", "https"}, u.Scheme) {
			errs = append(
				errs,
				fmt.Errorf("%s: must be a URL such as \"https://host/path\", not %q", name, s),
			)
		}
	}
	if c.Mode != "register" && c.Mode != "sync" {
		errs = append(errs, fmt.Errorf("mode: must be register or sync, not %q", c.Mode))
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: must be more than 0"))
	}
	return errors.Join(errs...)
}

// NeedsLocation reports whether the hook is of no use without the partition's URL.
func (c *Config) NeedsLocation() bool {
	return c.Type == "glue" || c.Type == "trino" && c.Mode == "register"
}

// New returns the hook of a configuration. It opens no connection.
func New(c Config) (Hook, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch c.Type {
	case "webhook":
		return newWebhook(c), nil
	case "command":
		return &command{c}, nil
	case "trino":
		return newTrino(c), nil
	}
	return &glueHook{cfg: c}, nil
}
