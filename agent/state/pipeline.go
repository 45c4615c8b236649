package state

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Kinds of pipelines.
const (
	Running  = "running"
	Opening  = "opening"
	Stopping = "stopping"
	Gone     = "unclaimed" // it is not configured any more, and something waits in its buffer
)

// Kinds of problems beside those of components.
const (
	Held    = "held"    // an output holds up some records while the rest goes on
	Filling = "filling" // a buffer is full soon
	Dropped = "dropped"
	Damaged = "damaged"
	// what waits is of no output that is configured, or waits where none looks
	Orphaned = "orphan"
	// one stage has counted records that the next has not, or the other way round
	NotAccounted = "not_accounted"
)

// ProblemKinds lists what a problem can be of.
var ProblemKinds = []string{
	Failed,
	Opening,
	Refused,
	Held,
	WaitingBuffer,
	Retrying,
	Slow,
	Paused,
	Overflowing,
	StandingBy,
	StoreFails,
	Replaying,
	Unreadable,
	NoMatch,
	Filling,
	Dropped,
	Damaged,
	Orphaned,
	NotAccounted,
	ReloadRefused,
}

// NotReady lists the kinds of problems with which an agent is not ready unless that is set: it does
// not take what it is given, or will not deliver some of it without a person. While a destination
// is merely down an agent is ready: it goes on taking what it is given.
var NotReady = []string{Failed, Opening, Refused, Held, WaitingBuffer}

const (
	// soonFull and nearlyFull are the times to a full buffer from which it is worth a look, and a
	// person.
	soonFull   = 2 * time.Hour
	nearlyFull = 15 * time.Minute
	// unreadTold is how many bytes of files that are not read are worth a word: less is on its way
	// while files grow.
	unreadTold = 1 << 20
	// farOff is from when on nobody needs to be told.
	farOff = 48 * time.Hour
	// never is from when on a buffer counts as one that does not grow.
	never = 365 * 24 * time.Hour
)

// Buffer is what is known of a pipeline's buffer.
type Buffer struct {
	Used, Room int64 // bytes in use, and that may be added
	Waiting    int64 // records that some output has not delivered, on disk or in memory
	Oldest     time.Duration
	Fill       float64
	Blocked    bool
	LowSpace   bool
	WriteError string
	Grows      float64 // bytes per second, at present; less than 0 if it empties
	Dropped    int64   // records, by when_full = "drop_oldest", since the start
	Damaged    int64   // records that did not read back, since the start
}

// Pipeline is what is known of a pipeline.
type Pipeline struct {
	Name        string
	Opening     bool
	Stopping    bool
	Error       string  // why it cannot be opened
	Buffer      *Buffer // nil if its inputs are logs themselves
	Inputs      []Input
	Outputs     []Output
	Orphans     []Orphan
	Unaccounted Unaccounted
	// of a pipeline that is not configured any more; nil for others
	Unclaimed *Unclaimed
}

// Unaccounted is what differs between the counts of the stages.
type Unaccounted struct {
	Missing, TooMany int64
	First            string // the first difference
}

// Records returns how many records differ.
func (u Unaccounted) Records() int64 { return u.Missing + u.TooMany }

// Orphan is an output that is not configured any more, and for which a buffer keeps what comes.
type Orphan struct {
	ID       string
	Records  int64  // that wait there
	Overflow string // where records wait, too; "" for nowhere
}

// Unclaimed is what is known of a buffer that no pipeline has.
type Unclaimed struct {
	Records   int64 // that some output has not delivered
	Dir       string
	Overflows []string // where records wait, too
}

// PipelineState is how a pipeline is.
type PipelineState struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Safe says that everything that was acknowledged is delivered, on disk or in the overflow.
	Safe bool `json:"safe"`
	// Flows says that inputs can go on.
	Flows    bool          `json:"flows"`
	Level    Level         `json:"level"`
	Sentence string        `json:"sentence"`
	OnDisk   int64         `json:"on_disk_records"`
	Stored   int64         `json:"overflow_records"`
	Oldest   time.Duration `json:"oldest_ns"` // how long the oldest record on disk has waited
	Fill     float64       `json:"fill"`
	// 0: not known, or the buffer does not grow
	Full     time.Duration `json:"full_in_ns,omitempty"`
	Inputs   []InputState  `json:"inputs"`
	Outputs  []OutputState `json:"outputs"`
	Problems []Problem     `json:"problems"`
}

func (o Orphan) text() string {
	text := "its buffer keeps what comes for " + o.ID + ", which is not configured any more"
	if o.Records > 0 {
		text += "; " + waits(o.Records, "there")
	}
	if o.Overflow != "" {
		text += "; more wait in " + o.Overflow
	}
	return text
}

