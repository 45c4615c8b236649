package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/penstock/penstock/buffer/record/template"
	"github.com/penstock/penstock/inputs/join"
	"github.com/penstock/penstock/inputs/kubernetes"
	"github.com/penstock/penstock/inputs/ratelimit"
	"golang.org/x/sys/unix"
)

// Config configures the input "tail".
type Config struct {
	Paths          []string           `hcl:"paths" doc:"Globs of the files to read; ** stands for any number of directories. Named pipes among them are read, too; what was taken from one and is not on disk yet when the agent is killed is lost."`
	IgnoreOlder    time.Duration      `hcl:"ignore_older,optional" doc:"Files that have not been written to for so long when they are first seen are left alone, until somebody writes to them; then they are read from their beginning. 0s reads all."`
	Exclude        []string           `hcl:"exclude,optional" doc:"Globs of files to leave out."`
	StartAt        string             `hcl:"start_at,optional" oneof:"beginning|end" doc:"Where to begin in files that exist at the very first start; files that appear later are always read whole."`
	Tag            template.Template  `hcl:"tag,optional" doc:"Tag of the records; a template (penstock help templates) that knows path, path_dots, dir, base, stem and ext, and group.NAME and group[N] of path_pattern, named ones also without group. The default is the input's name."`
	PathPattern    string             `hcl:"path_pattern,optional" doc:"Regular expression on the path; its named groups can be used in tag, and become headers."`
	PathHeaders    bool               `hcl:"path_headers,optional" doc:"Whether the named groups of path_pattern become headers of that name, with the dots that a part of a tag cannot have."`
	PathHeader     string             `hcl:"path_header,optional" doc:"Name of a record header that holds the path of the file; none if empty."`
	OffsetHeader   string             `hcl:"offset_header,optional" doc:"Name of a record header that holds the line's byte offset in the file (of the decompressed bytes for compressed files); none if empty."`
	Encoding       string             `hcl:"encoding,optional" doc:"Character set of the files, by IANA's name: utf-8, utf-16, utf-16le, utf-16be, iso-8859-1 (also latin-1), windows-1252, gb18030, big5, shift_jis, euc-jp, euc-kr, koi8-r and so on, without those whose line ends are not ASCII's. Records are UTF-8; what cannot be decoded becomes U+FFFD. utf-8 passes bytes as they are; utf-16 goes by the byte order mark, without one as before a truncation, or little endian; of a named pipe, by the first bytes read since the start."`
	LineEnd        string             `hcl:"line_end,optional" oneof:"lf|cr|nul" doc:"What ends a line: lf is a newline, with or without a carriage return before it; cr is a carriage return alone; nul is a NUL, and newlines are text."`
	Delimiter      string             `hcl:"delimiter,optional" doc:"What ends a line instead of line_end: any text, of one character or several, such as \"\\n--\\n\" or \"\\r\\n\", exactly as it stands in the files; newlines that are not in it are text. Where it may overlap itself, lines are cut from the left. In a character set with characters of several bytes other than UTF-8 and UTF-16 it begins with a newline, a tab or another character below \"0\"."`
	MaxLineSize    int64              `hcl:"max_line_size,optional" unit:"bytes" doc:"Longest line, or multiline event, that is kept whole."`
	LongLines      string             `hcl:"long_lines,optional" oneof:"split|truncate|skip" doc:"What becomes of longer lines: several records, the first max_line_size bytes, or nothing. Each is counted."`
	EmptyLines     string             `hcl:"empty_lines,optional" oneof:"keep|skip" doc:"Whether empty lines become records."`
	PartialLine    time.Duration      `hcl:"partial_line_timeout,optional" doc:"How long a file must be quiet before a last line without line end is taken as complete; 0s waits until the file is rotated or deleted, and for a named pipe until it is removed or the input stops."`
	Container      bool               `hcl:"container,optional" doc:"Whether the files are logs of containers, written by a CRI runtime (containerd, CRI-O) or by Docker's json-file driver, which is told by each line. Records are the lines that the container has written, put together where the runtime has cut them, of stdout and stderr each by itself, with their time and the header stream; multiline joins these. Where the path is one of Kubernetes, they have headers namespace, pod, container, uid and container_id."`
	Kubernetes     *kubernetes.Config `hcl:"kubernetes,block" doc:"What the API server of Kubernetes knows of the pods of this node, with container = true: headers node, owner_kind and owner (of a Deployment's pod the Deployment), labels.NAME and annotations.NAME, as they are when a line is read; pods that an annotation leaves out; rate limits of pods and namespaces. One watch for each input; each batch costs a lookup."`
	Multiline      *Multiline         `hcl:"multiline,block" doc:"Makes one record of several lines."`
	Compressed     string             `hcl:"compressed,optional" oneof:"read|ignore" doc:"Whether matching files compressed as gzip, zstd, xz, bzip2 or lz4 are read, decompressed; what was read before they were compressed is not read again."`
	RateLimit      *ratelimit.Config  `hcl:"rate_limit,block" doc:"How fast each file is read at most. What is over it stays in the file and is read later, through rotations too, as long as the file is there or open; the generations of a log count together. Named pipes have no limit."`
	RotateWait     time.Duration      `hcl:"rotate_wait,optional" doc:"How long a rotated or deleted file must be quiet before it is given up."`
	CloseInactive  time.Duration      `hcl:"close_inactive,optional" doc:"How long a file must be quiet before it is closed; it is opened again when it grows."`
	LagFiles       int                `hcl:"lag_files,optional" doc:"Number of files whose lag has a metric of its own, those that lag most first; 0 for none. The sum over all files always has one."`
	MaxOpenFiles   int                `hcl:"max_open_files,optional" doc:"Number of idle files kept open; beyond it the longest idle ones are closed early. All inputs together keep to half of the process's limit of open files, and to less when outputs and connections need more than the other half."`
	Watch          string             `hcl:"watch,optional" oneof:"auto|poll" doc:"auto uses inotify, and polling where it is not to be had; poll never uses it, as needed on network filesystems."`
	PollInterval   time.Duration      `hcl:"poll_interval,optional" doc:"How often files are looked at where inotify is not used."`
	RescanInterval time.Duration      `hcl:"rescan_interval,optional" doc:"How often the globs are evaluated anew and all files looked at, inotify or not."`
	AfterRead      string             `hcl:"after_read,optional" oneof:"keep|delete|move" doc:"What becomes of a file that has been read to its end: it is kept; or it is deleted or moved once every output of the pipeline has acknowledged its last record, nobody has written to it for after_read_wait and no program has it open for writing, which only Linux tells, and only the file's owner or who has CAP_LEASE. Files that are empty, that end within a line (see partial_line_timeout) or that a symbolic link leads to are kept. No other input may read the same files."`
	AfterReadWait  time.Duration      `hcl:"after_read_wait,optional" doc:"How long nobody may have written to a file before it is deleted or moved."`
	MoveTo         string             `hcl:"move_to,optional" doc:"Directory that files are moved to with after_read = \"move\", on their file system; it is made if it is missing. Where there is a file of that name, a number is added. No path in it may match paths."`
	ForgetAfter    time.Duration      `hcl:"forget_after,optional" doc:"How long the position of a file that is gone is remembered, to recognise it should it return compressed."`
}

