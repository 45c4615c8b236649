package state

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Kinds of outputs.
const (
	Delivering = "delivering"
	// the destination takes nothing and does not say why, or less than comes in
	Slow        = "slow"
	Retrying    = "retrying"    // what was sent failed, and is tried again
	Overflowing = "overflowing" // records go to the overflow's object store
	Replaying   = "replaying"   // the overflow comes back, or dead letters do by hand
	StandingBy  = "standing_by" // records go to the standby
	StoreFails  = "store_fails" // the store would not take what may have to go there
	Refused     = "refused"     // a person has to change something
	Paused      = "paused"      // a person has told it to deliver nothing
	Failed      = "failed"      // the component fails as a whole and is started again
	Finished    = "finished"
	Stopped     = "stopped"
)

// OutputKinds lists the kinds of outputs.
var OutputKinds = []string{
	Delivering,
	Slow,
	Retrying,
	Overflowing,
	Replaying,
	StandingBy,
	StoreFails,
	Refused,
	Paused,
	Failed,
	Finished,
	Stopped,
}

const (
	// slowAfter is for how long a destination may take nothing.
	slowAfter = 3 * time.Second
	// behindAfter is for how long a record may wait for a destination that takes others.
	behindAfter = 30 * time.Second
)

const startedAgain = "; it is started again until it works"

// Output is what is known of an output, as far as one pipeline is concerned.
type Output struct {
	ID        string
	Unit      string    // running, waiting (to be started again), finished or stopped
	UnitError string    // of the last failure as a whole
	UnitDo    string    // what a person can do about it
	UnitSince time.Time // when the unit came to be so

	PausedSince time.Time // zero unless a person has told it to deliver nothing

	Mode      string // direct, overflow, replay or standby
	Waiting   int64  // records that it has not delivered, but for those in the overflow
	Oldest    time.Duration
	Collects  time.Duration // for so long it keeps records together before it delivers them
	ModeSince time.Time
	Down      bool // failover has begun because the destination takes nothing
	// since when it answers again, though it is sent nothing before Trial; zero if it does not
	Answers, Trial time.Time
	Stalled        time.Duration // for so long nothing was taken although something is being sent
	FailingSince   time.Time     // zero if nothing fails
	Error, Do      string        // of what fails
	HasAnswered    bool          // Error is an answer
	In, Out        float64       // records per second: into what it reads, and got rid of
	Back           float64       // records per second from the overflow

	Objects, ObjectRecords int64 // in the overflow
	// why its store, or that of its overflow, cannot be used; also where that is not needed yet
	StoreError, StoreDo string
	StoreSince          time.Time
	To                  string // overflow store or standby
	// why the store of its dead letters would take none, though there may be none yet
	LettersError, LettersDo string
	LettersSince            time.Time // zero if it would

	ByHand *ByHand // dead letters that are brought back; nil while nobody does

	Broken      []string  // why logs fail, while others go on
	BrokenSince time.Time // the first of them

	Refusals   []string // what only a person can mend
	Held       []string // what is held up while the rest goes on, unless HoldsAll
	HoldsAll   bool     // what is behind that waits, too
	DeadLetter string   // why the dead letter cannot be written
	Stranded   string   // where records wait into which it does not look; "" for nowhere
	Dead       int64    // records refused for good since the start, but for those brought back
}

// ByHand is what a person has told to bring back.
type ByHand struct {
	Since    time.Time
	Done, Of int64 // records
	ToGo     time.Duration
}

func (b *ByHand) String() string {
	text := Number(b.Done) + " of " + Count(b.Of, "record", "records")
	if b.ToGo > 0 {
		text += ", " + Left(b.ToGo)
	}
	return text
}

// OutputState is what an output is doing.
type OutputState struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Level   Level     `json:"level"`
	Since   time.Time `json:"since,omitzero"`
	Text    string    `json:"text"`         // a sentence without the subject
	Do      string    `json:"do,omitempty"` // what a person can do
	Waiting int64     `json:"waiting_records"`
	Stored  int64     `json:"overflow_records,omitempty"`
	Rate    float64   `json:"records_per_second"`
	Dead    int64     `json:"dead_letters,omitempty"` // refused for good since the start
	// the overflow or standby, while records are there
	To string `json:"to,omitempty"`
	// until all is delivered, at the present rate; 0 if not known
	ToGo time.Duration `json:"to_go_ns,omitempty"`
}

