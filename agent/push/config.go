package push

import "time"

// Config says what is sent where: the fields of the configuration's metrics block, described there.
type Config struct {
	To       string // statsd, dogstatsd, opentsdb or otlp
	Address  string
	Interval time.Duration
	Timeout  time.Duration
	Prefix   string
	Headers  map[string]string
}
