package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

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
			return err
		}
		defer resp.Body.Close()
		out := &firstWrite{Writer: cmd.OutOrStdout(), came: make(chan struct{})}
		if to := cmd.ErrOrStderr(); isTerminal(to) {
			defer out.tellSilence(ctx, to)()
		}
		_, err = io.Copy(out, resp.Body)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("the agent has ended: %w", err)
		}
		return nil
	}
	return cmd
}

// silence is after how long without a record that is told.
const silence = 3 * time.Second

// firstWrite closes came when something is written.
type firstWrite struct {
	io.Writer
	came chan struct{}
	once sync.Once
}

func (w *firstWrite) Write(p []byte) (int, error) {
	w.once.Do(func() { close(w.came) })
	return w.Writer.Write(p)
}

// tellSilence tells, until it is ended, when nothing has come for a while.
func (w *firstWrite) tellSilence(ctx context.Context, to io.Writer) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		select {
		case <-w.came:
		case <-ctx.Done():
		case <-time.After(silence):
			fmt.Fprintln(to, "nothing has passed yet: penstock status tells what there is to do; it is waited on")
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
