package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/ledger"
	"github.com/penstock/penstock/buffer/record/tally"
)

// published compares what all agents have published where a configuration's audit block says.
func (a *auditing) published(ctx context.Context, args []string) (r tally.Report, err error) {
	if len(args) == 0 {
		return r, errors.New("--fleet: give the configuration of an agent with an audit block")
	}
	cfg, report, err := loadConfig(args, *a.vars)
	if err != nil {
		return r, err
	}
	if report.Errors() > 0 {
		return r, report
	}
	if cfg.Agent.Audit == nil {
		return r, errors.New(
			"--fleet: the agent block has no audit { to = output.... }, so it publishes no counts",
		)
	}
	place, err := agent.OpenAuditPlace(cfg, agent.Options{
		Catalogue: agent.Components(), Version: version,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, place.Close()) }()
	now := time.Now()
	since := now.Add(-a.since)
	pages, err := ledger.Read(
		ctx, place, cfg.Agent.Audit.Prefix, since, now, func(key string, err error) {
			a.notes = append(a.notes, fmt.Sprintf("%s cannot be read: %v", key, err))
		},
	)
	if err != nil {
		return r, err
	}
	if len(pages) == 0 {
		return r, fmt.Errorf(
			"no agent has published counts under %s of %s", cfg.Agent.Audit.Prefix,
			place.Name,
		)
	}
	all := ledger.Audit(pages, since)
	a.notes = append(a.notes, all.Notes...)
	return all.Report, nil
}
