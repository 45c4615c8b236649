package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	humanize "github.com/dustin/go-humanize"
	"github.com/penstock/penstock/buffer"
	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/outputs/overflow"
	"github.com/spf13/cobra"
)

// bufferCommand looks at the disk buffer of a stopped agent.
func bufferCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "buffer",
		Short: "Look at the disk buffer of a stopped agent",
		Long: `Look at the disk buffer of a stopped agent.

DIR is the buffer of one pipeline, such as /var/lib/penstock/buffer/app-logs. Nothing is changed but by forget. While the agent
is running its buffer is locked: look at its status page and metrics instead.`,
		Args: usage(cobra.NoArgs),
	}
	var dir string
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "the buffer's directory, instead of DIR")
	pick := func(args []string) (string, []string, error) {
		if dir != "" {
			return dir, args, nil
		}
		if len(args) == 0 {
			return "", nil, configError(
				"which buffer? give its directory, such as /var/lib/penstock/buffer/PIPELINE",
			)
		}
		return args[0], args[1:], nil
	}
	cmd.AddCommand(
		bufferLs(pick), bufferPeek(pick), bufferVerify(pick), bufferExport(pick),
		bufferForget(pick),
	)
	return cmd
}

type pickDir func(args []string) (dir string, rest []string, err error)

// withBuffer runs fn on the buffer that args name.
func withBuffer(
	pick pickDir, args []string, fn func(in *buffer.Inspection, dir string) error,
) error {
	dir, rest, err := pick(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return configError("unexpected argument %q", rest[0])
	}
	in, err := buffer.Inspect(dir)
	if err != nil {
		return err
	}
	return errors.Join(fn(in, dir), in.Close())
}

func bufferLs(pick pickDir) *cobra.Command {
	return &cobra.Command{
		Use:   "ls [DIR]",
		Short: "List the segments, the cursors of outputs and the positions of inputs",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBuffer(pick, args, func(in *buffer.Inspection, dir string) error {
				return listBuffer(cmd.OutOrStdout(), in)
			})
		},
	}
}

func listBuffer(out io.Writer, in *buffer.Inspection) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var bytes, records int64
	fmt.Fprintln(w, "SEGMENT\tFIRST\tEND\tRECORDS\tDISK\tSTATE")
	for _, s := range in.Segments() {
		condition := "sealed"
		switch {
		case s.Damage != nil:
			condition = "damaged: " + s.Damage.Error()
		case !s.Sealed:
			condition = "left by a crash"
		}
		fmt.Fprintf(
			w, "%s\t%d\t%d\t%d\t%s\t%s\n", filepath.Base(s.Dir), s.First, s.End, s.Records,
			humanize.IBytes(uint64(s.Bytes)), condition,
		)
		bytes += s.Bytes
		records += s.Records
	}
	fmt.Fprintf(w, "total\t\t\t%d\t%s\t\n", records, humanize.IBytes(uint64(bytes)))
	if cursors := in.Cursors(); len(cursors) > 0 {
		fmt.Fprintln(w, "\nCURSOR\tPOSITION\tNOT DELIVERED\tNOTE")
		for _, c := range cursors {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", c.Name, c.Pos, c.Lag, c.Note)
		}
	}
	if inputs := in.Inputs(); len(inputs) > 0 {
		fmt.Fprintln(w, "\nINPUT\tPOSITIONS")
		for name, n := range inputs {
			fmt.Fprintf(w, "%s\t%d\n", name, n)
		}
	}
	for i, path := range in.MovedAside() {
		if i == 0 {
			fmt.Fprintln(w, "\nDAMAGED, MOVED ASIDE")
		}
		fmt.Fprintln(w, path)
	}
	return w.Flush()
}

// errEnough ends a read.
var errEnough = errors.New("enough")

func warnDamage(cmd *cobra.Command) func(string, error) {
	return func(segment string, err error) {
		fmt.Fprintf(cmd.ErrOrStderr(), "damaged: %s: %v\n", filepath.Base(segment), err)
	}
}

