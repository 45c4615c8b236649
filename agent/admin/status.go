package admin

import (
	"slices"
	"time"

	"github.com/penstock/penstock/agent/state"
)

// Status is all that the status page shows, at one moment.
type Status struct {
	Agent     string      `json:"agent"`
	Version   string      `json:"version"`
	Started   time.Time   `json:"started"`
	Ready     bool        `json:"ready"`
	Reasons   []string    `json:"reasons,omitempty"` // why it is not ready
	Sentence  string      `json:"sentence"`          // how it is
	Level     state.Level `json:"level"`
	Memory    int64       `json:"memory_bytes"` // in use by the Go runtime
	Reload    Reload      `json:"reload"`
	Loaded    time.Time   `json:"configuration_loaded"` // when what is in force was read
	Pipelines []Pipeline  `json:"pipelines"`
	Recent    []LogGroup  `json:"recent_errors"` // warnings, too; the newest first
	// of the agent itself
	Own []state.Problem `json:"problems,omitempty"`
}

// Problems returns all that is amiss, the worst first.
func (s *Status) Problems() []state.Problem {
	out := slices.Clone(s.Own)
	for _, p := range s.Pipelines {
		out = append(out, p.Now.Problems...)
	}
	state.SortProblems(out)
	return state.Shown(out)
}

// LogGroup is what a component has logged with one message: warnings or errors.
type LogGroup struct {
	Component string    `json:"component,omitempty"`
	Level     string    `json:"level"` // of the last: warning or error
	Message   string    `json:"message"`
	Count     int64     `json:"count"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Error     string    `json:"error,omitempty"`   // of the last
	Details   string    `json:"details,omitempty"` // of the last
	Do        string    `json:"do,omitempty"`
}

// Reload is the outcome of the last reload.
type Reload struct {
	Time  time.Time `json:"time,omitzero"`
	Error string    `json:"error,omitempty"`
}

// Pipeline is one pipeline's condition.
type Pipeline struct {
	Name    string              `json:"name"`
	State   string              `json:"state"` // opening, running, stopping, failed, unclaimed
	Error   string              `json:"error,omitempty"`
	Now     state.PipelineState `json:"now"`
	Buffer  *Buffer             `json:"buffer,omitempty"`
	Inputs  []Component         `json:"inputs"`
	Outputs []Component         `json:"outputs"`
	// cursors that no output reads, which hold up the buffer
	OrphanedCursors []string `json:"forlorn_cursors,omitempty"`
}

// Buffer is the condition of a pipeline's buffer.
type Buffer struct {
	Bytes     int64         `json:"bytes"`
	Segments  int           `json:"segments"`
	First     int64         `json:"first"`
	End       int64         `json:"end"`
	OldestAge time.Duration `json:"oldest_age_ns"`
	Fill      float64       `json:"fill"`
	Blocked   bool          `json:"blocked"`
	LowSpace  bool          `json:"low_space"`
	// WriteError is why nothing can be written; "" while it can.
	WriteError string `json:"write_error,omitempty"`

	// With spill = true.
	Spill       bool      `json:"spill"`
	Memory      bool      `json:"through_memory"` // what can be read again is not written for now
	WindowBytes int64     `json:"window_bytes"`   // in memory alone
	WindowFill  float64   `json:"window_fill"`
	LastSpill   string    `json:"last_spill,omitempty"` // why what was in memory alone was written
	LastSpillAt time.Time `json:"last_spill_at,omitzero"`
}

// Component is one input's or output's condition.
type Component struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Error    string    `json:"last_error,omitempty"` // of the last failure as a whole
	Said     *Line     `json:"last_warning,omitempty"`
	Position *int64    `json:"position,omitempty"` // of an output, in the buffer
	Lag      *int64    `json:"lag_records,omitempty"`
	Records  float64   `json:"records_total"`
	Bytes    float64   `json:"bytes_total"`
	// gauges and counters of the component
	Conditions map[string]float64 `json:"conditions,omitempty"`

	// Of an input: up to ListMost of its files, or of its partitions, those first that are most
	// behind.
	Files       []File      `json:"files,omitempty"`
	FilesBehind int         `json:"files_behind,omitempty"` // of all, how many are not read to their end
	Partitions  []Partition `json:"partitions,omitempty"`

	// Of an archive: what it has of each log, of up to ListMost.
	Cuts []Cut `json:"cuts,omitempty"`

	// Of an output with the shared drain loop.
	Failing      string    `json:"failing,omitempty"` // why the destination takes nothing
	FailingSince time.Time `json:"failing_since,omitzero"`
	DeadLetter   string    `json:"dead_letter,omitempty"` // why refused records cannot be kept
	Overflow     *Overflow `json:"overflow,omitempty"`
}

// ListMost is how many files, partitions and cuts of a component are told.
const ListMost = 50

// File is a file that an input follows.
type File struct {
	Path       string    `json:"path"`
	Lag        int64     `json:"lag_bytes"`
	Changed    time.Time `json:"changed,omitzero"`
	Compressed bool      `json:"compressed,omitempty"`
}

// Partition is one that an input reads.
type Partition struct {
	Topic       string        `json:"topic"`
	Partition   int32         `json:"partition"`
	Records     int64         `json:"lag_records"`         // not read
	Uncommitted int64         `json:"uncommitted_records"` // not read, or not delivered
	Age         time.Duration `json:"age_ns"`              // of what was last read, if there is more
}

// Cut is what an archive has of a log.
type Cut struct {
	Log     string    `json:"log"`
	Records int64     `json:"records"` // in the cut that is being filled
	Bytes   int64     `json:"bytes"`
	Since   time.Time `json:"since,omitzero"`

	Storing      int64     `json:"storing_records,omitempty"` // in the one before, which is being stored
	StoringSince time.Time `json:"storing_since,omitzero"`

	Stored        time.Time `json:"stored,omitzero"` // the last one was
	StoredRecords int64     `json:"stored_records,omitempty"`
	StoredObjects int       `json:"stored_objects,omitempty"`
}

// Overflow is the condition of one log's failover.
type Overflow struct {
	State   string    `json:"state"`
	Objects int64     `json:"objects"`
	Bytes   int64     `json:"bytes"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Error   string    `json:"error,omitempty"` // why the store cannot be used
}

// Line is a warning or error that a component has logged.
type Line struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"`
	Text  string    `json:"text"`
}
