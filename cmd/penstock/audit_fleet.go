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

// published compares what all agents have published into the store of a configuration's audit
// block.
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
	outs, store, err := agent.OpenAuditStore(cfg, agent.Options{
		Catalogue: agent.Components(), Version: version,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, outs.Close()) }()
	now := time.Now()
	since := now.Add(-a.since)
	pages, err := ledger.Read(
		ctx, store, cfg.Agent.Audit.Prefix, since, now, func(key string, err error) {
			a.notes = append(a.notes, fmt.Sprintf("%s cannot be read: %v", key, err))
		},
	)
	if err != nil {
		return r, err
	}
	if len(pages) == 0 {
		return r, fmt.Errorf(
			"no agent has published counts under %s of %s", cfg.Agent.Audit.Prefix,
			cfg.Agent.Audit.To,
		)
	}
	all := ledger.Audit(pages, since)
	a.notes = append(a.notes, all.Notes...)
	return all.Report, nil
}
