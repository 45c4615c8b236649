package journald

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs"
)

// Names of the input's positions.
const (
	positionKey  = "cursor"
	selectionKey = "selection" // of which entries, see Config.selection
)

// Config of the input.
type Config struct {
	Journalctl   string   `hcl:"journalctl,optional" doc:"The program journalctl."`
	Directory    string   `hcl:"directory,optional" path:"read" doc:"Directory of journal files instead of the system's journal."`
	Units        []string `hcl:"units,optional" doc:"Only the entries of these units."`
	Identifiers  []string `hcl:"identifiers,optional" doc:"Only the entries with these syslog identifiers."`
	Priority     string   `hcl:"priority,optional" doc:"Only entries of this priority or a more important one, or a range, as journalctl takes them."`
	Matches      []string `hcl:"matches,optional" doc:"Matches as journalctl takes them, such as _TRANSPORT=kernel."`
	From         string   `hcl:"from,optional" oneof:"beginning|end" doc:"Where to begin when no position is stored."`
	Tag          string   `hcl:"tag,optional" doc:"Tag of the records."`
	MaxEntrySize int64    `hcl:"max_entry_size,optional" unit:"bytes" doc:"Values are cut, and counted, once an entry has so many bytes; core dumps may have hundreds of megabytes."`
}

// Default returns the presets.
func Default() Config {
	return Config{Journalctl: "journalctl", From: "end", Tag: "journald", MaxEntrySize: 4 << 20}
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	if c.Journalctl == "" {
		errs = append(errs, errors.New("journalctl: must not be empty"))
	}
	if c.From != "beginning" && c.From != "end" {
		errs = append(errs, fmt.Errorf("from: must be beginning or end, not %q", c.From))
	}
	if c.Tag == "" {
		errs = append(errs, errors.New("tag: must not be empty"))
	}
	if c.MaxEntrySize < 1<<10 || c.MaxEntrySize > 512<<20 {
		errs = append(errs, errors.New("max_entry_size: must be from 1KiB to 512MiB"))
	}
	return errors.Join(errs...)
}

// Journald is the input. Make one with New.
type Journald struct {
	cfg Config
	env inputs.Env
	cut prometheus.Counter
}

var _ inputs.Heir = (*Journald)(nil)

// New returns the input.
func New(cfg Config, env inputs.Env) (*Journald, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	j := &Journald{cfg: cfg, env: env}
	j.cut = prometheus.NewCounter(prometheus.CounterOpts{Name: "penstock_journald_cut_bytes_total",
		Help: "Bytes left out of entries larger than max_entry_size."})
	env.Metrics.MustRegister(j.cut)
	return j, nil
}

// args are the arguments that have journalctl follow from the entry at cursor on, or from the first
// if there is none.
func (j *Journald) args(cursor string) []string {
	args := append(j.journal(), "--follow", "--no-tail")
	for _, u := range j.cfg.Units {
		args = append(args, "--unit="+u)
	}
	for _, i := range j.cfg.Identifiers {
		args = append(args, "--identifier="+i)
	}
	if j.cfg.Priority != "" {
		args = append(args, "--priority="+j.cfg.Priority)
	}
	if cursor != "" {
		// Before systemd 256 --after-cursor leaves out an entry where that of the cursor is not
		// among those to be read.
		args = append(args, "--cursor="+cursor)
	}
	return append(args, j.cfg.Matches...)
}

// journal are the arguments for all entries of the journal.
func (j *Journald) journal() []string {
	args := []string{"--output=export", "--quiet"}
	if j.cfg.Directory != "" {
		args = append(args, "--directory="+j.cfg.Directory)
	}
	return args
}

// selection says which entries are read, and of which journal.
func (c *Config) selection() string {
	text, _ := json.Marshal([]any{c.Directory, c.Units, c.Identifiers, c.Priority, c.Matches})
	return string(text)
}

// Inherit implements inputs.Heir: the same entries that were read under another name are read on.
// Those of another selection are not known to be in the buffer.
func (j *Journald) Inherit(positions map[string][]byte) []inputs.Position {
	if string(positions[selectionKey]) != j.cfg.selection() {
		return nil
	}
	return j.cfg.positions(string(positions[positionKey]))
}

// positions returns those of an input that has everything up to cursor.
func (c *Config) positions(cursor string) []inputs.Position {
	list := []inputs.Position{{Key: selectionKey, Value: []byte(c.selection())}}
	if cursor != "" {
		list = append(list, inputs.Position{Key: positionKey, Value: []byte(cursor)})
	}
	return list
}

