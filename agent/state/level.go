package state

import "time"

// Level says how much something wants a person.
type Level int

const (
	OK       Level = iota // nothing to do
	Notice                // not as usual, and mends itself
	Warning               // data is safe; have a look
	Critical              // data is not taken in, or a person is needed
)

var levels = []string{"ok", "notice", "warning", "critical"}

func (l Level) String() string { return levels[l] }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. An unknown level is the worst.
func (l *Level) UnmarshalText(p []byte) error {
	*l = Critical
	for i, name := range levels {
		if name == string(p) {
			*l = Level(i)
		}
	}
	return nil
}

// Problem is something that is not as it should be.
type Problem struct {
	Component string    `json:"component"`
	Kind      string    `json:"kind"` // one of the kinds of inputs, outputs and pipelines
	Level     Level     `json:"level"`
	Since     time.Time `json:"since,omitzero"`
	Text      string    `json:"text"`
	Do        string    `json:"do,omitempty"`
}
