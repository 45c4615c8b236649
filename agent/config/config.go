package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/penstock/penstock/agent/state"
	"github.com/penstock/penstock/network/tlsconf"
)

// Config is a whole configuration, decoded and checked.
type Config struct {
	Agent      Agent
	Components []*Instance // in the order of the files
	Pipelines  []*Pipeline
	Secrets    []string // values of secret attributes and variables, for logs to leave out
	Files      []File   // as they may be shown, in the order in which they were read
}

// Instance is one configured component.
type Instance struct {
	Component *Component
	Name      string    // the second label
	Config    any       // what Component.Default returned, filled
	Common    any       // what Component.Common returned, filled, or nil
	Refs      []Ref     // the components it refers to
	Range     hcl.Range // of its header

	positions *decoder
}

// ID returns the name that references use: "output.kafka.events".
func (i *Instance) ID() string {
	return string(i.Component.Kind) + "." + i.Component.Type + "." + i.Name
}

// Find returns the component named by a reference, or nil.
func (c *Config) Find(id string) *Instance {
	for _, i := range c.Components {
		if i.ID() == id {
			return i
		}
	}
	return nil
}

// Agent is the agent block.
type Agent struct {
	DataDir         string        `hcl:"data_dir,optional" doc:"Directory of buffers, positions and spools."`
	Name            string        `hcl:"name,optional" doc:"Name of this agent, unique among all that share a destination; the host name unless set."`
	MemoryLimit     int64         `hcl:"memory_limit,optional" unit:"bytes" doc:"Soft limit of the process's memory; garbage is collected harder near it. Unless it is set, an agent with a pipeline that reads a log as it lies, such as Kafka, gets 240MiB. 0 means none."`
	ShutdownTimeout time.Duration `hcl:"shutdown_timeout,optional" doc:"How long outputs may go on delivering after SIGTERM; what is left stays on disk. Outputs whose destination does not answer are not waited for."`
	Log             Log           `hcl:"log,block" doc:"What the agent logs about itself, on standard error."`
	Admin           Admin         `hcl:"admin,block" doc:"The status page, metrics and health checks."`
	Metrics         *Metrics      `hcl:"metrics,block" doc:"Push the metrics to somebody who does not fetch them."`
	Audit           *Audit        `hcl:"audit,block" doc:"Publish the counts of penstock audit, so that those of all agents can be compared: penstock audit --fleet."`
}

// Log is the log block of the agent.
type Log struct {
	Level  string `hcl:"level,optional" oneof:"debug|info|warn|error" doc:"The least severe lines that are logged."`
	Format string `hcl:"format,optional" oneof:"auto|text|json" doc:"Form of the lines; auto is text on a terminal and JSON otherwise."`
}

// Admin is the admin block of the agent.
type Admin struct {
	Listen       string          `hcl:"listen,optional" doc:"Address of the admin server, host:port or unix:///PATH; an empty string turns it off. Where other hosts can reach it, token, read_token, tls with client_ca_file or anonymous has to be given."`
	Socket       string          `hcl:"socket,optional" doc:"A unix socket beside an address in listen, in data_dir unless it begins with a slash, which penstock status and its like find; an empty string turns it off. Who may open it may do everything, without a token; where mode or group let others than its owner open it, they need a token where there is one."`
	Mode         string          `hcl:"mode,optional" doc:"Permissions of the unix socket, in octal. Unless set 0600, with a group 0660; 0660 where listen is a socket."`
	Group        string          `hcl:"group,optional" doc:"Group of the unix socket; that of the process unless set."`
	Token        string          `hcl:"token,optional" secret:"true" doc:"Token of those who may read everything and give commands, as a bearer token or as the password of any user. It is needed for all but /healthz, also on this host, and what anonymous allows, but not by the owner of the socket."`
	ReadToken    string          `hcl:"read_token,optional" secret:"true" doc:"Token of those who may read everything, and command nothing."`
	Anonymous    string          `hcl:"anonymous,optional" oneof:"|none|metrics|read" doc:"What those may do who have no token: none; metrics: /metrics, /metrics.json and /readyz, which hold no data; or read everything, live records among it. Unless it is set everything, if the server listens on loopback or a unix socket and has neither token nor tls, and nothing otherwise."`
	TLS          *tlsconf.Server `hcl:"tls,block" doc:"Serve HTTPS. Who has a certificate of client_ca_file may do everything."`
	AllowedHosts []string        `hcl:"allowed_hosts,optional" doc:"Names by which the admin server may be addressed, such as \"web-1.example.org\" or \"*.example.org\", beside localhost, this machine's name, the host of listen and any IP address; \"*\" is any name, and lets a web page that makes its own name lead here read all of it."`
	Pprof        bool            `hcl:"pprof,optional" doc:"Whether profiles are served at /debug/pprof."`
	NotReady     []string        `hcl:"not_ready,optional" doc:"The kinds of problems with which /readyz answers 503; with others it answers 200 and names them. failed, opening, refused, held (some records wait for a person), waiting_for_buffer; further ones are retrying, slow, paused, overflowing, standing_by, store_fails, replaying, unreadable, nothing_matches, filling, dropped, damaged, orphan, not_accounted and reload_refused. While it starts and stops an agent is never ready."`
}

