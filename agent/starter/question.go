package starter

import (
	"fmt"
	"slices"
	"strings"
)

// Question is one thing to be known.
type Question struct {
	Flag    string   // of the command line, without dashes
	Ask     string   // as asked on a terminal
	Usage   string   // as the help of the flag says it
	Choices []string // "" otherwise
	Preset  string   // "" if there is none, and it has to be answered
	List    bool     // the answer may have several parts, with commas between
	Hidden  bool     // only a flag: it is not asked
	needed  func(Answers) bool

	mirrored string // the preset from Kafka to Kafka, where it is another
}

// Answers are what was answered, by the flags' names.
type Answers map[string]string

// List returns the parts of an answer: at its commas, but for those of a glob such as {a,b}.log.
func (a Answers) List(flag string) []string {
	var out []string
	depth, begin := 0, 0
	add := func(end int) {
		if s := strings.TrimSpace(a[flag][begin:end]); s != "" {
			out = append(out, s)
		}
		begin = end + 1
	}
	for i, c := range a[flag] {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ',' && depth <= 0:
			add(i)
		}
	}
	add(len(a[flag]))
	return out
}

func (a Answers) is(flag string, any ...string) bool { return slices.Contains(any, a[flag]) }

// mirror reports whether one Kafka cluster or topic is copied to another.
func (a Answers) mirror() bool { return a.is("from", "kafka") && a.is("to", "kafka") }

// Questions returns all questions, in the order in which they are asked. dataDir is the preset of
// the data directory.
func Questions(dataDir string) []Question {
	return []Question{
		{
			Flag: "from", Ask: "Where do records come from?", Usage: "where records come from",
			Choices: []string{"tail", "forward", "http", "syslog", "journald", "kafka"},
			needed:  func(Answers) bool { return true },
		},
		{
			Flag: "path", Ask: "Which files? Globs, with commas between", List: true,
			Usage:  "file or glob to follow; with commas between, or repeated",
			needed: func(a Answers) bool { return a.is("from", "tail") },
		},
		{
			Flag: "listen", Usage: "address to listen on, instead of the usual one", Hidden: true,
			needed: func(a Answers) bool { return a.is("from", "forward", "http", "syslog") },
		},
		{
			Flag: "to", Ask: "Where do they go?", Usage: "where they go",
			Choices: []string{"kafka", "s3", "gcs", "local", "forward", "stdout"},
			needed:  func(Answers) bool { return true },
		},
		{
			Flag: "brokers", Ask: "Which Kafka brokers? host:port, with commas between", List: true,
			Usage:  "Kafka brokers, with commas between",
			needed: func(a Answers) bool { return a.is("from", "kafka") || a.is("to", "kafka") },
		},
		{
			Flag: "topic", Ask: "Which topic?", Usage: "topic to write to; topics to read",
			needed: func(a Answers) bool { return a.is("from", "kafka") || a.is("to", "kafka") },
		},
		{
			Flag: "to-brokers", List: true,
			Ask:    "Which Kafka brokers does it write to? host:port, with commas between",
			Usage:  "Kafka brokers to write to, where it reads from --brokers",
			needed: Answers.mirror,
		},
		{
			Flag: "to-topic", Ask: "Which topic does it write to?", Preset: "${tag}",
			Usage:  "topic to write to, where it reads --topic; ${tag} is the same name",
			needed: Answers.mirror,
		},
		{
			Flag: "group", Usage: "consumer group to join", Preset: "penstock-lake", Hidden: true,
			mirrored: "penstock-mirror",
			needed:   func(a Answers) bool { return a.is("from", "kafka") },
		},
		{
			Flag: "server", Ask: "Which servers? host:port, with commas between", List: true,
			Usage:  "forward servers, with commas between",
			needed: func(a Answers) bool { return a.is("to", "forward") },
		},
		{
			Flag: "failover", Ask: "Where do they go while that is down?", Preset: "none",
			Usage:   "where they go while --to is down",
			Choices: []string{"none", "s3", "gcs", "local"},
			needed: func(a Answers) bool {
				return a.is("to", "kafka", "forward") && !a.is("from", "kafka")
			},
		},
		{
			Flag: "bucket", Ask: "Which bucket?", Usage: "bucket of s3 or gcs",
			needed: func(a Answers) bool {
				return a.is("to", "s3", "gcs") || a.is("failover", "s3", "gcs")
			},
		},
		{
			Flag: "region", Usage: "AWS region of the bucket", Hidden: true,
			needed: func(a Answers) bool { return a.is("to", "s3") || a.is("failover", "s3") },
		},
		{
			Flag: "endpoint", Usage: "URL of an S3 server that is not Amazon's", Hidden: true,
			needed: func(a Answers) bool { return a.is("to", "s3") || a.is("failover", "s3") },
		},
		{
			Flag: "directory", Ask: "Which directory?", Usage: "directory of local",
			needed: func(a Answers) bool { return a.is("to", "local") || a.is("failover", "local") },
		},
		{
			Flag: "data-dir", Usage: "directory of the agent's buffers and positions",
			Preset: dataDir, Hidden: true,
			needed: func(Answers) bool { return true },
		},
	}
}

