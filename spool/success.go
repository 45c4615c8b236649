package spool

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/spool/hook"
)

// SuccessConfig says how completeness is told.
type SuccessConfig struct {
	Name      string        `hcl:"name,optional" doc:"Name of the empty object that marks a complete partition."`
	Grace     time.Duration `hcl:"grace,optional" doc:"How far all watermarks have to be past the end of a time partition."`
	IdleAfter time.Duration `hcl:"idle_after,optional" doc:"For logs in which nothing with an event time has come for so long. One that is read to its end counts as having reached the present, another its records' own time, less this time each. 0: completeness waits for records. A watermark is what two records in a row have reached."`
	Check     time.Duration `hcl:"check,optional" doc:"How often it is looked whether a time partition is complete."`
	Location  string        `hcl:"location,optional" doc:"URL of the store's prefix, such as \"s3://bucket/prefix\", for hooks."`
	Hooks     []hook.Config `hcl:"hook,block" doc:"Run for each complete partition, after the marker was written; repeated until they succeed."`
}

// SetDefaults sets the presets.
func (c *SuccessConfig) SetDefaults() {
	*c = SuccessConfig{
		Name:      "_SUCCESS",
		Grace:     15 * time.Minute,
		IdleAfter: 15 * time.Minute,
		Check:     time.Minute,
	}
}

// Validate reports every mistake at once.
func (c *SuccessConfig) Validate() error {
	var errs []error
	if c.Name == "" || strings.ContainsRune(c.Name, '/') || c.Name[0] != '_' && c.Name[0] != '.' {
		errs = append(
			errs,
			fmt.Errorf(
				"name: must begin with _ or . and hold no slash, so that readers take it for no data, not %q",
				c.Name,
			),
		)
	}
	if c.Grace < 0 || c.IdleAfter < 0 {
		errs = append(errs, errors.New("grace, idle_after: must not be negative"))
	}
	if c.Check <= 0 {
		errs = append(errs, errors.New("check: must be more than 0"))
	}
	for i := range c.Hooks {
		h := &c.Hooks[i]
		errs = append(errs, under(fmt.Sprintf("hook[%d]", i), h.Validate()))
		if h.NeedsLocation() && c.Location == "" {
			errs = append(errs, fmt.Errorf("location: must be set for a %s hook", h.Type))
		}
	}
	return errors.Join(errs...)
}
