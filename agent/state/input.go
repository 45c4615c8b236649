package state

import (
	"fmt"
	"strings"
	"time"
)

// Kinds of inputs, beside Failed, Finished and Stopped.
const (
	Following     = "following"
	WaitingBuffer = "waiting_for_buffer"
	Unreadable    = "unreadable"
	NoMatch       = "nothing_matches"
)

// InputKinds lists the kinds of inputs.
var InputKinds = []string{
	Following, WaitingBuffer, Retrying, Unreadable, NoMatch, Dropped, Failed, Finished, Stopped,
}

// ReloadRefused is the kind of problem that the agent itself may have.
const ReloadRefused = "reload_refused"

// Words returns a kind as a person reads it.
func Words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// Input is what is known of an input.
type Input struct {
	ID        string
	Unit      string // as of an output
	UnitError string
	UnitDo    string
	UnitSince time.Time

	Blocked    bool   // the buffer has no room
	WriteError string // why the buffer cannot be written
	Unresolved []string
	OfFiles    bool // what follows is known
	Files      int
	Unread     []UnreadFile
	Lag        int64   // bytes of files not read yet
	HeldEvents int64   // that wait for what belongs to them
	Rate       float64 // records per second that the buffer takes
	Behind     *Behind
	// since when what it reads from does not answer, why, and what a person can do
	FailingSince time.Time
	Error, Do    string
	InPart       bool // some of it does answer
	Refused      bool // it answers, and does not give what is asked for
	Drops        Drops

	Owner   string // the pipeline from whose buffer it comes, where that is another one
	Waiting int64  // records that wait there, of this input and others
}

// Behind is how far an input is behind the ends of its partitions.
type Behind struct {
	Partitions  int           `json:"partitions"`
	Records     int64         `json:"records"`     // not read yet
	Uncommitted int64         `json:"uncommitted"` // not read, or not delivered
	Age         time.Duration `json:"age_ns"`      // of what was last read, if there is more
	// that the source had taken away before they were read, since the start
	Gone int64 `json:"gone_records,omitempty"`
}

// Drops is what was taken away of late before an input could read it.
type Drops struct {
	Count   int64     // in the last minute
	Since   time.Time // it goes on; zero while it does not
	Of, Why string
	Do      string
}

// UnreadFile is a file or directory that cannot be read.
type UnreadFile struct {
	Path  string    `json:"path"`
	Why   string    `json:"why"`
	Do    string    `json:"do,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// InputState is what an input is doing.
type InputState struct {
	ID    string    `json:"id"`
	Kind  string    `json:"kind"`
	Level Level     `json:"level"`
	Since time.Time `json:"since,omitzero"`
	Text  string    `json:"text"`
	Do    string    `json:"do,omitempty"`
	Files int       `json:"files,omitempty"`
	Lag   int64     `json:"lag_bytes,omitempty"`
	Rate  float64   `json:"records_per_second,omitempty"`
	// of several lines or records, that wait for what belongs to them
	HeldEvents int64        `json:"held_events,omitempty"`
	Unread     []UnreadFile `json:"unreadable,omitempty"`
	Behind     *Behind      `json:"behind,omitempty"`
}

// Holds says in words what waits for more; "" if nothing does.
func (s InputState) Holds() string {
	if s.HeldEvents == 0 {
		return ""
	}
	return Count(s.HeldEvents, "event waits for its last lines", "events wait for their last lines")
}

// State tells what the input is doing.
func (i Input) State(now time.Time) InputState {
	s := InputState{
		ID: i.ID, Files: i.Files, Lag: i.Lag, Rate: i.Rate, HeldEvents: i.HeldEvents,
		Unread: i.Unread, Behind: i.Behind,
	}
	switch {
	case i.Unit == "waiting":
		s.Kind, s.Level, s.Since = Failed, Critical, i.UnitSince
		s.Text, s.Do = "has failed: "+Plain(i.UnitError), name(i.UnitDo, "mend what it says")+startedAgain
	case i.Unit == "finished":
		s.Kind, s.Since, s.Text = Finished, i.UnitSince, "has come to its end"
	case i.Unit == "stopped":
		s.Kind, s.Since, s.Text = Stopped, i.UnitSince, "is stopped"
	case i.WriteError != "":
		s.Kind, s.Level, s.Text = WaitingBuffer, Critical, "waits: the buffer cannot be written: "+i.WriteError
		s.Do = "free space on the disk, or repair it"
	case i.Blocked:
		s.Kind, s.Level, s.Text = WaitingBuffer, Critical, "waits: the buffer is full"
		s.Do = "get the outputs going again, add a failover, or raise the buffer's max_size"
	case len(i.Unresolved) > 0:
		s.Kind, s.Level = WaitingBuffer, Critical
		s.Text = "waits until " + strings.Join(
			i.Unresolved, " and ",
		) + " knows what the destination had committed before the last stop"
		s.Do = "get that destination going again"
	case !i.Drops.Since.IsZero():
		d := &i.Drops
		s.Kind, s.Level, s.Since, s.Do = Dropped, Warning, d.Since, d.Do
		s.Text = d.text()
	case len(i.Unread) > 0:
		u := i.Unread[0]
		s.Kind, s.Level, s.Since, s.Do = Unreadable, Warning, u.Since, u.Do
		s.Text = "cannot read " + u.Path + ": " + u.Why
		if n := len(i.Unread) - 1; n > 0 {
			s.Text += fmt.Sprintf(", and %d more", n)
		}
	case !i.FailingSince.IsZero():
		s.Kind, s.Level, s.Since, s.Do = Retrying, Warning, i.FailingSince, i.Do
		switch {
		case i.InPart:
			s.Text = "reads only a part"
		case i.Refused:
			s.Text = "reads nothing"
		default:
			s.Text = "does not answer"
		}
		s.Text += sinceText(i.FailingSince, now) + ": " + Plain(i.Error)
	case i.OfFiles && i.Files == 0:
		s.Kind, s.Level, s.Text = NoMatch, Warning, "finds no file"
		s.Do = "compare paths and exclude with what is on the disk; files that come later are found"
	case i.OfFiles:
		s.Kind, s.Text = Following, fmt.Sprintf(
			"follows %s", Count(int64(i.Files), "file", "files"),
		)
	case i.Behind != nil:
		b := i.Behind
		if s.Kind = Following; b.Partitions == 0 {
			s.Text = "reads no partition: others of its group have them, or they are being shared out"
			break
		}
		s.Text = "reads " + Count(int64(b.Partitions), "partition", "partitions")
		if b.Records > 0 {
			s.Text += ", " + Count(b.Records, "record is", "records are") + " not read yet"
		}
		if b.Age >= time.Second {
			s.Text += ", " + Duration(b.Age) + " behind"
		}
	case i.Owner != "":
		s.Kind, s.Text = Following, "takes what pipeline "+i.Owner+" reads"
		if i.Waiting > 0 {
			s.Text += ", in whose buffer " + Count(i.Waiting, "record waits", "records wait")
		}
	default:
		s.Kind, s.Text = Following, "takes what comes"
	}
	if s.Kind != Dropped && !i.Drops.Since.IsZero() {
		s.Text += "; it " + i.Drops.text()
	}
	return s
}

func (d *Drops) text() string {
	return "lost " + Number(d.Count) + " " + d.Of + " in the last minute: " + d.Why
}