// Next returns the first question whose answer is needed and not given, or false. hidden ones are
// those that are not asked: they have a preset, or stay open.
func Next(all []Question, a Answers) (Question, bool) {
	for _, q := range all {
		if q.needed(a) && a[q.Flag] == "" && !q.Hidden {
			return q, true
		}
	}
	return Question{}, false
}

// Missing returns the flags that are needed, as far as it is known by now.
func Missing(all []Question, a Answers) []string {
	var out []string
	for _, q := range all {
		if q.needed(a) && a[q.Flag] == "" && !q.Hidden && q.Preset == "" {
			text := "--" + q.Flag
			if q.Choices != nil {
				text += " (" + strings.Join(q.Choices, ", ") + ")"
			}
			out = append(out, text)
		}
	}
	return out
}

// CheckChoices refuses answers that are none of their choices.
func CheckChoices(all []Question, a Answers) error {
	for _, q := range all {
		answer, of := a[q.Flag], q.Choices
		if answer != "" && of != nil && !slices.Contains(of, answer) {
			return fmt.Errorf("--%s %q: write one of %s", q.Flag, answer, strings.Join(of, ", "))
		}
	}
	return nil
}

// AskAgain makes the answers presets of the questions that are asked, and takes them away. Those to
// others stay.
func AskAgain(all []Question, a Answers) []Question {
	all = slices.Clone(all)
	for i, q := range all {
		if answer := a[q.Flag]; answer != "" && !q.Hidden {
			all[i].Preset = answer
			delete(a, q.Flag)
		}
	}
	return all
}

// Complete gives what is not answered its preset, and says what does not fit together.
func Complete(all []Question, a Answers) error {
	for _, q := range all {
		if !q.needed(a) {
			if a[q.Flag] != "" {
				return fmt.Errorf(
					"--%s has no meaning from %s to %s", q.Flag, a["from"], a["to"],
				)
			}
			continue
		}
		if a[q.Flag] == "" {
			a[q.Flag] = q.Preset
			if a.mirror() && q.mirrored != "" {
				a[q.Flag] = q.mirrored
			}
		}
	}
	if a.mirror() {
		return a.checkMirror()
	}
	return nil
}

// checkMirror refuses one that would read what it has written.
func (a Answers) checkMirror() error {
	to := a["to-topic"]
	for _, topic := range a.List("topic") {
		if to != topic && to != "${tag}" {
			continue
		}
		for _, broker := range a.List("brokers") {
			if slices.Contains(a.List("to-brokers"), broker) {
				return fmt.Errorf(
					"it would read what it writes: %s of %s is both; name another --to-topic",
					topic, broker,
				)
			}
		}
	}
	return nil
}
