package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("release "+what, flag.ContinueOnError)
	switch what {
	case "":
		once := flags.Bool("once", false, "build each binary once only")
		only := flags.String("only", "", "platforms, as linux/amd64,linux/arm64; all without it")
		out := flags.String("out", "bin/release", "the directory to write to, emptied first")
		if err := flags.Parse(args); err != nil {
			return err
		}
		return release(*out, *only, *once)
	case "notice":
		check := flags.Bool("check", false, "fail if NOTICE is not what it should be")
		if err := flags.Parse(args); err != nil {
			return err
		}
		return notice("NOTICE", *check)
	case "image":
		binary := flags.String("binary", "bin/penstock", "the program")
		arch := flags.String("arch", "amd64", "its architecture")
		version := flags.String("version", "dev", "its version")
		certificates := flags.String("certificates", "/etc/ssl/certs/ca-certificates.crt",
			"authorities that the image trusts")
		out := flags.String("out", "bin/image.tar", "the image, as docker load and podman load take it")
		if err := flags.Parse(args); err != nil {
			return err
		}
		made, err := commitTime()
		if err != nil {
			return err
		}
		return writeImage(*out, image{
			version: *version, made: made, certificates: *certificates,
			programs: []program{{arch: *arch, path: *binary}},
		})
	}
	return fmt.Errorf("%q is none of nothing, notice and image", what)
}

// commitTime is what all that is made is dated with.
func commitTime() (time.Time, error) {
	text, err := output("git", "log", "-1", "--format=%cI")
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err
}

// output runs a command and returns what it prints.
func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// command runs a command with more in its environment.
func command(dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}
