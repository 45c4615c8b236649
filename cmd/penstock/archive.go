package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	kafkain "github.com/penstock/penstock/inputs/kafka"
	"github.com/penstock/penstock/network/kafkaclient"
	"github.com/penstock/penstock/outputs/gcs"
	"github.com/penstock/penstock/outputs/local"
	"github.com/penstock/penstock/outputs/s3"
	"github.com/penstock/penstock/spool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// archiveCommand looks after what the archiver has stored.
func archiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Look after archived objects: lag, verify, cat, restore, abandon",
		Long: `Look after archived objects.

The object store is that of an output in the configuration files given with --config; --output picks one where there are several. With
--directory it is a local directory, and no configuration is needed.`,
		Args: usage(cobra.NoArgs),
	}
	t := &archiveTarget{}
	flags := cmd.PersistentFlags()
	flags.StringArrayVarP(
		&t.paths, "config", "c", nil, "configuration file or directory; may be repeated",
	)
	flags.StringArrayVar(&t.vars, "var", nil, "value of a variable, as name=value; may be repeated")
	flags.StringVar(
		&t.output, "output", "", "the output whose store is meant, such as output.s3.lake",
	)
	flags.StringVar(
		&t.directory, "directory", "",
		"a directory that holds the objects, instead of a configuration",
	)
	cmd.AddCommand(
		archiveLag(t), archiveVerify(t), archiveCat(t), archiveRestore(t), archiveAbandon(t),
	)
	return cmd
}

// archiveTarget is what the flags of all archive commands name.
type archiveTarget struct {
	paths, vars []string
	output      string
	directory   string
	cfg         *config.Config
	chosen      string // the output that store has opened; "" for a directory
}

func configError(format string, args ...any) error {
	return &exitError{exitConfig, fmt.Errorf(format, args...)}
}

// load reads the configuration, once.
func (t *archiveTarget) load(cmd *cobra.Command) (*config.Config, error) {
	if t.cfg != nil {
		return t.cfg, nil
	}
	if len(t.paths) == 0 {
		return nil, configError("which configuration? give it with --config")
	}
	cfg, report, err := loadConfig(t.paths, t.vars)
	if err != nil {
		return nil, err
	}
	if report.Errors() > 0 {
		report.Write(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
		return nil, &exitError{exitConfig, nil}
	}
	t.cfg = cfg
	return cfg, nil
}

// store opens the object store that the flags name.
func (t *archiveTarget) store(cmd *cobra.Command) (spool.Store, func() error, error) {
	if t.directory != "" {
		if _, err := os.Stat(t.directory); err != nil {
			return nil, nil, configError("--directory: %w", err)
		}
		sc := local.DefaultStore()
		sc.Directory = t.directory
		s, err := local.NewStore(sc)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	cfg, err := t.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	var found []*config.Instance
	for _, c := range cfg.Components {
		switch c.Config.(type) {
		case *s3.Config, *gcs.Config, *local.Config:
			if t.output == "" || t.output == c.ID() {
				found = append(found, c)
			}
		}
	}
	switch {
	case len(found) == 0 && t.output != "":
		return nil, nil, configError(
			"%s is no output of the configuration that is an object store", t.output,
		)
	case len(found) == 0:
		return nil, nil, configError("the configuration has no output that is an object store")
	case len(found) > 1:
		var names []string
		for _, c := range found {
			names = append(names, c.ID())
		}
		return nil, nil, configError(
			"which store? give one of them with --output: %s", strings.Join(names, ", "),
		)
	}
	t.chosen = found[0].ID()
	return openStore(found[0].Config)
}

// elsewhere returns the output that archives what an input reads, if the chosen one archives what
// others read, and "" otherwise.
func (t *archiveTarget) elsewhere(src *kafkain.Config) (output string) {
	used := false
	for _, p := range t.cfg.Pipelines {
		outs := p.Outputs()
		if slices.Contains(outs, t.chosen) {
			used = true
			continue
		}
		for _, id := range p.From {
			if in := t.cfg.Find(id); in != nil && in.Config == src && len(outs) > 0 {
				output = outs[0]
			}
		}
	}
	if !used {
		return ""
	}
	return output
}

func openStore(cfg any) (spool.Store, func() error, error) {
	switch c := cfg.(type) {
	case *s3.Config:
		s, err := s3.NewStore(c.StoreConfig)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	case *gcs.Config:
		s, err := gcs.NewStore(c.StoreConfig)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	case *local.Config:
		s, err := local.NewStore(c.StoreConfig)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	return nil, nil, errors.New("not an object store")
}

// sources returns the configured inputs that read Kafka.
func (t *archiveTarget) sources(cmd *cobra.Command) ([]*kafkain.Config, error) {
	cfg, err := t.load(cmd)
	if err != nil {
		return nil, err
	}
	var out []*kafkain.Config
	for _, c := range cfg.Components {
		if k, ok := c.Config.(*kafkain.Config); ok {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, configError("the configuration has no input \"kafka\"")
	}
	return out, nil
}

// kafkaClient connects as a component does.
func kafkaClient(cmd *cobra.Command, c *kafkaclient.Config, opts ...kgo.Opt) (*kgo.Client, error) {
	log := agent.NewLogger(cmd.ErrOrStderr(), false, slog.LevelWarn, nil)
	base, err := c.Options("archive", log, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(base, opts...)...)
}
