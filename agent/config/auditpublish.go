package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Audit is the audit block of the agent.
type Audit struct {
	To       string        `hcl:"to" ref:"output" doc:"The object store output (s3, gcs, local) that takes the counts of all agents; it need not be in a pipeline."`
	Prefix   string        `hcl:"prefix,optional" doc:"First part of the objects' names; the same for all agents that are compared."`
	Interval time.Duration `hcl:"interval,optional" doc:"How often; each agent at times of its own."`
	Keep     time.Duration `hcl:"keep,optional" doc:"How long; an agent deletes what it has published before."`
}

// SetDefaults presets the optional attributes.
func (c *Audit) SetDefaults() {
	*c = Audit{Prefix: "audit", Interval: time.Minute, Keep: 8 * 24 * time.Hour}
}

// check reports what is wrong.
func (c *Audit) check() []error {
	var errs []error
	if c.Interval < time.Second || c.Interval > time.Hour {
		errs = append(errs, errors.New("audit.interval: must be from 1s to 1h"))
	}
	if c.Keep < 24*time.Hour {
		errs = append(errs, errors.New("audit.keep: must be at least 24h"))
	}
	for part := range strings.SplitSeq(strings.Trim(c.Prefix, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			errs = append(errs, fmt.Errorf("audit.prefix: %q is no part of an object's name", c.Prefix))
			break
		}
	}
	return errs
}