// Multiline configures the events of several lines.
type Multiline struct {
	join.Patterns
	Timeout  time.Duration `hcl:"timeout,optional" doc:"How long the file must be quiet before its last event is taken as complete."`
	MaxLines int           `hcl:"max_lines,optional" doc:"Lines of an event; the next line begins another one."`
}

// SetDefaults presets a multiline block.
func (m *Multiline) SetDefaults() { *m = Multiline{Timeout: time.Second, MaxLines: 1000} }

// Default returns the configuration with everything but the paths preset.
func Default() Config {
	return Config{
		StartAt:        "beginning",
		Encoding:       "utf-8",
		LineEnd:        "lf",
		MaxLineSize:    1 << 20,
		LongLines:      "split",
		EmptyLines:     "keep",
		Compressed:     "read",
		PathHeaders:    true,
		RotateWait:     5 * time.Second,
		CloseInactive:  5 * time.Minute,
		MaxOpenFiles:   1024,
		LagFiles:       1000,
		Watch:          "auto",
		PollInterval:   time.Second,
		RescanInterval: 10 * time.Second,
		AfterRead:      afterReadKeep,
		AfterReadWait:  time.Minute,
		ForgetAfter:    48 * time.Hour,
	}
}

// Warnings tells which paths cannot be read now, and which match nothing.
func (c *Config) Warnings() error {
	var errs []error
	for i, p := range c.Paths {
		dir := filepath.Clean(p)
		for strings.ContainsAny(dir, `*?[{\\`) {
			dir = filepath.Dir(dir)
		}
		if err := unix.Access(dir, unix.R_OK); err != nil && !errors.Is(err, fs.ErrNotExist) &&
			!isNotDir(err) {
			errs = append(
				errs,
				fmt.Errorf(
					"paths: %s cannot be read now: %w: give the agent's user read permission, and search permission on the directories above",
					dir, err,
				),
			)
			continue
		}
		if !filepath.IsAbs(p) || !doublestar.ValidatePathPattern(p) {
			continue // a mistake, which Validate tells
		}
		if f := newGlobs(
			&Config{Paths: []string{p}, Exclude: c.Exclude},
		).walk(); len(
			f.paths,
		)+len(
			f.errs,
		) == 0 {
			errs = append(
				errs,
				fmt.Errorf(
					"paths[%d]: no file matches %s now; files that come later are read from their beginning",
					i, p,
				),
			)
		}
	}
	return errors.Join(errs...)
}

