package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/outputs"
	"github.com/penstock/penstock/outputs/drain"
	"github.com/penstock/penstock/outputs/replay"
	"github.com/spf13/cobra"
)

// replayFlags are the flags of replay.
type replayFlags struct {
	paths, vars          []string
	to, from             string
	host, prefix         string
	deadLetter           bool
	keep, dryRun, waitOK bool
	prefixGiven          bool
	filter               replay.Filter // of dead letters in directories
}

func replayCommand() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use:   "replay --config CONFIG --output OUTPUT [DIR...]",
		Short: "Replay a lost host's overflow, or dead letters, into an output",
		Long: `Replay overflow objects or dead letters into an output of a configuration.

    penstock replay -c penstock.hcl --output output.kafka.events \
      --from output.s3.overflow --agent web-7

replays what the host web-7 has left in the overflow, oldest first. An agent replays its own overflow by itself: this is for hosts that are gone.

    penstock replay -c penstock.hcl --output output.kafka.events --dead-letter

replays what output.kafka.events had refused, once the reason for it is mended. The agent may be running. Directories given as arguments are
replayed as dead letters too.

    penstock replay -c penstock.hcl --output output.kafka.events \
      --from output.s3.lake --dead-letter

brings what the archive output.s3.lake could not hold, and has under dead_letter_path, back into the topics that it came from.

What has been taken by the output is deleted, or with --keep moved aside. A replay that was stopped goes on when it is started again; what it was
working on when it was stopped is repeated. Two replays of the same records exclude each other. How far it has come is shown on a terminal, and
elsewhere logged every 10 seconds.`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(
		&f.paths, "config", "c", nil, "configuration file or directory; may be repeated",
	)
	flags.StringArrayVar(&f.vars, "var", nil, "value of a variable, as name=value; may be repeated")
	flags.StringVar(
		&f.to, "output", "", "the output that takes the records, such as output.kafka.events",
	)
	flags.StringVar(
		&f.from, "from", "", "the object store output that holds them, such as output.s3.overflow",
	)
	flags.StringVar(
		&f.host, "agent", "", "the agent that left them; its host name unless configured otherwise",
	)
	flags.StringVar(
		&f.prefix, "prefix", "overflow",
		"with --from: first part of the objects' names, as in the failover block; dead-letter for stored dead letters; of an archive's dead letters as dead_letter_path has it",
	)
	flags.BoolVar(
		&f.deadLetter, "dead-letter", false,
		"replay the dead letters of --output, or with --from those that an archive has",
	)
	flags.BoolVar(&f.keep, "keep", false, "move what was replayed aside instead of deleting it, as is always done with dead letters that an archive has")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only count what waits")
	flags.BoolVar(&f.waitOK, "wait", false, "wait for what another replay is working on")
	return cmd
}

func (f *replayFlags) validate(args []string) error {
	var errs []error
	add := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	add(len(f.paths) > 0, "which configuration? give it with --config")
	add(
		f.to != "",
		"into which output? give it with --output, such as --output output.kafka.events",
	)
	ways := 0
	for _, given := range []bool{f.from != "" || f.deadLetter, len(args) > 0} {
		if given {
			ways++
		}
	}
	add(ways == 1, "what is to be replayed? give one of --from, --dead-letter, or directories")
	add(
		f.from == "" || f.deadLetter || f.host != "",
		"whose objects? give the agent's name with --agent",
	)
	if err := errors.Join(errs...); err != nil {
		return &exitError{exitConfig, err}
	}
	return nil
}

