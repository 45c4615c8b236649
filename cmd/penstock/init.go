package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/reference"
	"github.com/penstock/penstock/agent/starter"
	"github.com/penstock/penstock/buffer/record/preflight"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func initCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first configuration, from a few questions or flags",
		Long: `Write a first configuration, with comments, into FILE (penstock.hcl) or, for -, to standard output. On a
terminal what the flags leave open is asked for; otherwise the flags have to say it.

    # It asks:
    penstock init
    # To try, without Kafka:
    penstock init --from tail --path '/var/log/*.log' \
      --to local --directory lake
    # An edge:
    penstock init --from tail --path '/var/log/app/*.log' \
      --to kafka --brokers kafka-1:9092,kafka-2:9092 --topic app-logs \
      --failover s3 --bucket acme-overflow
    # A forwarder:
    penstock init --from forward --to kafka --brokers kafka-1:9092 --topic logs
    # A consumer:
    penstock init --from kafka --brokers kafka-1:9092 --topic logs \
      --to s3 --bucket acme-lake
    # A mirror:
    penstock init --from kafka --brokers kafka-1:9092 --topic logs \
      --to kafka --to-brokers other-1:9092`,
		Args: usage(cobra.MaximumNArgs(1)),
	}
	questions := starter.Questions(defaultDataDir())
	lists, texts := map[string]*[]string{}, map[string]*string{}
	f := cmd.Flags()
	for _, q := range questions {
		help := q.Usage
		if q.Choices != nil {
			help += ": " + strings.Join(q.Choices, ", ")
		}
		if q.List {
			lists[q.Flag] = f.StringArray(q.Flag, nil, help)
		} else {
			texts[q.Flag] = f.String(q.Flag, "", help)
		}
		if q.Choices != nil {
			choices(cmd, q.Flag, q.Choices...)
		}
	}
	f.BoolVar(&force, "force", false, "write over a file that is there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		answers := starter.Answers{}
		for name, list := range lists {
			answers[name] = strings.Join(*list, ",")
		}
		for name, text := range texts {
			answers[name] = *text
		}
		file := append(args, "penstock.hcl")[0]
		if _, err := os.Lstat(file); err == nil && file != "-" && !force {
			return configError("%s is there already: name another file, or give --force", file)
		}
		if err := starter.CheckChoices(questions, answers); err != nil {
			return &exitError{exitConfig, err}
		}
		var text []byte
		var err error
		if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
			text, err = askUntilValid(in, cmd.ErrOrStderr(), file, questions, answers)
		} else {
			text, err = first(cmd.ErrOrStderr(), file, questions, answers)
		}
		if err != nil {
			return err
		}
		return place(cmd, file, text)
	}
	return cmd
}

// askUntilValid asks until the answers make a valid configuration, or are the same once more.
func askUntilValid(
	in io.Reader, out io.Writer, file string, questions []starter.Question, a starter.Answers,
) ([]byte, error) {
	lines := bufio.NewScanner(in)
	var before string
	for {
		if err := ask(lines, out, questions, a); err != nil {
			return nil, err
		}
		answered := fmt.Sprint(a)
		given := maps.Clone(a)
		text, err := first(out, file, questions, given)
		if err == nil || answered == before {
			return text, err
		}
		before = answered
		fmt.Fprintf(out, "penstock: %v\nOnce more: Enter keeps what stands in brackets.\n", err)
		questions = starter.AskAgain(questions, a)
	}
}

// defaultDataDir returns the usual directory if this user may use it, or else one beside the
// configuration.
func defaultDataDir() string {
	usual := config.DefaultAgent().DataDir
	var r preflight.Report
	preflight.Directory(usual, &r)
	here, err := os.Getwd()
	if err != nil || r.Findings()[0].Level == preflight.OK {
		return usual
	}
	return filepath.Join(here, "penstock-data")
}

