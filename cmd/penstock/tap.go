package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
)

func tapCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tap PIPELINE|INPUT|OUTPUT",
		Short: "Show records of a running agent as they pass",
		Long: `Shows records of a running agent as they pass, one JSON object a line: those that a pipeline or an input has taken
in, before filters, or those that an output is given, after them. Who does not keep up misses some, and is told
how many; delivery is never held up. Values over 4 KiB are cut.

    penstock tap output.kafka.events --tag 'app.*' \
      --where 'field.status >= 500' --rate 10`,
		Args: usage(cobra.ExactArgs(1)),
	}
	addr := adminFlag(cmd)
	f := cmd.Flags()
	n := f.IntP("count", "n", 0, "end after so many records; 0: go on")
	rate := f.Float64("rate", 20, "show at most so many records a second; 0 for all that can be had")
	tag := f.String("tag", "", "show records of these tags only, such as app.*")
	where := f.String("where", "", "show records only for which this expression holds")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q := url.Values{"of": args, "rate": {strconv.FormatFloat(*rate, 'g', -1, 64)}}
		if *n > 0 {
			q.Set("n", strconv.Itoa(*n))
		}
		if *tag != "" {
			q.Set("tag", *tag)
		}
		if *where != "" {
			q.Set("where", *where)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		resp, err := adminAddress(*addr).do(ctx, http.MethodGet, "/tap", q)
		if err != nil {
			return &exitError{exitFailure, err}
		}
		defer resp.Body.Close()
		_, err = io.Copy(cmd.OutOrStdout(), resp.Body)
		if err != nil && ctx.Err() == nil {
			return &exitError{exitFailure, fmt.Errorf("the agent has ended: %w", err)}
		}
		return nil
	}
	return cmd
}
