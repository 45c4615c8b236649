package exec

import (
	"errors"
	"time"
)

// Config of the input.
type Config struct {
	Command     []string          `hcl:"command" path:"run" doc:"Program and arguments, without a shell. Each line that it prints is a record."`
	Dir         string            `hcl:"dir,optional" path:"read" doc:"Working directory; the agent's unless set."`
	Env         map[string]string `hcl:"env,optional" doc:"Variables added to the agent's environment."`
	Interval    time.Duration     `hcl:"interval,optional" doc:"Run the command so often; 0s keeps it running, started again when it ends."`
	Timeout     time.Duration     `hcl:"timeout,optional" doc:"With interval: end a run that takes longer; 0s never does."`
	RestartWait time.Duration     `hcl:"restart_wait,optional" doc:"Without interval: wait before the first new start; doubled, up to a minute, while the command ends at once."`
	StopTimeout time.Duration     `hcl:"stop_timeout,optional" doc:"Time from SIGTERM to SIGKILL. What the command prints meanwhile is taken; when the agent itself stops, within agent.shutdown_timeout."`
	Tag         string            `hcl:"tag,optional" doc:"Tag of the records."`
	MaxLineSize int64             `hcl:"max_line_size,optional" unit:"bytes" doc:"Longer lines become several records; all but the first have the header \"continued\"."`
}

// Default returns the presets.
func Default() Config {
	return Config{
		RestartWait: time.Second,
		StopTimeout: 5 * time.Second,
		Tag:         "exec",
		MaxLineSize: 1 << 20,
	}
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	bad := func(s string) { errs = append(errs, errors.New(s)) }
	if len(c.Command) == 0 || c.Command[0] == "" {
		bad("command: needs at least the program")
	}
	if c.Interval < 0 {
		bad("interval: must not be negative")
	}
	if c.Timeout < 0 {
		bad("timeout: must not be negative")
	}
	if c.Timeout > 0 && c.Interval == 0 {
		bad("timeout: has no effect without interval")
	}
	if c.RestartWait <= 0 {
		bad("restart_wait: must be more than 0s")
	}
	if c.StopTimeout <= 0 {
		bad("stop_timeout: must be more than 0s")
	}
	if c.Tag == "" {
		bad("tag: must not be empty")
	}
	if c.MaxLineSize < 1 || c.MaxLineSize > 256<<20 {
		bad("max_line_size: must be from 1 to 256MiB")
	}
	return errors.Join(errs...)
}