// DefaultAgent returns the agent block as it is when nothing is written.
func DefaultAgent() Agent {
	return Agent{
		DataDir:         "/var/lib/penstock",
		MemoryLimit:     128 << 20,
		ShutdownTimeout: 30 * time.Second,
		Log:             Log{Level: "info", Format: "auto"},
		Admin: Admin{
			Listen: "127.0.0.1:9600", Socket: "admin.sock", NotReady: slices.Clone(state.NotReady),
		},
	}
}

// sourceMemory is the preset where a pipeline reads a log that is no buffer: a backlog is read fast
// into memory, and with less half of the time goes to the garbage collector.
const sourceMemory = 240 << 20

// Validate checks the agent block.
func (a *Agent) Validate() error {
	var errs []error
	if a.DataDir == "" {
		errs = append(errs, errors.New("data_dir: must not be empty"))
	} else if err := usableDataDir(a.DataDir); err != nil {
		errs = append(errs, fmt.Errorf("data_dir: %w", err))
	}
	if a.Name == "" || len(a.Name) > 200 || strings.ContainsAny(a.Name, "/\x00\n") ||
		a.Name == "." ||
		a.Name == ".." {
		errs = append(
			errs,
			errors.New(
				"name: must be 1 to 200 characters without slashes, since it stands in object names",
			),
		)
	}
	if a.MemoryLimit != 0 && a.MemoryLimit < 32<<20 {
		errs = append(
			errs,
			fmt.Errorf(
				"memory_limit: %s is too little to work with; give at least 32MiB, or 0 for no limit",
				FormatSize(a.MemoryLimit),
			),
		)
	}
	if a.ShutdownTimeout < 0 {
		errs = append(errs, errors.New("shutdown_timeout: must not be negative"))
	}
	errs = append(errs, a.Admin.check()...)
	if a.Metrics != nil {
		errs = append(errs, a.Metrics.check()...)
	}
	if a.Audit != nil {
		errs = append(errs, a.Audit.check()...)
	}
	for _, kind := range a.Admin.NotReady {
		if !slices.Contains(state.ProblemKinds, kind) {
			errs = append(
				errs,
				fmt.Errorf(
					"admin.not_ready: there is no %q; write some of %s", kind,
					strings.Join(state.ProblemKinds, ", "),
				),
			)
		}
	}
	for _, h := range a.Admin.AllowedHosts {
		if h == "" || strings.ContainsAny(h, "/:[] ") ||
			strings.Contains(strings.TrimPrefix(h, "*."), "*") && h != "*" {
			errs = append(
				errs,
				fmt.Errorf(
					"admin.allowed_hosts: %q is not a name such as web-1.example.org or *.example.org; leave out scheme and port",
					h,
				),
			)
		}
	}
	return errors.Join(errs...)
}

