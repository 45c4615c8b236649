package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/positions"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/inputs/tail"
	"github.com/spf13/cobra"
)

func importPositionsCommand() *cobra.Command {
	var configs, tools []string
	var dry bool
	long := `Go on where another program has stopped reading, so that no line is read twice or skipped when penstock
takes its place: stop the other program, import its positions, start the agent.

    systemctl stop fluent-bit
    penstock import-positions fluent-bit /var/lib/fluent-bit/tail.db \
      --config /etc/penstock
    systemctl start penstock

Run it as the agent's user: it writes below agent.data_dir. Files are told by their inode and a name that
rotation may have changed, or by what they begin with, so that rotation in between does no harm; promtail's
are told by their path alone, and neither promtail nor fluentd keeps the position of a file that was renamed.
Where the other program had read half a line, the line is read from its beginning. Files that it did not
know are read from their beginning, whatever start_at says. A file that penstock has read itself keeps
that position.

FROM is one of

`
	for _, t := range positions.Tools() {
		tools = append(tools, t.Name)
		long += fmt.Sprintf("    %-12s%s\n", t.Name, t.Doc)
	}
	cmd := &cobra.Command{
		Use:       "import-positions FROM STATE... --config CONFIG",
		Short:     "Go on where fluentd, fluent-bit, Filebeat, Vector, promtail or rsyslog has stopped reading",
		Long:      strings.TrimSpace(long),
		Args:      usage(cobra.MinimumNArgs(2)),
		ValidArgs: tools,
	}
	vars := varFlags(cmd)
	cmd.Flags().StringArrayVarP(
		&configs, "config", "c", nil, "configuration file or directory of the agent; may be repeated",
	)
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only tell what would be taken over")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(configs) == 0 {
			return &exitError{exitConfig, errors.New("--config is missing: which agent is it for?")}
		}
		cfg, report, err := loadConfig(configs, *vars)
		if err != nil {
			return err
		}
		if report.Errors() > 0 {
			report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
			return &exitError{code: exitConfig}
		}
		all, readErr := positions.Read(args[0], args[1:])
		if errors.Is(readErr, positions.ErrTool) {
			return &exitError{exitConfig, readErr}
		}
		if all == nil && readErr != nil {
			return readErr
		}
		m := &positionImport{
			tool: args[0],
			cfg:  cfg,
			all:  all,
			met:  make([]bool, len(all)),
			dry:  dry,
			out:  cmd.OutOrStdout(),
		}
		if err := m.run(cmd.Context()); err != nil {
			return errors.Join(readErr, err)
		}
		if readErr != nil {
			return readErr
		}
		if m.failed {
			return &exitError{code: exitFailure}
		}
		return nil
	}
	return cmd
}

// positionImport gives foreign positions to the inputs whose files they tell of.
type positionImport struct {
	tool   string
	cfg    *config.Config
	all    []tail.Foreign
	met    []bool // an input has something to do with it
	dry    bool
	out    io.Writer
	taken  int
	failed bool
}

func (m *positionImport) run(ctx context.Context) error {
	tails := 0
	for _, p := range m.cfg.Pipelines {
		var inputs []*config.Instance
		for _, id := range p.From {
			if in := m.cfg.Find(id); in != nil && p.Feeds[id] == "" {
				if _, ok := in.Config.(*tail.Config); ok {
					inputs = append(inputs, in)
				}
			}
		}
		if len(inputs) > 0 {
			tails += len(inputs)
			if err := m.pipeline(ctx, p, inputs); err != nil {
				return err
			}
		}
	}
	if tails == 0 {
		return &exitError{
			exitConfig,
			errors.New("no pipeline has an input \"tail\" that could go on"),
		}
	}
	for i, p := range m.all {
		if m.met[i] {
			continue
		}
		if _, err := os.Stat(p.Path); p.Path != "" && err == nil {
			m.failed = true
			fmt.Fprintf(
				m.out,
				"NOT TAKEN OVER  %s: no input reads it; add it to paths, or ignore this\n",
				p.Path,
			)
			continue
		}
		name := p.Path
		if name == "" {
			name = p.From
		}
		fmt.Fprintf(m.out, "gone            %s: no such file is there any more\n", name)
	}
	verb := "taken over"
	if m.dry {
		verb = "would be taken over"
	}
	fmt.Fprintf(m.out, "%d of %s %s\n", m.taken, count(len(m.all), "position"), verb)
	return nil
}

