package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/spf13/cobra"
)

// online is the flags of validate that reach out.
type online struct {
	isOn, write, json bool
	timeout           time.Duration
}

func (o *online) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(
		&o.isOn, "online", false,
		"look at what all components would talk to: brokers, topics, buckets, servers, ports, files",
	)
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "with --online, how long that may take")
	f.BoolVar(
		&o.write, "write-probe", false,
		"with --online, put a small object into each object store and delete it again",
	)
	f.BoolVar(&o.json, "json", false, "with --online, print what is found as JSON, an object a line")
}

func (o *online) validate() error {
	switch {
	case !o.isOn && (o.write || o.json):
		return configError("--write-probe and --json go with --online")
	case o.timeout <= 0:
		return configError("--timeout: must be more than 0s")
	}
	return nil
}

// run looks, prints what it finds, and fails if something does not work; with deny warnings count.
func (o *online) run(cmd *cobra.Command, cfg *config.Config, deny bool) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	found := agent.Preflight(ctx, cfg, o.write)
	var secrets agent.Secrets
	secrets.Set(cfg.Secrets)
	count := map[preflight.Level]int{}
	for i := range found {
		f := &found[i]
		f.Text = strings.Join(strings.Fields(secrets.Mask(f.Text)), " ")
		f.Target, f.Do = secrets.Mask(f.Target), secrets.Mask(f.Do)
		count[f.Level]++
	}
	var err error
	if o.json {
		err = writeFindingsJSON(cmd.OutOrStdout(), found)
	} else {
		writeFindings(cmd.OutOrStdout(), found, isTerminal(cmd.OutOrStdout()))
		fmt.Fprintf(
			cmd.OutOrStdout(), "%d ok, %d with a warning, %d failed\n", count[preflight.OK],
			count[preflight.Warning], count[preflight.Failed],
		)
	}
	if count[preflight.Failed] > 0 || deny && count[preflight.Warning] > 0 {
		return &exitError{exitFailure, err}
	}
	return err
}

func writeFindings(w io.Writer, found []agent.Looked, color bool) {
	shade, off := map[preflight.Level]string{}, ""
	if color {
		shade[preflight.OK], shade[preflight.Warning] = "\x1b[32m", "\x1b[33m"
		shade[preflight.Failed], off = "\x1b[31m", "\x1b[0m"
	}
	width := 0
	for _, f := range found {
		width = max(width, len(f.Component))
	}
	for _, f := range found {
		fmt.Fprintf(
			w, "%s%-7s%s  %-*s  %s: %s\n", shade[f.Level], f.Level, off, width, f.Component,
			f.Target, f.Text,
		)
		if f.Do != "" {
			fmt.Fprintf(w, "%*s  %s\n", 9+width, "", f.Do)
		}
	}
}

func writeFindingsJSON(w io.Writer, found []agent.Looked) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, f := range found {
		err := enc.Encode(struct {
			Component string `json:"component"`
			Target    string `json:"target"`
			Level     string `json:"level"`
			Text      string `json:"text"`
			Do        string `json:"do,omitempty"`
		}{f.Component, f.Target, f.Level.String(), f.Text, f.Do})
		if err != nil {
			return err
		}
	}
	return nil
}
