package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/fault"
	"github.com/penstock/penstock/outputs/deadletter"
	"github.com/penstock/penstock/outputs/deliver"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/penstock/penstock/outputs/recordline"
	"github.com/penstock/penstock/spool"
)

// Options say what a replay takes and where it goes.
type Options struct {
	To  *drain.Drainer
	Log *slog.Logger
	// Keep moves replayed objects under replayed/, and files into a directory of that name, instead
	// of deleting them.
	Keep bool
	// DryRun counts what waits, and touches nothing.
	DryRun bool
	// Dir is for temporary files.
	Dir string
	// Holder names this replay to others that try; by default host, process and a random number.
	Holder string
	// Filter chooses among the dead letters of a directory.
	Filter Filter
	// Progress is told how far the replay has come; nil tells nobody.
	Progress *Progress
	// Wait waits for bases that another is replaying; otherwise they are skipped and reported.
	Wait bool
	// Abandoned is called once a replay of files that was told to end sends nothing more, and waits
	// for answers that an AsyncWriter may give no sooner than when it is closed; nil is not called.
	Abandoned func()
}

// Summary is what a replay has done.
type Summary struct {
	Objects int64 // objects or files replayed, or waiting on a dry run
	Bytes   int64
	// records that the output took, those it sent to its dead letter included; not counted on a dry
	// run
	Records int64
	Damaged int64 // objects or files moved aside
	Skipped []string
}