func (m *positionImport) pipeline(
	ctx context.Context,
	p *config.Pipeline,
	inputs []*config.Instance,
) (err error) {
	dir := filepath.Join(m.cfg.Agent.DataDir, "buffer", p.Name)
	var buf *buffer.Buffer
	if _, serr := os.Stat(dir); serr == nil || !m.dry {
		opts := p.Buffer.(*buffer.Config).Options()
		opts.Log = slog.New(slog.DiscardHandler)
		if buf, err = buffer.Open(dir, opts); err != nil {
			if errors.Is(err, buffer.ErrLocked) {
				return fmt.Errorf("%w: stop the agent first", err)
			}
			return err
		}
		defer func() { err = errors.Join(err, buf.Close()) }()
	}
	for _, in := range inputs {
		var stored map[string][]byte
		if buf != nil {
			stored = buf.Positions(in.ID())
		}
		made, taken := in.Config.(*tail.Config).TakeOver(m.all, stored, time.Now())
		if !m.dry && len(made) > 0 {
			if err := appendPositions(ctx, buf, in.ID(), made); err != nil {
				return fmt.Errorf("%s: %w", in.ID(), err)
			}
		}
		for _, t := range taken {
			m.report(in.ID(), t)
		}
	}
	return nil
}

// appendPositions stores positions and returns when they are on disk.
func appendPositions(
	ctx context.Context, buf *buffer.Buffer, input string, made []record.Position,
) error {
	stored := make(chan error, 1)
	if err := buf.Append(ctx, input, nil, made, func(err error) { stored <- err }); err != nil {
		return err
	}
	return <-stored
}

func (m *positionImport) report(input string, t tail.Taken) {
	if t.Index >= 0 {
		m.met[t.Index] = true
	}
	var what, why string
	switch t.Fate {
	case tail.TakenOver:
		m.taken++
		what, why = "taken over", fmt.Sprintf("from byte %d of %d", t.Off, t.Size)
	case tail.Kept:
		what, why = "kept", fmt.Sprintf("this agent goes on at byte %d already", t.Off)
	case tail.Shorter:
		what, why = "begun anew", "it is shorter than what was read of it: from its beginning"
	case tail.Gone:
		what, why = "gone", "the file that was read is not there any more"
	case tail.Unusable:
		m.failed = true
		what, why = "NOT TAKEN OVER", fmt.Sprintf("%v; it is read from its beginning", t.Err)
		if t.Path == "" {
			t.Path = m.all[t.Index].From
		}
	case tail.Unread:
		what, why = "new", "no position tells of it: from its beginning"
		if m.renamed(t.Path) {
			why += "; " + m.tool + " forgets what is renamed: if it has read this file, exclude it"
		}
	}
	fmt.Fprintf(
		m.out,
		"%-15s %s: %s (%s)\n",
		what,
		t.Path,
		why,
		strings.TrimPrefix(input, "input."),
	)
}

// renamed reports whether a file is called like one that the other program has read, and more, and
// that program keeps no positions of such.
func (m *positionImport) renamed(path string) bool {
	return (m.tool == "fluentd" || m.tool == "promtail") &&
		slices.ContainsFunc(m.all, func(p tail.Foreign) bool {
			more, ok := strings.CutPrefix(path, p.Path)
			return ok && more != "" && strings.Contains(".-_~", more[:1])
		})
}
