package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/ledger"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record/tally"
	"github.com/spf13/cobra"
)

// exitUnaudited is audit's exit code when it cannot tell.
const exitUnaudited = 2

type auditing struct {
	admin         string
	since         time.Duration
	explain, json bool
	fleet         bool
	notes         []string // what could not be compared
	vars          *[]string
}

func auditCommand() *cobra.Command {
	var a auditing
	cmd := &cobra.Command{
		Use:   "audit [DATA_DIR | CONFIG...]",
		Short: "Account for all records by minute and origin, and name what is missing",
		Long: `Accounts for all records by the minute in which they were read and their origin: how many were
read, are in the buffer, were filtered, delivered, moved to the overflow and replayed, or are in the
dead letter. Every difference is named. What waits is no difference.

Without DATA_DIR or CONFIG it asks the running agent. With the data directory of an agent that is
stopped, or its configuration, it reads the buffers there, and finds what is missing from one at
once. Minutes are told in UTC; those that are more than a day old make hours.

With --fleet and the configuration of one agent it reads what all agents have published into the
store or the topic of its audit block, and compares each agent with the next: what an edge was told
to have arrived with what the forwarder has read, what was produced to a topic with what its
consumers have read from there.`,
	}
	f := cmd.Flags()
	addr := adminFlag(cmd)
	f.DurationVar(&a.since, "since", 24*time.Hour, "account for what was read since so long ago")
	f.BoolVar(&a.explain, "explain", false, "say what lies between the two stages that differ")
	f.BoolVar(&a.fleet, "fleet", false, "compare all agents, by the counts that they publish")
	f.BoolVar(&a.json, "json", false, "write JSON")
	a.vars = varFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.admin = *addr
		r, err := a.report(cmd.Context(), args)
		if err != nil {
			return &exitError{exitUnaudited, err}
		}
		if a.json {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			err = enc.Encode(ledger.Report{Report: r, Notes: a.notes})
		} else {
			err = a.write(cmd.OutOrStdout(), r)
		}
		if err == nil && len(r.Differences) > 0 {
			return &exitError{code: exitFailure}
		}
		return err
	}
	return cmd
}

func (a *auditing) report(ctx context.Context, args []string) (r tally.Report, err error) {
	if a.since <= 0 {
		return r, errors.New("--since: must be more than 0")
	}
	if a.fleet {
		return a.published(ctx, args)
	}
	if len(args) == 0 {
		return askAudit(ctx, a.admin, a.since)
	}
	buffers, err := a.buffers(args)
	if err != nil {
		return r, err
	}
	since := time.Now().Add(-a.since)
	for _, dir := range buffers {
		in, err := buffer.Inspect(dir)
		if errors.Is(err, buffer.ErrLocked) {
			err = fmt.Errorf("%w; the agent is running: ask it with penstock audit --admin", err)
		}
		if err != nil {
			return r, err
		}
		books := in.Books(func(string, error) {}) // what is damaged is missing, and named
		books.Pipeline = filepath.Base(dir)
		r.Merge(agent.Audit(books, since))
		if err := in.Close(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// buffers returns the directories of the buffers in a data directory, or in that of a
// configuration.
func (a *auditing) buffers(args []string) ([]string, error) {
	dir := args[0]
	hcl, _ := filepath.Glob(filepath.Join(dir, "*.hcl"))
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if len(args) > 1 || !info.IsDir() || len(hcl) > 0 {
		own, err := loadAgent(args, *a.vars)
		if err != nil {
			return nil, err
		}
		dir = own.DataDir
	}
	if _, err := os.Stat(filepath.Join(dir, "LOCK")); err == nil {
		if _, err := os.Stat(filepath.Join(dir, "buffer")); err != nil {
			return []string{filepath.Clean(dir)}, nil
		}
	}
	locks, err := filepath.Glob(filepath.Join(dir, "buffer", "*", "LOCK"))
	if err == nil && len(locks) == 0 {
		err = fmt.Errorf(
			"there are no buffers in %s: give the data directory of an agent, or its configuration",
			filepath.Join(dir, "buffer"),
		)
	}
	for i := range locks {
		locks[i] = filepath.Dir(locks[i])
	}
	return locks, err
}

// askAudit asks a running agent.
func askAudit(ctx context.Context, addr string, since time.Duration) (r tally.Report, err error) {
	query := url.Values{"since": {since.String()}}
	if err = adminAddress(addr).get(ctx, 30*time.Second, "/api/audit", query, &r); err != nil {
		err = fmt.Errorf("%w; or give its data directory", err)
	}
	return r, err
}

// nothingCounted is said instead of that all is accounted for.
const nothingCounted = `No record was read into a buffer in this time, so there is nothing to account for.
What a consumer archives is proven by penstock archive verify, and compared by penstock audit --fleet.`

// write writes a table of all lines, and then the differences.
func (a *auditing) write(out io.Writer, r tally.Report) error {
	sort.SliceStable(r.Lines, func(i, j int) bool {
		x, y := &r.Lines[i], &r.Lines[j]
		return cmp.Or(
			x.From.Compare(y.From), cmp.Compare(x.Pipeline, y.Pipeline),
			cmp.Compare(x.Origin, y.Origin), cmp.Compare(x.Output, y.Output),
		) < 0
	})
	again := slices.ContainsFunc(r.Lines, func(l tally.Line) bool {
		return l.Counts[tally.Again.String()].Records > 0
	})
	if len(r.Lines)+len(r.Differences)+len(a.notes) == 0 {
		_, err := fmt.Fprintln(out, nothingCounted)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := "MINUTE (UTC)\tPIPELINE\tORIGIN\tOUTPUT\tREAD\tBUFFERED\tFILTERED\tDELIVERED\t" +
		"OVERFLOWED\tREPLAYED\tDEAD\tWAITING"
	if again {
		head += "\tAGAIN"
	}
	fmt.Fprintln(w, head)
	for _, l := range r.Lines {
		n := func(stages ...tally.Stage) (sum int64) {
			for _, s := range stages {
				sum += l.Counts[s.String()].Records
			}
			return sum
		}
		origin := cmp.Or(l.Origin, "(others)")
		fmt.Fprintf(
			w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d", tally.When(l.From, l.Span),
			l.Pipeline, origin, l.Output, n(tally.Read), n(tally.Buffered),
			n(tally.Filtered, tally.Unmatched)-n(tally.Added),
			n(tally.Delivered, tally.Confirmed), n(tally.Overflowed), n(tally.Replayed),
			n(tally.Dead), l.Waiting,
		)
		if again {
			fmt.Fprintf(w, "\t%d", n(tally.Again))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, note := range a.notes {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, "not compared: "+note)
	}
	switch len(r.Differences) {
	case 0:
		_, err := fmt.Fprintln(out, "\nEvery record is accounted for.")
		return err
	case 1:
		fmt.Fprintln(out, "\n1 difference:")
	default:
		fmt.Fprintf(out, "\n%d differences:\n", len(r.Differences))
	}
	for _, d := range r.Differences {
		fmt.Fprintln(out, "  "+d.String())
		if a.explain {
			fmt.Fprintln(out, "    "+d.Explain)
		}
	}
	return nil
}