// eachRecord calls fn with the records from position from up to position to, if that is not
// negative.
func eachRecord(
	cmd *cobra.Command, in *buffer.Inspection, from, to int64,
	fn func(*record.Batch, *record.Record) error,
) error {
	err := in.Read(from, func(b *record.Batch) error {
		records, err := b.Records()
		if err != nil {
			warnDamage(cmd)(fmt.Sprint("position ", b.First), err)
			return nil
		}
		for r := range records {
			switch {
			case r.Offset < from:
				continue
			case to >= 0 && r.Offset >= to:
				return errEnough
			}
			if err := fn(b, r); err != nil {
				return err
			}
		}
		return nil
	}, warnDamage(cmd))
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func bufferPeek(pick pickDir) *cobra.Command {
	var from, count int64
	cmd := &cobra.Command{
		Use:   "peek [DIR]",
		Short: "Show some records",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBuffer(pick, args, func(in *buffer.Inspection, dir string) error {
				start := from
				if start < 0 {
					start, _ = in.Range()
				}
				n := int64(0)
				out := bufio.NewWriter(cmd.OutOrStdout())
				err := eachRecord(
					cmd,
					in,
					start,
					-1,
					func(b *record.Batch, r *record.Record) error {
						if n++; n > count {
							return errEnough
						}
						key := ""
						if r.Key != nil {
							key = fmt.Sprintf(" key=%q", r.Key)
						}
						headers := ""
						for _, h := range r.Headers {
							headers += fmt.Sprintf(" %s=%q", h.Key, h.Value)
						}
						_, err := fmt.Fprintf(
							out, "%d  %s  %s%s%s  %s\n", r.Offset,
							r.When().Format(time.RFC3339Nano), b.Tag, key, headers,
							printable(r.Value),
						)
						return err
					},
				)
				return errors.Join(err, out.Flush())
			})
		},
	}
	cmd.Flags().Int64Var(&from, "from", -1, "first position to show; default: the oldest record")
	cmd.Flags().Int64VarP(&count, "count", "n", 10, "number of records")
	return cmd
}

// printable keeps a value on one line and from doing anything to the terminal.
func printable(v []byte) string {
	if !utf8.Valid(v) {
		return fmt.Sprintf("%q", v)
	}
	for _, c := range string(v) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Sprintf("%q", v)
		}
	}
	return string(v)
}

func bufferVerify(pick pickDir) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Check every checksum; exits with 1 if anything is damaged",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBuffer(pick, args, func(in *buffer.Inspection, dir string) error {
				problems := 0
				good, missing := in.Verify(func(segment string, err error) {
					problems++
					warnDamage(cmd)(segment, err)
				})
				fmt.Fprintf(
					cmd.OutOrStdout(), "%d segments, %d records are good\n", len(in.Segments()),
					good,
				)
				if problems > 0 {
					return fmt.Errorf(
						"%s is damaged: %d problems, %d records cannot be read; the agent delivers the others and moves damaged segments aside",
						dir, problems, missing,
					)
				}
				return nil
			})
		},
	}
}

// exported is one record as export writes it. Binary values are in base64 under another name, so
// that nothing is ambiguous.
type exported struct {
	Position    int64            `json:"position"`
	Time        time.Time        `json:"time"`
	Tag         string           `json:"tag"`
	Origin      string           `json:"origin,omitempty"`
	Key         *string          `json:"key,omitempty"`
	KeyBase64   *string          `json:"key_base64,omitempty"`
	Value       *string          `json:"value,omitempty"`
	ValueBase64 *string          `json:"value_base64,omitempty"`
	Headers     []exportedHeader `json:"headers,omitempty"`
}