// State tells what the output is doing.
func (o Output) State(now time.Time) OutputState {
	s := OutputState{
		ID: o.ID, Waiting: o.Waiting, Stored: o.ObjectRecords, Rate: o.Takes(), Dead: o.Dead,
	}
	switch o.Mode {
	case "overflow", "replay":
		s.To = name(o.To, "the overflow")
	case "standby":
		s.To = name(o.To, "the standby")
	}
	failing := !o.FailingSince.IsZero()
	why, silent := "", "does not answer"
	if o.HasAnswered || slices.Contains(o.Held, o.Error) {
		silent = "takes nothing"
	}
	if failing && o.Error != "" {
		why = ": " + Plain(o.Error)
	}
	o.StoreError = Plain(o.StoreError)
	switch {
	case !o.PausedSince.IsZero():
		s.Kind, s.Level, s.Since = Paused, Warning, o.PausedSince
		s.Text = "has been paused" + sinceText(s.Since, now) +
			": it delivers nothing, and what comes waits"
		s.Do = "penstock resume " + o.ID
	case o.Unit == "waiting":
		s.Kind, s.Level, s.Since = Failed, Critical, o.UnitSince
		s.Text, s.Do = "has failed: "+Plain(o.UnitError), name(o.UnitDo, "mend what it says")+startedAgain
	case o.Unit == "finished":
		s.Kind, s.Since, s.Text = Finished, o.UnitSince, "has delivered everything"
	case o.Unit == "stopped":
		s.Kind, s.Since, s.Text = Stopped, o.UnitSince, "is stopped"
	case len(o.Refusals) > 0:
		s.Kind, s.Level = Refused, Critical
		s.Text, s.Do = "cannot go on: "+strings.Join(
			o.Refusals, "; ",
		), "change what is refused; it goes on by itself then"
	case len(o.Broken) > 0:
		s.Kind, s.Level, s.Since = Failed, Critical, o.BrokenSince
		s.Text = "cannot go on with " + Count(int64(len(o.Broken)), "log", "logs") +
			sinceText(s.Since, now) + ": " + o.Broken[0]
		s.Do = "mend what it says" + startedAgain
	case o.DeadLetter != "":
		s.Kind, s.Level = Retrying, Critical
		s.Text = "waits, because the dead letter cannot take what the destination refuses: " + o.DeadLetter
		s.Do = "make room for the dead letter or repair it"
	case o.Mode == "overflow":
		s.Kind, s.Level, s.Since, s.Do = Overflowing, Warning, o.downSince(), o.Do
		if o.Down || failing {
			o.tellAway(&s, silent+sinceText(s.Since, now)+why, now)
		} else {
			s.Text = "takes less than comes in; the oldest records go to " + s.To
		}
	case o.Mode == "standby":
		s.Kind, s.Level, s.Since, s.Do = StandingBy, Warning, o.downSince(), o.Do
		o.tellAway(&s, silent+sinceText(s.Since, now)+why, now)
	case failing && o.Stalled < slowAfter && o.Waiting > 0 && o.Out > 0 &&
		now.Sub(o.FailingSince) >= slowAfter:
		s.Kind, s.Level, s.Since, s.Do = Retrying, Warning, o.FailingSince, o.Do
		s.Text = "takes only a part of what it is sent" + sinceText(o.FailingSince, now) + why
	case failing:
		s.Kind, s.Level, s.Since, s.Do = Retrying, Warning, o.FailingSince, o.Do
		s.Text = silent + sinceText(o.FailingSince, now) + why
	case o.Mode == "replay":
		s.Kind, s.Level, s.Since = Replaying, Notice, o.ModeSince
		s.Text = "brings the overflow back"
		if s.ToGo = toGo(o.ObjectRecords, o.Back); s.ToGo > 0 {
			s.Text += ", " + Left(s.ToGo)
		}
	case o.Stalled >= slowAfter:
		s.Kind, s.Level, s.Since = Slow, Warning, now.Add(-o.Stalled)
		s.Text = "has taken nothing for " + Duration(o.Stalled) + " and does not say why"
		s.Do = "look whether the destination hangs, or is short of disk or processor"
	case o.StoreError != "":
		s.Kind, s.Level, s.Since, s.Do = StoreFails, Warning, o.StoreSince, o.StoreDo
		if o.To != "" {
			s.Text = "delivers, but the store of its overflow cannot be used: " + o.StoreError
		} else {
			s.Text = "takes what comes, but its store would not take it: " + o.StoreError
		}
	case !o.LettersSince.IsZero():
		s.Kind, s.Level, s.Since, s.Do = StoreFails, Warning, o.LettersSince, o.LettersDo
		s.Text = "delivers, but the store of its dead letters would take none: " +
			Plain(o.LettersError)
	case o.Behind():
		o.tellBehind(&s)
	default:
		s.Kind, s.Text = Delivering, "delivers"
	}
	if o.StoreError != "" && (s.Kind == Overflowing || s.Kind == Replaying) {
		s.Level = Warning
		s.Text += ", whose store cannot be used: " + o.StoreError
		s.Do = "check the store's network, credentials and room"
	}
	if o.StoreError != "" && s.Kind == Paused {
		s.Text += "; what waits in " + name(o.To, "the overflow") +
			" is not known, since its store does not answer: " + o.StoreError
	}
	switch {
	case o.ByHand == nil:
	case s.Kind == Delivering:
		s.Kind, s.Level, s.Since, s.ToGo = Replaying, Notice, o.ByHand.Since, o.ByHand.ToGo
		s.Text = "delivers, and brings dead letters back by hand: " + o.ByHand.String()
	default:
		s.Text += "; dead letters are brought back by hand: " + o.ByHand.String()
	}
	return s
}