// Run implements inputs.Input. The end of journalctl is an error: the agent starts the input again,
// behind the last entry stored.
func (j *Journald) Run(ctx context.Context, sink inputs.Sink) error {
	if j.cfg.From == "end" && len(sink.Positions()) == 0 {
		if err := j.storeEnd(ctx, sink); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	stored := sink.Positions()
	cursor := string(stored[positionKey])
	c := j.call(run, j.args(cursor))
	out, err := c.start()
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	r := reader{j: j, sink: sink, ctx: ctx, cancel: cancel, after: cursor}
	if now := j.cfg.selection(); now != string(stored[selectionKey]) {
		r.selection = []byte(now)
	}
	rerr := r.read(out)
	cancel()
	werr := c.Wait()
	r.flying.Wait()
	switch {
	case ctx.Err() != nil:
		return nil
	case r.failure() != nil:
		return fmt.Errorf("store entries: %w", r.failure())
	case rerr != io.EOF:
		return fmt.Errorf("read from journalctl: %w", rerr)
	}
	return c.ended(werr)
}

// storeEnd stores where the journal ends: what comes from here on is read, even if the first of it
// comes while the input does not run. Of an empty journal the end has no cursor, and all is read.
func (j *Journald) storeEnd(ctx context.Context, sink inputs.Sink) error {
	c := j.call(ctx, append(j.journal(), "--lines=1"))
	out, err := c.start()
	if err != nil {
		return err
	}
	x := exportReader{r: bufio.NewReader(out), max: int(j.cfg.MaxEntrySize)}
	var e entry
	cursor := ""
	for {
		if err = x.next(&e); err != nil {
			break
		}
		cursor = e.cursor
	}
	werr := c.Wait()
	switch {
	case err != io.EOF:
		return fmt.Errorf("read from journalctl: %w", err)
	case werr != nil:
		return c.ended(werr)
	}
	return inputs.Append(ctx, sink, nil, j.cfg.positions(cursor))
}

// call is a run of journalctl.
type call struct {
	*exec.Cmd
	complaint bytes.Buffer
}

func (j *Journald) call(ctx context.Context, args []string) *call {
	c := &call{Cmd: exec.CommandContext(ctx, j.cfg.Journalctl, args...)}
	c.WaitDelay = 5 * time.Second
	c.Env = append(os.Environ(), "LC_ALL=C")
	c.Stderr = &limited{b: &c.complaint}
	return c
}

func (c *call) start() (io.Reader, error) {
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start journalctl: %w", err)
	}
	return out, nil
}

func (c *call) ended(err error) error {
	return fmt.Errorf("journalctl ended (%v): %s", err, bytes.TrimSpace(c.complaint.Bytes()))
}

type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len() < 4<<10 {
		l.b.Write(p)
	}
	return len(p), nil
}

// reader turns entries into batches.
type reader struct {
	j      *Journald
	sink   inputs.Sink
	ctx    context.Context
	cancel context.CancelFunc
	flying sync.WaitGroup

	after     string // the cursor of an entry that was read before
	b         record.Builder
	cursor    string
	selection []byte // to be stored with the next cursor; nil once it is
	buf       []byte

	mu  sync.Mutex
	err error
}

func (r *reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		r.cancel() // what was not stored is read again, from its cursor
	}
}

func (r *reader) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *reader) read(out io.Reader) error {
	x := exportReader{r: bufio.NewReaderSize(out, 64<<10), max: int(r.j.cfg.MaxEntrySize)}
	var e entry
	r.b.Reset(r.j.cfg.Tag, "journal", 0)
	for {
		if err := x.next(&e); err != nil {
			if ferr := r.flush(); ferr != nil {
				return ferr
			}
			return err
		}
		if e.cursor == r.after && e.cursor != "" {
			continue
		}
		if e.cut > 0 {
			r.j.cut.Add(float64(e.cut))
			r.j.env.Log.Warn(
				"an entry was cut to max_entry_size", "cursor", e.cursor, "bytes", e.cut,
			)
		}
		at := e.time
		if at == 0 {
			at = time.Now().UnixNano()
		}
		r.buf = e.appendJSON(r.buf[:0])
		r.b.Append(at, nil, r.buf, nil)
		r.cursor = e.cursor
		if r.b.Size() >= record.TargetSize || x.r.Buffered() == 0 {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
}

func (r *reader) flush() error {
	if err := r.failure(); err != nil {
		return err
	}
	batch := r.b.Build()
	if batch == nil {
		return nil
	}
	r.b.Reset(r.j.cfg.Tag, "journal", batch.Size())
	var positions []inputs.Position
	if r.cursor != "" {
		positions = []inputs.Position{{Key: positionKey, Value: []byte(r.cursor)}}
		if r.selection != nil {
			positions = append(
				positions, inputs.Position{Key: selectionKey, Value: r.selection},
			)
			r.selection = nil
		}
	}
	r.flying.Add(1)
	err := r.sink.Append(r.ctx, batch, positions, func(err error) {
		if err != nil {
			r.fail(err)
		}
		r.flying.Done()
	})
	if err != nil {
		r.flying.Done()
		r.fail(err)
	}
	return err
}