// Do says what a person can do about it.
func (u *Unclaimed) Do() string {
	text := "configure the pipeline again, with its outputs, to have it delivered; or "
	if len(u.Overflows) > 0 {
		text += "bring back what is in the overflow with penstock replay, "
	}
	return text + "look at it with penstock buffer export " + u.Dir + ", and remove the directory"
}

func (u *Unclaimed) text() string {
	text := "is not configured any more"
	if u.Records > 0 {
		text += ", and " + waits(u.Records, "in its buffer")
	}
	if len(u.Overflows) > 0 {
		text += "; records wait in " + strings.Join(u.Overflows, " and in ")
	}
	return text
}

// State tells how the pipeline is.
func (p Pipeline) State(now time.Time) PipelineState {
	s := PipelineState{
		Name: p.Name, Kind: Running, Safe: true, Flows: true,
		// in JSON never null
		Inputs: []InputState{}, Outputs: []OutputState{}, Problems: []Problem{},
	}
	if u := p.Unclaimed; u != nil {
		s.Kind, s.OnDisk = Gone, u.Records
		s.add(Orphaned, Warning, u.text(), u.Do())
	}
	switch {
	case p.Error != "":
		s.Kind, s.Flows = Failed, false
		s.add(
			Failed, Critical, "cannot be opened: "+p.Error, "mend what it says; it is tried again",
		)
	case p.Stopping:
		s.Kind = Stopping
	case p.Opening:
		s.Kind, s.Flows = Opening, false
		s.add(Opening, Notice, "is being opened", "")
	}
	for _, in := range p.Inputs {
		st := in.State(now)
		s.Inputs = append(s.Inputs, st)
		if st.Kind == WaitingBuffer || st.Kind == Retrying {
			s.Flows = false
		}
		if st.Level > OK {
			s.Problems = append(
				s.Problems, Problem{st.ID, st.Kind, st.Level, st.Since, st.Text, st.Do},
			)
		}
		s.Safe = s.Safe && in.Drops.Since.IsZero()
		if b := in.Behind; b != nil && b.Gone > 0 {
			s.Safe = false
			s.Problems = append(s.Problems, Problem{
				st.ID, Dropped, Warning, time.Time{},
				"found " + Count(b.Gone, "record", "records") +
					" gone before they were read, since the start: retention took them",
				"lengthen the topic's retention, or find out what held its partitions up",
			})
		}
	}
	for _, out := range p.Outputs {
		st := out.State(now)
		s.Outputs = append(s.Outputs, st)
		s.Stored += st.Stored
		if st.Level > OK {
			s.Problems = append(
				s.Problems, Problem{st.ID, st.Kind, st.Level, st.Since, st.Text, st.Do},
			)
		}
		if out.Stranded != "" {
			s.Problems = append(s.Problems, Problem{
				st.ID, Orphaned, Warning, time.Time{},
				"has records in " + out.Stranded + ", where it does not look any more",
				"restore its failover block as it was; or bring them back with penstock replay, " +
					"stop the agent and run penstock buffer forget --overflow",
			})
		}
		if len(out.Held) > 0 {
			do := "mend what it says; the rest goes on meanwhile"
			if out.HoldsAll {
				do = "mend what it says"
			}
			s.Problems = append(s.Problems, Problem{
				st.ID, Held, Warning, time.Time{}, holdsUp + strings.Join(out.Held, "; "), do,
			})
		}
	}
	if p.Buffer != nil {
		s.addBuffer(p.Buffer)
	}
	if u := p.Unaccounted; u.Records() > 0 {
		s.Safe = s.Safe && u.Missing == 0
		s.add(
			NotAccounted, Warning, "has "+Count(u.Records(), "record that is", "records that are")+
				" not accounted for: "+u.First, "penstock audit --explain names all of them",
		)
	}
	for _, o := range p.Orphans {
		s.add(
			Orphaned, Warning, o.text(),
			"configure it again, or stop the agent and run penstock buffer forget",
		)
	}
	SortProblems(s.Problems)
	for _, pr := range s.Problems {
		s.Level = max(s.Level, pr.Level)
	}
	s.Sentence = s.sentence(p)
	return s
}

// add adds a problem of the pipeline itself.
func (s *PipelineState) add(kind string, l Level, text, do string) {
	s.Problems = append(s.Problems, Problem{"pipeline." + s.Name, kind, l, time.Time{}, text, do})
}