// Validate reports everything that is wrong, each error beginning with the attribute's path.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Paths) == 0 {
		bad("paths: must name at least one file or glob")
	}
	for _, p := range c.Paths {
		checkGlob("paths", p, bad)
	}
	for _, p := range c.Exclude {
		checkGlob("exclude", p, bad)
	}
	oneOf := func(name, v string, allowed ...string) {
		for _, a := range allowed {
			if v == a {
				return
			}
		}
		bad("%s: must be one of %q, not %q", name, allowed, v)
	}
	oneOf("start_at", c.StartAt, "beginning", "end")
	if !KnownEncoding(c.Encoding) {
		_, err := encodingOf(c.Encoding)
		bad("encoding: %v: write \"utf-8\", \"windows-1252\" or another of IANA's names", err)
	}
	oneOf("line_end", c.LineEnd, "lf", "cr", "nul")
	c.checkDelimiter(bad)
	oneOf("long_lines", c.LongLines, "split", "truncate", "skip")
	oneOf("empty_lines", c.EmptyLines, "keep", "skip")
	oneOf("compressed", c.Compressed, "read", "ignore")
	oneOf("watch", c.Watch, "auto", "poll")
	if c.Container && !strings.EqualFold(c.Encoding, "utf-8") {
		bad("encoding: logs of containers are utf-8, always; leave it out")
	}
	if c.Container && c.LineEnd != "lf" {
		bad("line_end: container runtimes end lines with newlines; leave it out")
	}
	if c.Kubernetes != nil {
		nested("kubernetes", c.Kubernetes.Validate(), bad)
		if !c.Container {
			bad("kubernetes: needs container = true: it is about the logs of containers")
		}
	}
	if c.MaxLineSize < 16 || c.MaxLineSize > 64<<20 {
		bad("max_line_size: must be between 16 bytes and 64MiB")
	}
	c.checkTimes(bad)
	c.checkAfterRead(bad)
	if c.LagFiles < 0 {
		bad("lag_files: must not be negative")
	}
	if c.MaxOpenFiles < 1 {
		bad("max_open_files: must be at least 1")
	}
	if c.RateLimit != nil {
		nested("rate_limit", c.RateLimit.Validate(), bad)
	}
	if m := c.Multiline; m != nil {
		nested("multiline", m.Patterns.Validate(), bad)
		if m.Timeout < time.Millisecond {
			bad("multiline.timeout: must be at least 1ms")
		}
		if m.MaxLines < 1 {
			bad("multiline.max_lines: must be at least 1")
		}
	}
	if _, err := newTagger(c, ""); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Config) checkTimes(bad func(string, ...any)) {
	for _, d := range []struct {
		name string
		v    time.Duration
		min  time.Duration
	}{
		{"rotate_wait", c.RotateWait, 10 * time.Millisecond}, {"close_inactive", c.CloseInactive, 10 * time.Millisecond},
		{"poll_interval", c.PollInterval, 10 * time.Millisecond}, {"rescan_interval", c.RescanInterval, 10 * time.Millisecond},
		{"forget_after", c.ForgetAfter, time.Second}, {"partial_line_timeout", c.PartialLine, 0},
		{"ignore_older", c.IgnoreOlder, 0}, {"after_read_wait", c.AfterReadWait, 10 * time.Millisecond},
	} {
		if d.v < d.min {
			bad("%s: must be at least %v", d.name, d.min)
		}
	}
}

// nested passes on what is wrong in a block.
func nested(block string, err error, bad func(string, ...any)) {
	if err != nil {
		bad("%s.%w", block, err)
	}
}

func checkGlob(name, glob string, bad func(string, ...any)) {
	switch {
	case glob == "":
		bad("%s: must not be empty", name)
	case !filepath.IsAbs(glob):
		bad("%s: %q must be an absolute path", name, glob)
	case !doublestar.ValidatePathPattern(glob):
		bad("%s: %q is not a valid glob", name, glob)
	}
}