// Pipeline moves records from inputs to outputs, through one buffer unless its inputs are logs
// themselves.
type Pipeline struct {
	Name      string   `hcl:"name,label" doc:"Name of the pipeline, and of its buffer's directory."`
	From      []string `hcl:"from" ref:"input" doc:"The inputs it reads. An input may feed several pipelines and is read once: the pipeline that is written first reads it, and each further one gets its records from that one's buffer, into its own. An input that is a log already, such as kafka, belongs to one pipeline."`
	To        []string `hcl:"to,optional" ref:"output" doc:"The outputs that get every record. Each goes at its own pace."`
	Filter    []string `hcl:"filter,optional" ref:"filter" doc:"The filters that records pass on their way out of the buffer, in this order; a filter of type multiline, and those before it, work on the way in. A filter may also be written within the pipeline, without a name: filter \"parse\" { format = \"json\" }; then the order in which all of them are written counts."`
	Otherwise []string `hcl:"otherwise,optional" ref:"output" doc:"The outputs that get the records which no route takes."`
	Unrouted  string   `hcl:"unrouted,optional" oneof:"count|dead_letter|error" doc:"What becomes of records that no output takes, where there is neither to nor otherwise: they are counted and leave the buffer; or they go to the dead letter of the first output, counted too; or the configuration is wrong unless some route takes all records (match = [\"**\"] and no if), so that there can be none."`
	Routes    []Route  `hcl:"route,block" doc:"Sends the records with certain tags, or for which a condition holds, to further outputs; every route that matches applies."`
	Buffer    any      `hcl:"buffer,block" doc:"The disk buffer between inputs and outputs."`

	LatencyBudget time.Duration `hcl:"latency_budget,optional" doc:"How long lines that an app has written may wait for more before they are read, so that what comes in a trickle travels together: one look at many files, one synced write, one request for each partition. As long again is added to it, but no more than 15ms. It ends as soon as a full batch is there, and does not delay acknowledgements to clients. 0s: no wait."`

	Range  hcl.Range
	Source bool // its inputs are logs themselves: there is no buffer
	// Feeds names, for inputs that an earlier pipeline reads, which one that is: their records come
	// from its buffer.
	Feeds map[string]string

	named     []string // of Filter, those of the attribute
	positions *decoder // while loading
}

// DefaultLatencyBudget keeps what a trickle of lines costs low, and the way of a line from app to
// consumer below a tenth of a second.
const DefaultLatencyBudget = 50 * time.Millisecond

// Values of Pipeline.Unrouted.
const (
	UnroutedCount      = "count"
	UnroutedDeadLetter = "dead_letter"
	UnroutedError      = "error"
)

// Validate reports every mistake, each beginning with the attribute's name.
func (p *Pipeline) Validate() error {
	if p.LatencyBudget < 0 || p.LatencyBudget > 10*time.Second {
		return fmt.Errorf("latency_budget: must be from 0s to 10s, not %v", p.LatencyBudget)
	}
	return nil
}

// Route sends records to outputs by their tag, or by what they are.
type Route struct {
	If    string   `hcl:"if,optional" doc:"Expression (penstock help expressions): only records for which it holds, after the filters, are the route's. A record that it cannot be evaluated for is not."`
	Match []string `hcl:"match,optional" doc:"Tag patterns: * stands for one part of a tag, ** for any number of parts, {a,b} for either."`
	To    []string `hcl:"to" ref:"output" doc:"The outputs that get the matching records."`
}

// MayLeaveUnrouted reports whether there may be records that no output takes, as far as the routes
// show.
func (p *Pipeline) MayLeaveUnrouted() bool {
	return len(p.Routes) > 0 && len(p.To) == 0 && len(p.Otherwise) == 0 &&
		!slices.ContainsFunc(p.Routes, func(r Route) bool {
			return slices.Contains(r.Match, "**") && r.If == ""
		})
}

// Outputs returns every output of the pipeline once, in the order of writing.
func (p *Pipeline) Outputs() []string {
	var out []string
	add := func(ids []string) {
		for _, id := range ids {
			known := false
			for _, o := range out {
				known = known || o == id
			}
			if !known {
				out = append(out, id)
			}
		}
	}
	add(p.To)
	for _, r := range p.Routes {
		add(r.To)
	}
	add(p.Otherwise)
	return out
}
