package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/spool"
)

// ReplayOptions say what a replay takes and where it goes.
type ReplayOptions struct {
	To  *Drainer
	Log *slog.Logger
	// Keep moves replayed objects under replayed/, and files into a directory of that name, instead of deleting them.
	Keep bool
	// DryRun counts what waits, and touches nothing.
	DryRun bool
	// Dir is for temporary files.
	Dir string
	// Holder names this replay to others that try; by default host, process and a random number.
	Holder string
	// Wait waits for bases that another is replaying; otherwise they are skipped and reported.
	Wait bool
}

// ReplaySummary is what a replay has done.
type ReplaySummary struct {
	Objects int64 // objects or files replayed, or waiting on a dry run
	Bytes   int64
	Records int64 // records that the output took, those it sent to its dead letter included; not counted on a dry run
	Damaged int64 // objects or files moved aside
	Skipped []string
}

// ReplayStore replays the overflow objects and stored dead letters whose keys begin with prefix when it is called, oldest first within each log. It delivers through
// the same writer, with the same order per origin, as the agent that wrote them. It can be stopped and started again at any time; what was
// cut short is repeated by at most one object per log. Two replays of the same objects, or a replay and the agent itself, exclude each other.
func ReplayStore(ctx context.Context, store spool.Store, prefix string, opts ReplayOptions) (ReplaySummary, error) {
	var sum ReplaySummary
	bases, last, err := replayBases(ctx, store, prefix, &sum)
	if err != nil || opts.DryRun {
		return sum, err
	}
	sum.Objects, sum.Bytes = 0, 0
	for _, base := range bases {
		p := opts.replayer(store, base, &sum)
		// What comes later is left for another time: dead letters that are refused again would come round for ever.
		p.skip = func(key string) bool { return key > last[base] }
		if err := opts.run(ctx, p, &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// replayer returns one for the objects under base, which adds what it does to sum.
func (opts *ReplayOptions) replayer(store spool.Store, base string, sum *ReplaySummary) *replayer {
	holder := opts.Holder
	if holder == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown host"
		}
		holder = fmt.Sprintf("replay %s %d %08x", host, os.Getpid(), rand.Uint32())
	}
	return &replayer{
		destination: opts.To.Destination(), store: store, base: base, holder: holder, keep: opts.Keep, dir: opts.Dir,
		health: new(health), log: opts.Log,
		ill: &trouble{log: opts.Log, what: "the object store", do: "check that it is reachable, and that its credentials allow to list, read, write and delete"},
		did: func(o spool.Object, records int64, damaged bool) {
			sum.Objects++
			sum.Bytes += o.Size
			sum.Records += records
			if damaged {
				sum.Damaged++
			}
			opts.Log.Info("replayed", "object", o.Key, "records", records)
		},
	}
}

// run runs p, or skips what another is replaying unless that is to be waited for.
func (opts *ReplayOptions) run(ctx context.Context, p *replayer, sum *ReplaySummary) error {
	for {
		err := p.run(ctx)
		var held *leasedError
		if !errors.As(err, &held) && !errors.Is(err, errLeaseLost) {
			return err
		}
		if !opts.Wait {
			sum.Skipped = append(sum.Skipped, fmt.Sprintf("%s: %v", p.base, err))
			return nil
		}
		opts.Log.Info("waiting", "prefix", p.base, "reason", err)
		if err := sleep(ctx, leaseTTL/6); err != nil {
			return err
		}
	}
}

// replayBases returns the bases under prefix below which something waits, and the last object of each.
func replayBases(ctx context.Context, store spool.Store, prefix string, sum *ReplaySummary) (bases []string, last map[string]string, err error) {
	last = map[string]string{}
	for o, err := range store.List(ctx, prefix) {
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		base := o.Key[:strings.LastIndexByte(o.Key, '/')+1]
		switch path.Base(path.Clean("/"+base)) + "/" {
		case replayedDir, damagedDir, leaseDir:
			continue
		}
		if ok, _ := waitingObject(o.Key, base); !ok {
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

// ReplayFiles replays the files of a dead letter directory; the agent that writes there may be running. What it buries meanwhile is left for
// another time.
func ReplayFiles(ctx context.Context, dir string, opts ReplayOptions) (ReplaySummary, error) {
	var sum ReplaySummary
	if opts.DryRun {
		names, err := deadLetterFiles(dir)
		for _, name := range names {
			if fi, err := os.Stat(name); err == nil {
				sum.Objects++
				sum.Bytes += fi.Size()
			}
		}
		return sum, err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return sum, err
	}
	defer unlock()
	names, err := TakeDeadLetters(dir)
	if err != nil {
		return sum, err
	}
	for _, name := range names {
		records, bytes, damage, err := replayFile(ctx, name, opts)
		if err != nil {
			return sum, fmt.Errorf("%s: %w", name, err)
		}
		sum.Records += records
		sum.Bytes += bytes
		sum.Objects++
		to := ""
		if damage != nil {
			sum.Damaged++
			to = damagedDir
			opts.Log.Error("a dead letter file is damaged; what could be read was delivered, and the file is moved aside", "file", name, "error", damage,
				"do", "repair it (one JSON object per line) and move it back, or delete it")
		} else if opts.Keep {
			to = replayedDir
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
	// Numbers begin anew when all files of a directory have been taken: the time keeps the names apart.
	base := strings.TrimPrefix(filepath.Base(name), takenPrefix)
	return os.Rename(name, filepath.Join(dir, time.Now().UTC().Format("20060102T150405.000000000-")+base))
}

func replayFile(ctx context.Context, name string, opts ReplayOptions) (records, size int64, damage, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, nil, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil {
		size = fi.Size()
	}
	lines, err := newLineReader(f, nil)
	if err != nil {
		return 0, size, nil, err
	}
	defer lines.close()
	src := &fileSource{lineSource{lines: lines}}
	fl := &flight{send: opts.To.Destination().send, src: src, health: new(health)}
	if err = fl.run(ctx); errors.Is(err, io.EOF) {
		err = nil
	}
	<-fl.stray
	if src.bad > 0 {
		damage = fmt.Errorf("%d lines cannot be read; %w", src.bad, src.badErr)
	}
	return fl.delivered, size, damage, err
}

type fileSource struct{ lineSource }

// Next implements source.
func (s *fileSource) Next(ctx context.Context) (*record.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.next()
}

// ReplayPrefix returns what the names of an agent's objects begin with. prefix is that of its failover block, or dead-letter.
func ReplayPrefix(prefix, agent string) string { return agentBase(prefix, agent) }

// Add adds another replay to the summary.
func (s *ReplaySummary) Add(o ReplaySummary) {
	s.Objects += o.Objects
	s.Bytes += o.Bytes
	s.Records += o.Records
	s.Damaged += o.Damaged
	s.Skipped = append(s.Skipped, o.Skipped...)
}