// addBuffer adds how the pipeline's buffer is.
func (s *PipelineState) addBuffer(b *Buffer) {
	s.OnDisk, s.Oldest, s.Fill = b.Waiting, b.Oldest, b.Fill
	if b.Used > 0 { // the disk may leave less room than max_size does
		s.Fill = max(s.Fill, float64(b.Used)/(float64(b.Used)+float64(b.Room)))
	}
	takes := !b.Blocked && b.WriteError == ""
	if b.Grows > 0 && takes {
		if s.Full = max(clamp(float64(b.Room)/b.Grows), time.Millisecond); s.Full > never {
			s.Full = 0
		}
	}
	if s.Full > 0 && s.Full < soonFull {
		level := Warning
		if s.Full < nearlyFull {
			level = Critical
		}
		s.add(
			Filling, level, "its buffer is full in "+Duration(s.Full),
			"get the outputs going again, add a failover, or raise the buffer's max_size",
		)
	}
	if b.Dropped > 0 {
		s.Safe = false
		s.add(
			Dropped, Warning,
			"has "+Count(b.Dropped, "record", "records")+
				" dropped undelivered since the start, as when_full = \"drop_oldest\" says",
			"give the buffer more room, or add a failover",
		)
	}
	if b.Damaged > 0 {
		s.Safe = false
		s.add(
			Damaged, Warning,
			"has "+Count(b.Damaged, "record", "records")+
				" that did not read back from the disk; the segments are kept in the buffer's directory damaged",
			"check the disk",
		)
	}
}

const holdsUp = "holds up records: "