func (f *replayFlags) run(cmd *cobra.Command, args []string) error {
	f.prefixGiven = cmd.Flags().Changed("prefix")
	if err := f.validate(args); err != nil {
		return err
	}
	cfg, report, err := loadConfig(f.paths, f.vars)
	if err != nil {
		return err
	}
	if cfg == nil {
		report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
		return &exitError{code: exitConfig}
	}
	var level slog.LevelVar
	secrets := &agent.Secrets{}
	secrets.Set(cfg.Secrets)
	to, terminal := cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr())
	live := &liveLine{w: to}
	if terminal {
		to = live
	}
	log := agent.NewLogger(to, logsJSON(cfg.Agent.Log.Format, terminal), &level, secrets)
	ids := []string{f.to}
	if f.from != "" {
		ids = append(ids, f.from)
	}
	outs, err := agent.OpenOutputs(
		cfg,
		agent.Options{Catalogue: agent.Components(), Log: log, Version: version},
		ids...)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	progress := new(replay.Progress)
	told := tell(terminal, func(now time.Time) {
		if r := progress.Now(); r.Since.IsZero() {
			return
		} else if terminal {
			live.show("replayed " + reached(r, now))
		} else {
			log.Info("replaying", "done", reached(r, now))
		}
	})
	closed := sync.OnceValue(outs.Close)
	sum, err := f.replay(ctx, cfg, outs, replay.Options{
		Log: log, Progress: progress, Abandoned: func() { _ = closed() },
	}, args)
	told()
	live.show("")
	err = errors.Join(err, closed())
	f.print(cmd.OutOrStdout(), sum)
	switch {
	case err != nil:
		return err
	case sum.Damaged > 0 || len(sum.Skipped) > 0:
		return &exitError{code: exitFailure}
	}
	return nil
}

func (f *replayFlags) replay(
	ctx context.Context, cfg *config.Config, outs *agent.Outputs, opts replay.Options,
	dirs []string,
) (replay.Summary, error) {
	to, ok := outs.Get(f.to).(*drain.Drainer)
	if !ok {
		return replay.Summary{}, configError(
			"%s cannot take a replay: name a streaming output", f.to,
		)
	}
	opts.To, opts.Keep, opts.DryRun, opts.Wait = to, f.keep, f.dryRun, f.waitOK
	opts.Filter, opts.Dir = f.filter, filepath.Join(cfg.Agent.DataDir, "replay")
	if f.from != "" {
		store, ok := outs.Get(f.from).(outputs.Storer)
		if !ok {
			return replay.Summary{}, configError("%s is no object store", f.from)
		}
		if f.deadLetter {
			prefix, err := f.archivePrefix(cfg)
			if err != nil {
				return replay.Summary{}, err
			}
			return replay.FromArchive(ctx, store.Store(), prefix, opts)
		}
		return replay.FromStore(ctx, store.Store(), replay.Prefix(f.prefix, f.host), opts)
	}
	if f.deadLetter {
		dir := agent.DeadLetterDir(cfg, f.to)
		if dir == "" {
			return replay.Summary{}, configError(
				"the dead letters of %s are not in a directory: name the store that has them with --from, and --prefix dead-letter",
				f.to,
			)
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return replay.Summary{}, nil // nothing was ever refused
		}
		dirs = []string{dir}
	}
	var sum replay.Summary
	for _, dir := range dirs {
		s, err := replay.FromFiles(ctx, dir, opts)
		sum.Add(s)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// archivePrefix returns where an archive has its dead letters.
func (f *replayFlags) archivePrefix(cfg *config.Config) (string, error) {
	if f.prefixGiven {
		return strings.TrimSuffix(f.prefix, "/") + "/", nil
	}
	prefix, ok := agent.DeadLetterPrefix(cfg.Find(f.from))
	if !ok {
		return "", configError("%s is no archive", f.from)
	}
	if prefix == "" {
		return "", configError(
			"the dead_letter_path of %s begins with a variable: say which objects are meant with --prefix",
			f.from,
		)
	}
	return prefix, nil
}

func (f *replayFlags) print(w io.Writer, sum replay.Summary) {
	if f.dryRun {
		fmt.Fprintf(w, "%d objects or files wait, %d bytes\n", sum.Objects, sum.Bytes)
		return
	}
	fmt.Fprintf(
		w, "replayed %d records of %d objects or files, %d bytes; damaged and moved aside: %d\n",
		sum.Records, sum.Objects, sum.Bytes, sum.Damaged,
	)
	for _, s := range sum.Skipped {
		fmt.Fprintln(w, "skipped", strings.TrimSpace(s))
	}
}
