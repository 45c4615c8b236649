package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// command sends a command to a running agent and prints what it says.
func command(cmd *cobra.Command, addr, name string, query url.Values) error {
	return commandThen(cmd, addr, name, query, func() {})
}

// commandThen is command that calls answered before it prints anything.
func commandThen(
	cmd *cobra.Command, addr, name string, query url.Values, answered func(),
) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	resp, err := adminAddress(addr).do(ctx, http.MethodPost, "/api/"+name, query)
	answered()
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(cmd.OutOrStdout(), resp.Body); err != nil {
		return fmt.Errorf("the agent's answer breaks off: %w", err)
	}
	return nil
}

func pauseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause OUTPUT",
		Short: "Have an output of a running agent deliver nothing, until penstock resume",
		Long: `Has an output of a running agent, such as output.kafka.events, deliver nothing until penstock resume, also after
a restart. Inputs go on and what they bring waits in the buffer; once that is full, its when_full says what happens.
Other outputs go on. A consumer gives its partitions back meanwhile.`,
		Args: usage(cobra.ExactArgs(1)),
	}
	addr := adminFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return command(cmd, *addr, "pause", url.Values{"output": args})
	}
	return cmd
}

func resumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume OUTPUT",
		Short: "Have a paused output go on",
		Args:  usage(cobra.ExactArgs(1)),
	}
	addr := adminFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return command(cmd, *addr, "resume", url.Values{"output": args})
	}
	return cmd
}

func flushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flush [CONFIG]",
		Short: "Have a running agent close and upload the files of its archives now",
		Long: `Has a running agent close and upload the files that its archives hold open, without waiting for their roll
policies, and waits until they are stored. If a store refuses them, or the timeout is over, it says what is not
stored and why; the agent goes on trying. All other outputs send what they have within milliseconds anyway.`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	addr := adminTarget(cmd)
	timeout := cmd.Flags().Duration("timeout", time.Minute, "how long to wait; 0 not to")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var query url.Values
		switch {
		case *timeout < 0:
			return &exitError{exitConfig, fmt.Errorf("--timeout: must be 0 or more")}
		case *timeout > 0:
			query = url.Values{"timeout": {timeout.String()}}
		}
		return command(cmd, *addr, "flush", query)
	}
	return cmd
}

func drainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain [CONFIG]",
		Short: "Have a running agent stop its inputs, deliver everything and end",
		Long: `Has a running agent stop its inputs, deliver what is in its buffers and overflow, and end, as before a host is
given up. After the timeout it ends all the same, and says what is left; that stays on disk and is delivered
after the next start. A service manager that restarts whatever ends has to be told to leave it stopped.`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	addr := adminTarget(cmd)
	timeout := cmd.Flags().Duration("timeout", 5*time.Minute, "how long to deliver")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *timeout <= 0 {
			return &exitError{exitConfig, fmt.Errorf("--timeout: must be more than 0")}
		}
		return command(cmd, *addr, "drain", url.Values{"timeout": {timeout.String()}})
	}
	return cmd
}
