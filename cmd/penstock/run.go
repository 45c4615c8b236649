package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run CONFIG...",
		Short: "Run the agent with configuration files, or directories of them",
		Long: `Run the agent with configuration files, or directories of *.hcl files.

SIGTERM and SIGINT stop it: inputs end, outputs deliver what they can within
shutdown_timeout, what is left stays on disk, and the exit code is 0.
A second one ends it at once with exit code 3; nothing acknowledged is lost.
SIGHUP reads the configuration again: what has not changed goes on untouched,
and a configuration with mistakes is refused.`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	vars := varFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		signals := make(chan os.Signal, 4)
		signal.Notify(signals, syscall.SIGHUP) // it would end what is still starting
		defer signal.Stop(signals)
		cfg, report, err := loadWith(config.Options{Admin: true}, paths, *vars)
		if err != nil {
			return err
		}
		if cfg == nil {
			tryToMake(report)
			report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
			fmt.Fprintln(cmd.ErrOrStderr(), summary(report))
			return &exitError{code: exitConfig}
		}
		r := &runner{paths: paths, vars: *vars, secrets: &agent.Secrets{}}
		r.log = agent.NewLogger(
			cmd.ErrOrStderr(), logsJSON(cfg.Agent.Log.Format, isTerminal(cmd.ErrOrStderr())),
			&r.level, r.secrets,
		)
		r.use(cfg)
		for _, line := range report.Lines(true) {
			r.log.Warn("configuration", "problem", line)
		}
		a, err := agent.New(
			cfg,
			agent.Options{
				Catalogue: agent.Components(),
				Log:       r.log,
				Version:   version,
				Notify:    agent.SystemdNotify,
				Secrets:   r.secrets,
			},
		)
		if err != nil {
			agent.AddMistakes(report, err)
			report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
			fmt.Fprintln(cmd.ErrOrStderr(), summary(report))
			return &exitError{code: exitConfig}
		}
		return r.run(cmd.Context(), signals, a)
	}
	return cmd
}

// runner runs an agent and passes signals on to it.
type runner struct {
	paths, vars []string
	level       slog.LevelVar
	secrets     *agent.Secrets
	log         *slog.Logger
}

// use applies what of a configuration concerns the process.
func (r *runner) use(cfg *config.Config) {
	r.secrets.Set(cfg.Secrets)
	if err := r.level.UnmarshalText([]byte(cfg.Agent.Log.Level)); err != nil {
		r.log.Warn("log level", "error", err)
	}
}

func (r *runner) run(parent context.Context, signals chan os.Signal, a *agent.Agent) error {
	if parent == nil {
		parent = context.Background()
	}
	ctx, stop := context.WithCancel(parent)
	defer stop()
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)

	hangups := make(chan struct{}, 1) // several while a reload runs are one
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	defer close(done)
	wg.Go(func() {
		for {
			select {
			case <-hangups:
				r.reload(ctx, a)
			case <-ctx.Done():
				return
			}
		}
	})
	wg.Go(func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGHUP {
					select {
					case hangups <- struct{}{}:
					default:
					}
					continue
				}
				if ctx.Err() != nil {
					r.log.Warn(
						"a second signal: ending at once; what was not delivered is on disk",
						"signal", s.String(),
					)
					os.Exit(exitSignal)
				}
				r.log.Info("signal received", "signal", s.String())
				stop()
			case <-done:
				return
			}
		}
	})
	if err := a.Run(ctx); err != nil {
		return &exitError{exitFailure, err}
	}
	return nil
}

// reload reads the configuration again and makes the agent follow it, or logs why not.
func (r *runner) reload(ctx context.Context, a *agent.Agent) {
	agent.SystemdNotify(reloading())
	defer agent.SystemdNotify("READY=1")
	cfg, report, err := loadWith(config.Options{Admin: true}, r.paths, r.vars)
	if err == nil && cfg != nil {
		// Old and new secrets are masked while both are in use.
		r.secrets.Add(cfg.Secrets)
		err = a.Reload(ctx, cfg)
		if err == nil {
			r.use(cfg)
			for _, line := range report.Lines(true) {
				r.log.Warn("configuration", "problem", line)
			}
			return
		}
		if errors.Is(err, context.Canceled) {
			return
		}
		agent.AddMistakes(report, err)
	} else {
		a.RefuseReload(refusal(report, err))
	}
	for _, line := range report.Lines(false) {
		r.log.Error(
			"the new configuration is refused and the old one stays in force", "problem", line,
		)
	}
}

// refusal is the first mistake of a configuration, and how many more there are.
func refusal(report *config.Report, err error) error {
	if err != nil {
		return err
	}
	lines := report.Lines(false)
	if len(lines) == 0 {
		return errors.New(summary(report))
	}
	text := strings.TrimRight(lines[0], ".")
	if what, near, ok := strings.Cut(text, ": Did you mean "); ok { // which others end with a dot
		text = what + " (did you mean " + near + ")"
	}
	if n := len(lines) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return errors.New(text)
}

// reloading is what systemd wants to hear at the begin of a reload: see sd_notify(3).
func reloading() string {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", ts.Nano()/1000)
}