// Shown leaves out what an output holds up for the reason that is told of it already.
func Shown(all []Problem) (out []Problem) {
	for _, p := range all {
		why, held := strings.CutPrefix(p.Text, holdsUp)
		if held && slices.ContainsFunc(all, func(o Problem) bool {
			return o.Component == p.Component && o.Kind != Held && strings.Contains(o.Text, why)
		}) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// SortProblems puts first what is worst, and of equals what concerns outputs.
func SortProblems(all []Problem) {
	sort.SliceStable(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(int(b.Level-a.Level), a.rank()-b.rank()) < 0
	})
}

func (p Problem) rank() int {
	if strings.HasPrefix(p.Component, "output.") {
		return 0
	}
	return 1
}

// isWorse reports whether a pipeline is to be told of rather than another.
func (s *PipelineState) isWorse(o *PipelineState) bool {
	rank := func(s *PipelineState) int {
		if len(s.Problems) == 0 {
			return 2
		}
		return s.Problems[0].rank()
	}
	switch {
	case s.Level != o.Level:
		return s.Level > o.Level
	case s.Safe != o.Safe:
		return !s.Safe
	}
	return rank(s) < rank(o)
}

// worthSaying are the kinds of problems, beside those of outputs, that the sentence tells of.
var worthSaying = []string{WaitingBuffer, Failed, Retrying, NotAccounted, Dropped, Damaged}

// sentence says in one how the pipeline is.
func (s *PipelineState) sentence(p Pipeline) string {
	var parts []string
	switch {
	case s.Kind == Failed:
		return "Does not run: " + p.Error + "."
	case s.Kind == Opening:
		return "Being opened."
	case s.Kind == Gone:
		return "Safe on disk, but pipeline." + s.Name + " " + s.Problems[0].Text + "."
	case !s.Safe:
		parts = append(parts, "Not all is safe: see below.")
	case !s.Flows:
		parts = append(parts, "Nothing is lost, but inputs wait.")
	case slices.ContainsFunc(s.Inputs, func(i InputState) bool { return i.Kind == Failed }):
		parts = append(parts, "What was taken is safe.") // what is sent there now may not be
	default:
		parts = append(parts, "All safe.")
	}
	var says, last []string
	told := false // of an output: it is what others wait for
	for _, pr := range s.Problems {
		switch {
		case strings.HasPrefix(pr.Component, "output."):
			if !told {
				says = append(says, pr.Component+" "+pr.Text)
			}
			told = true
		case slices.Contains(worthSaying, pr.Kind):
			if len(says) == 0 {
				says = append(says, pr.Component+" "+pr.Text)
			}
		case pr.Kind == Unreadable || pr.Kind == NoMatch:
			if len(last) == 0 {
				last = append(last, pr.Component+" "+pr.Text)
			}
		}
	}
	amiss := len(says) > 0
	if s.OnDisk > 0 || s.Stored > 0 {
		switch {
		case s.Stored > 0 && s.OnDisk > 0:
			says = append(says, waits(s.Stored, "in the overflow")+", "+Number(s.OnDisk)+" on disk")
		case s.Stored > 0:
			says = append(says, waits(s.Stored, "in the overflow"))
		case len(says) == 0 && p.collects():
			says = append(
				says, Count(s.OnDisk, "record is", "records are")+" being collected for the next cut",
			)
		case len(says) > 0 || s.Oldest >= behindAfter:
			says = append(says, waits(s.OnDisk, "on disk"))
		default:
			says = append(says, Count(s.OnDisk, "record is", "records are")+" on the way")
		}
		if s.Full > 0 && s.Full < farOff {
			says = append(says, "room for "+Duration(s.Full))
		}
	} else if n, known := p.undelivered(); len(says) == 0 && s.Kind == Running && known {
		switch {
		case n > 0:
			says = append(says, Count(n, "record is", "records are")+" not delivered yet")
		case p.idle():
			says = append(says, "no partition is read here at present")
		default:
			if lag := p.unread(); lag >= unreadTold {
				says = append(says, "everything that was read is delivered, "+Size(float64(lag))+" are not read yet")
			} else {
				says = append(says, "everything is delivered")
			}
		}
	}
	if dead := s.dead(); dead > 0 && !amiss && s.Kind == Running {
		says = append(says, refused(dead))
	}
	if says = append(says, last...); len(says) > 0 {
		text := strings.Join(says, "; ")
		// the name of a component stays as it is
		if word, _, _ := strings.Cut(text, " "); !strings.Contains(word, ".") {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		parts = append(parts, text+".")
	}
	return strings.Join(parts, " ")
}

// collects reports whether what waits does so for archives that keep records together, and for no
// longer than they mean to.
func (p *Pipeline) collects() (does bool) {
	for _, o := range p.Outputs {
		if o.Waiting > 0 {
			if does = o.Collects > 0 && !o.Behind(); !does {
				return false
			}
		}
	}
	return does
}

// idle reports whether the pipeline reads partitions and has none.
func (p *Pipeline) idle() (is bool) {
	for _, in := range p.Inputs {
		if in.Behind != nil {
			if is = in.Behind.Partitions == 0; !is {
				return false
			}
		}
	}
	return is && p.Buffer == nil
}

// unread returns how many bytes of files are not read yet.
func (p *Pipeline) unread() (n int64) {
	for _, in := range p.Inputs {
		n += in.Lag
	}
	return n
}

// dead returns how many records were refused for good.
func (s *PipelineState) dead() (n int64) {
	for _, o := range s.Outputs {
		n += o.Dead
	}
	return n
}

func refused(n int64) string {
	return Count(n, "record was", "records were") +
		" refused for good since the start, see the dead letters"
}

// undelivered returns how many records wait in front of a pipeline that has no buffer, if that is
// known; 0 with one, where they are told as on disk.
func (p *Pipeline) undelivered() (n int64, known bool) {
	for _, in := range p.Inputs {
		if in.Behind != nil {
			n += in.Behind.Uncommitted
			known = true
		}
	}
	return n, known || p.Buffer != nil
}

// Sentence says in one how all pipelines are: that of the only one, or of the worst. What is amiss
// with the agent itself follows.
func Sentence(all []PipelineState, own ...Problem) string {
	text := ofPipelines(all)
	for _, p := range own {
		text += " " + strings.ToUpper(p.Component[:1]) + p.Component[1:] + " " + p.Text + "."
	}
	return text
}

func ofPipelines(all []PipelineState) string {
	switch len(all) {
	case 0:
		return "No pipeline is configured."
	case 1:
		return all[0].Sentence
	}
	worst, amiss := 0, 0
	for i := range all {
		if all[i].Level > OK {
			amiss++
		}
		if all[i].isWorse(&all[worst]) {
			worst = i
		}
	}
	if amiss == 0 {
		var on, dead int64
		for i := range all {
			on += all[i].OnDisk
			for _, in := range all[i].Inputs {
				if in.Behind != nil {
					on += in.Behind.Uncommitted
				}
			}
			dead += all[i].dead()
		}
		text := fmt.Sprintf("All safe. All %d pipelines have delivered everything", len(all))
		if on > 0 {
			text = fmt.Sprintf(
				"All safe. All %d pipelines deliver; %s on the way", len(all),
				Count(on, "record is", "records are"),
			)
		}
		if dead > 0 {
			text += "; " + refused(dead)
		}
		return text + "."
	}
	text := all[worst].Name + ": " + all[worst].Sentence
	if amiss > 1 {
		text += fmt.Sprintf(
			" %s amiss, too.",
			Count(int64(amiss-1), "other pipeline has something", "other pipelines have something"),
		)
	}
	return text
}

func waits(n int64, where string) string {
	if n == 1 {
		return "1 record waits " + where
	}
	return Number(n) + " records wait " + where
}

// Size writes a number of bytes.
func Size(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
		if n < 1024 || unit == "TiB" {
			if n == float64(int64(n)) || unit == "B" {
				return fmt.Sprintf("%.0f %s", n, unit)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return ""
}

// Count writes how many there are of something.
func Count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Number writes a number with separators between thousands.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