// ask asks for what the answers leave open.
func ask(
	lines *bufio.Scanner, out io.Writer, questions []starter.Question, a starter.Answers,
) error {
	for {
		q, open := starter.Next(questions, a)
		if !open {
			return nil
		}
		fmt.Fprintln(out, q.Ask)
		var choices []reference.Entry
		for i, c := range q.Choices {
			choices = append(choices, reference.Entry{
				Term: fmt.Sprintf("%d  %s", i+1, c), Text: explain(q.Flag, c),
			})
		}
		list := reference.Page{Blocks: []reference.Block{{Names: choices}}}
		list.WriteText(out, columnsOf(out))
		prompt := "> "
		if q.Preset != "" {
			prompt = "[" + q.Preset + "] > "
		}
		fmt.Fprint(out, prompt)
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return err
			}
			return configError("no more answers: nothing was written")
		}
		answer := strings.TrimSpace(lines.Text())
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(q.Choices) {
			answer = q.Choices[n-1]
		}
		if answer == "" {
			answer = q.Preset
		}
		if q.Choices != nil && answer != "" && !slices.Contains(q.Choices, answer) {
			fmt.Fprintf(out, "Write one of the words, or its number.\n")
			answer = ""
		}
		a[q.Flag] = answer
	}
}

// meanwhile says of each place what becomes of records there while their destination is down.
var meanwhile = map[string]string{
	"none":  "They wait in the buffer, on disk.",
	"s3":    "Into a bucket of S3, and from there back, in order.",
	"gcs":   "Into a bucket of Google Cloud Storage, and from there back, in order.",
	"local": "Into a directory, and from there back, in order.",
}

// explain returns what there is to say of a choice.
func explain(flag, choice string) string {
	if flag == "failover" {
		return meanwhile[choice]
	}
	kind := config.Output
	if flag == "from" {
		kind = config.Input
	}
	for _, c := range agent.Components() {
		if c.Kind == kind && c.Type == choice {
			short, _, more := strings.Cut(c.Doc, ";")
			if more {
				short += "."
			}
			return short
		}
	}
	return ""
}

// first makes the text of the configuration, and checks it.
func first(
	errs io.Writer, file string, questions []starter.Question, a starter.Answers,
) ([]byte, error) {
	if missing := starter.Missing(questions, a); missing != nil {
		return nil, configError(
			"not said: %s\nGive the flags, or run it on a terminal. See penstock init --help",
			strings.Join(missing, ", "),
		)
	}
	if err := starter.Complete(questions, a); err != nil {
		return nil, &exitError{exitConfig, err}
	}
	for _, flag := range []string{"path", "directory", "data-dir"} {
		parts := a.List(flag)
		for i, p := range parts {
			abs, err := filepath.Abs(p)
			if err != nil {
				return nil, err
			}
			parts[i] = abs
		}
		a[flag] = strings.Join(parts, ",")
	}
	text := starter.Write(a)
	return text, check(errs, file, text)
}

// check validates the text of a file to be.
func check(errs io.Writer, file string, text []byte) error {
	dir, err := os.MkdirTemp("", "penstock-init-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of no use any more
	draft := filepath.Join(dir, "penstock.hcl")
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return err
	}
	_, report := config.Load([]string{draft}, agent.Components().Config(), config.Options{})
	if report.Errors() > 0 {
		var told strings.Builder
		report.Write(&told, isTerminal(errs))
		name := file
		if name == "-" {
			name = filepath.Base(draft)
		}
		fmt.Fprint(errs, strings.ReplaceAll(told.String(), draft, name))
		return &exitError{exitConfig, errors.New("what was answered makes no valid configuration")}
	}
	return nil
}

func place(cmd *cobra.Command, file string, text []byte) error {
	if file == "-" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		if err := replaceFile(file, text); err != nil {
			return err
		}
	} else if err := writeNew(file, text, 0o644); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s is written. Next:\n\n", file)
	fmt.Fprintf(out, "    penstock validate --online %s\n", file)
	fmt.Fprintf(out, "    penstock run %s\n", file)
	return nil
}