// FromStore replays the overflow objects and stored dead letters whose keys begin with prefix when
// it is called, oldest first within each log. It delivers through the same writer, with the same
// order per origin, as the agent that wrote them. It can be stopped and started again at any time;
// what was cut short is repeated by at most one object per log. Two replays of the same objects, or
// a replay and the agent itself, exclude each other.
func FromStore(
	ctx context.Context, store spool.Store, prefix string, opts Options,
) (Summary, error) {
	var sum Summary
	bases, last, err := replayBases(ctx, store, prefix, &sum)
	if err != nil || opts.DryRun {
		return sum, err
	}
	opts.Progress.begin(sum.Objects, sum.Bytes, 0)
	sum.Objects, sum.Bytes = 0, 0
	for _, base := range bases {
		p := opts.replayer(store, base, &sum)
		// What comes later is left for another time: dead letters that are refused again would come
		// round for ever.
		p.Skip = func(key string) bool { return key > last[base] }
		if err := opts.run(ctx, p, &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// replayer returns one for the objects under base, which adds what it does to sum.
func (opts *Options) replayer(store spool.Store, base string, sum *Summary) *overflow.Replayer {
	holder := opts.Holder
	if holder == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		holder = fmt.Sprintf("replay %s %d %08x", host, os.Getpid(), rand.Uint32())
	}
	return &overflow.Replayer{
		Destination: opts.To.Destination(),
		Store:       store,
		Base:        base,
		Holder:      holder,
		Keep:        opts.Keep,
		Dir:         opts.Dir,
		Health:      new(deliver.Health),
		Log:         opts.Log,
		Begun:       new(overflow.Begun),
		Failing: &fault.FailureLog{
			Log:  opts.Log,
			What: "the object store",
			Do:   "check that it is reachable, and that its credentials allow to list, read, write and delete",
		},
		OnDone: func(o spool.Object, records int64, damaged bool) {
			sum.Objects++
			sum.Bytes += o.Size
			sum.Records += records
			if damaged {
				sum.Damaged++
			}
			opts.Progress.change(func(r *Reached) {
				r.Objects, r.Bytes, r.Records = r.Objects+1, r.Bytes+o.Size, r.Records+records
			})
			opts.Log.Info("replayed", "object", o.Key, "records", records)
		},
	}
}

// run runs p, or skips what another is replaying unless that is to be waited for.
func (opts *Options) run(ctx context.Context, p *overflow.Replayer, sum *Summary) error {
	for {
		err := p.Run(ctx)
		var held *overflow.LeasedError
		if !errors.As(err, &held) && !errors.Is(err, overflow.ErrLeaseLost) {
			return err
		}
		if !opts.Wait {
			sum.Skipped = append(sum.Skipped, fmt.Sprintf("%s: %v", p.Base, err))
			return nil
		}
		opts.Log.Info("waiting", "prefix", p.Base, "reason", err)
		if err := fault.Sleep(ctx, overflow.LeaseTTL/6); err != nil {
			return err
		}
	}
}

// replayBases returns the bases under prefix below which something waits, and the last object of
// each.
func replayBases(
	ctx context.Context, store spool.Store, prefix string, sum *Summary,
) (bases []string, last map[string]string, err error) {
	last = map[string]string{}
	for o, err := range store.List(ctx, prefix) {
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		base := o.Key[:strings.LastIndexByte(o.Key, '/')+1]
		switch path.Base(path.Clean("/"+base)) + "/" {
		case recordline.ReplayedDir, recordline.DamagedDir, recordline.LeaseDir:
			continue
		}
		if ok, _ := recordline.WaitingObject(o.Key, base); !ok {
			continue
		}
		sum.Objects++
		sum.Bytes += o.Size
		if !slices.Contains(bases, base) { // keys below another base may stand between those of one
			bases = append(bases, base)
		}
		last[base] = o.Key
	}
	return bases, last, nil
}

// FromFiles replays the files of a dead letter directory; the agent that writes there may be
// running. What it refuses meanwhile is left for another time.
func FromFiles(ctx context.Context, dir string, opts Options) (Summary, error) {
	var sum Summary
	if opts.DryRun {
		names, err := deadletter.DeadLetterFiles(dir)
		for _, name := range names {
			if fi, err := os.Stat(name); err == nil {
				sum.Objects++
				sum.Bytes += fi.Size()
			}
		}
		return sum, err
	}
	unlock, err := deadletter.LockDir(dir)
	if err != nil {
		return sum, err
	}
	defer unlock()
	names, err := deadletter.TakeDeadLetters(dir)
	if err != nil {
		return sum, err
	}
	if opts.Progress == nil {
		opts.Progress = new(Progress)
	}
	others := opts.Progress.Now().OfRecords
	if err := opts.Progress.beginFiles(ctx, names, &opts.Filter); err != nil {
		return sum, err
	}
	before := opts.Progress.Now().Records
	opts.Log.Info(
		"dead letters are being brought back", "dir", dir, "files", len(names),
		"records", opts.Progress.Now().OfRecords-others,
	)
	for _, name := range names {
		records, bytes, damage, err := replayFile(ctx, name, opts)
		sum.Records += records
		opts.Progress.change(func(r *Reached) {
			r.Objects, r.Bytes, r.Records = r.Objects+1, r.Bytes+bytes, before+sum.Records
		})
		if err != nil {
			return sum, fmt.Errorf("%s: %w", name, err)
		}
		sum.Bytes += bytes
		sum.Objects++
		if !opts.Filter.All() {
			continue // the rest of the file is there
		}
		to := ""
		if damage != nil {
			sum.Damaged++
			to = recordline.DamagedDir
			opts.Log.Error(
				"a dead letter file is damaged; what could be read was delivered, and the file is moved aside",
				"file", name, "error", damage,
				"do", "repair it (one JSON object per line) and move it back, or delete it",
			)
		} else if opts.Keep {
			to = recordline.ReplayedDir
		}
		if err := removeFile(name, to); err != nil {
			return sum, err
		}
		opts.Log.Info("replayed", "file", name, "records", records)
	}
	return sum, nil
}

func removeFile(name, to string) error {
	if to == "" {
		return os.Remove(name)
	}
	dir := filepath.Join(filepath.Dir(name), to)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	// Numbers begin anew when all files of a directory have been taken: the time keeps the names
	// apart.
	base := strings.TrimPrefix(filepath.Base(name), deadletter.TakenPrefix)
	return os.Rename(
		name, filepath.Join(dir, time.Now().UTC().Format("20060102T150405.000000000-")+base),
	)
}

func replayFile(
	ctx context.Context, name string, opts Options,
) (records, size int64, damage, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil {
		size = fi.Size()
	}
	lines, err := recordline.NewLineReader(f, nil)
	if err != nil {
		return 0, size, nil, err
	}
	defer lines.Close()
	src := &fileSource{recordline.LineSource{Lines: lines}}
	if !opts.Filter.All() {
		src.Want = opts.Filter.Wants
	}
	acked, ahead := int64(0), new(deliver.Ahead)
	fl := &deliver.Flight{
		Send:   opts.To.Destination().Send,
		Source: src,
		Health: new(deliver.Health),
		Ahead:  ahead,
	}
	before := opts.Progress.Now().Records
	fl.OnAck = func(pos int64) {
		acked = pos
		opts.Progress.change(func(r *Reached) { r.Records = before + fl.Delivered })
	}
	if err = fl.Run(ctx); errors.Is(err, io.EOF) {
		err, acked = nil, math.MaxInt64
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
		if fl.Send.Async != nil && opts.Abandoned != nil {
			opts.Abandoned()
		}
	}
	<-fl.Ended
	if err != nil || !opts.Filter.All() {
		// What is acknowledged is not sent again.
		delivered := func(at int64) bool { return at < acked || ahead.Has(at) }
		taken, rerr := keepRest(name, &opts.Filter, delivered)
		if records, err = taken, errors.Join(err, rerr); rerr == nil {
			return records, size, nil, err
		}
	}
	if src.Bad > 0 {
		damage = fmt.Errorf("%d lines cannot be read; %w", src.Bad, src.BadErr)
	}
	return fl.Delivered, size, damage, err
}

type fileSource struct{ recordline.LineSource }

// Next implements source.
func (s *fileSource) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.ReadBatch()
}

// Prefix returns what the names of an agent's objects begin with. prefix is that of its failover
// block, or dead-letter.
func Prefix(prefix, agent string) string { return recordline.AgentBase(prefix, agent) }

// Add adds another replay to the summary.
func (s *Summary) Add(o Summary) {
	s.Objects += o.Objects
	s.Bytes += o.Bytes
	s.Records += o.Records
	s.Damaged += o.Damaged
	s.Skipped = append(s.Skipped, o.Skipped...)
}