type exportedHeader struct {
	Name        string  `json:"name"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 *string `json:"value_base64,omitempty"`
}

func textOrBase64(v []byte) (text, b64 *string) {
	if v == nil {
		return nil, nil
	}
	if utf8.Valid(v) {
		s := string(v)
		return &s, nil
	}
	s := base64.StdEncoding.EncodeToString(v)
	return nil, &s
}

func bufferExport(pick pickDir) *cobra.Command {
	var from, to int64
	var file string
	cmd := &cobra.Command{
		Use:   "export [DIR]",
		Short: "Write the records as JSON, one to a line",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBuffer(pick, args, func(in *buffer.Inspection, dir string) (err error) {
				out := cmd.OutOrStdout()
				if file != "" {
					f, err := os.Create(file)
					if err != nil {
						return err
					}
					defer func() { err = errors.Join(err, f.Close()) }()
					out = f
				}
				w := bufio.NewWriterSize(out, 1<<20)
				enc := json.NewEncoder(w)
				enc.SetEscapeHTML(false)
				n := 0
				err = eachRecord(
					cmd,
					in,
					max(from, 0),
					to,
					func(b *record.Batch, r *record.Record) error {
						n++
						e := exported{
							Position: r.Offset,
							Time:     r.When(),
							Tag:      b.Tag,
							Origin:   b.Origin,
						}
						e.Key, e.KeyBase64 = textOrBase64(r.Key)
						e.Value, e.ValueBase64 = textOrBase64(r.Value)
						for _, h := range r.Headers {
							x := exportedHeader{Name: h.Key}
							x.Value, x.ValueBase64 = textOrBase64(h.Value)
							e.Headers = append(e.Headers, x)
						}
						return enc.Encode(&e)
					},
				)
				if err = errors.Join(err, w.Flush()); err == nil && file != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "%d records written to %s\n", n, file)
				}
				return err
			})
		},
	}
	cmd.Flags().Int64Var(&from, "from", 0, "first position")
	cmd.Flags().Int64Var(&to, "to", -1, "position after the last; default: the end")
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write instead of standard output")
	return cmd
}

func bufferForget(pick pickDir) *cobra.Command {
	var left bool
	cmd := &cobra.Command{
		Use:   "forget [DIR] CURSOR",
		Short: "Drop the cursor of an output that is gone, and with it what it alone holds",
		Long: `Drops the cursor of an output that is gone, and with it what it alone holds. With
--overflow it keeps all that, and forgets alone that objects wait in an overflow of before, which
the output's failover does not name any more: once they are replayed, or given up.`,
		Args: usage(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, rest, err := pick(args)
			if err != nil {
				return err
			}
			if len(rest) != 1 {
				return configError("which cursor? `penstock buffer ls` lists them")
			}
			// so that a mistyped directory is not made into a buffer
			before, err := buffer.Inspect(dir)
			if err != nil {
				return err
			}
			waits, known := "", false
			for _, c := range before.Cursors() {
				if c.Name == rest[0] {
					waits, known = overflow.LeftBehind(c.Note), true
				}
			}
			if err := before.Close(); err != nil {
				return err
			}
			b, err := buffer.Open(dir, buffer.DefaultOptions())
			if err != nil {
				return err
			}
			if left && known {
				err = changeNote(cmd.Context(), b, rest[0], overflow.Forget)
				if err = errors.Join(err, b.Close()); err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), "forgotten:", cmp.Or(waits, "nothing"))
				}
				return err
			}
			held := b.Stats().Bytes
			err = b.Forget(rest[0])
			freed := held - b.Stats().Bytes
			if err = errors.Join(err, b.Close()); err != nil {
				return err
			}
			fmt.Fprintf(
				cmd.OutOrStdout(), "cursor %s is gone; %s given back\n", rest[0],
				humanize.IBytes(uint64(max(freed, 0))),
			)
			if waits != "" {
				fmt.Fprintf(
					cmd.OutOrStdout(), "records of it wait in %s: bring them back with penstock replay\n",
					waits,
				)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&left, "overflow", false, "forget an overflow of before, and nothing else")
	return cmd
}

// changeNote changes what a cursor's output has noted at its position.
func changeNote(
	ctx context.Context, b *buffer.Buffer, cursor string, change func(string) (string, error),
) error {
	c, err := b.Cursor(cursor)
	if err != nil {
		return err
	}
	defer c.Close()
	pos, note := c.Committed()
	if note, err = change(note); err != nil {
		return err
	}
	return c.Commit(ctx, pos, note)
}