// Takes returns how many records a second the output gets rid of: none while it is known to take
// nothing, whatever the last half minute was like.
func (o Output) Takes() float64 {
	away := o.Mode == "overflow" || o.Mode == "standby"
	if !o.PausedSince.IsZero() || o.Stalled >= slowAfter && !away {
		return 0
	}
	return o.Out
}

// tellAway says why records go elsewhere, though the destination may answer again: until
// it is tried, what failed last is of before.
func (o Output) tellAway(s *OutputState, why string, now time.Time) {
	if !o.Answers.IsZero() {
		why, s.Do = "answers again"+sinceText(o.Answers, now)+", and is tried in "+
			Duration(max(o.Trial.Sub(now), 0)), ""
	}
	s.Text = why + "; records go to " + s.To
}

// Behind reports whether a record waits for longer than the output means it to.
func (o Output) Behind() bool { return o.Waiting > 0 && o.Oldest-o.Collects >= behindAfter }

// tellBehind says of an output that delivers, but is behind, whether it catches up.
func (o Output) tellBehind(s *OutputState) {
	s.Kind, s.Level = Slow, Notice
	s.Text = "is behind by " + Duration(o.Oldest)
	if s.ToGo = toGo(o.Waiting, o.Out-o.In); s.ToGo > 0 {
		s.Text += " and catches up, " + Left(s.ToGo)
		return
	}
	s.Level = Warning
	s.Text += ": it takes no more than comes in"
	s.Do = "give the destination more room, or send less"
}

// downSince is when the destination was last known to take something, or failover began.
func (o Output) downSince() time.Time {
	if o.FailingSince.IsZero() || o.ModeSince.Before(o.FailingSince) {
		return o.ModeSince
	}
	return o.FailingSince
}

// What programs put before the address and the reason that a person looks for.
var (
	plumbing = strings.NewReplacer(
		"unable to dial: ", "", "dial tcp ", "", "dial tcp: ", "", ": connect: ", ": ",
	)
	request = regexp.MustCompile(`\b[A-Z][a-z]+ "https?://([^/"]*)[^"]*": (dial tcp)?`)
)

// Plain writes an error as a person reads it.
func Plain(err string) string {
	return plumbing.Replace(request.ReplaceAllStringFunc(err, func(s string) string {
		if strings.HasSuffix(s, "dial tcp") { // which names the address
			return "dial tcp"
		}
		return request.FindStringSubmatch(s)[1] + ": "
	}))
}

func name(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// toGo tells how long n records take at a rate; 0 if that is not known.
func toGo(n int64, perSecond float64) time.Duration {
	if n <= 0 || perSecond <= 0 {
		return 0
	}
	return clamp(float64(n) / perSecond)
}

// clamp returns seconds as a duration of at most ten years.
func clamp(seconds float64) time.Duration {
	const most = 10 * 365 * 24 * 3600
	return time.Duration(min(max(seconds, 0), most) * float64(time.Second))
}

func sinceText(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " for " + Duration(now.Sub(t))
}

// Left writes how long something takes that is estimated.
func Left(d time.Duration) string {
	if d < time.Second {
		return Duration(d) + " to go"
	}
	return "about " + Duration(d) + " to go"
}

// Duration writes a duration as people say it: the two largest units.
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		if m := int(d.Minutes()) % 60; m > 0 {
			return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
		}
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
