package join

import (
	"bytes"
	"slices"
)

// phase is where in a trace a line stands; what the values mean is each preset's own.
type phase uint8

const (
	dead   phase = iota // the line is not of such a trace
	head                // the trace has begun
	frames              // there were frames
	last                // the line may be the last one
	between
)

// preset tells the stack traces of one language.
type preset struct {
	name   string
	begins func(line []byte) phase
	goesOn func(at phase, line []byte) phase
}

var presets = [...]preset{
	{"java", javaBegins, javaGoesOn},
	{"python", pythonBegins, pythonGoesOn},
	{"go", goBegins, goGoesOn},
	{"ruby", rubyBegins, rubyGoesOn},
	{"php", phpBegins, phpGoesOn},
	{"dotnet", dotnetBegins, dotnetGoesOn},
	{"node", nodeBegins, nodeGoesOn},
	{"indented", func([]byte) phase { return head }, indentedGoesOn},
}

// Names returns the names of the presets.
func Names() []string {
	out := make([]string, len(presets))
	for i := range presets {
		out[i] = presets[i].name
	}
	return out
}

func presetNamed(name string) int {
	return slices.IndexFunc(presets[:], func(p preset) bool { return p.name == name })
}

func when(is bool, then phase) phase {
	if is {
		return then
	}
	return dead
}

func indented(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

func blank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

func has(line []byte, text string) bool { return bytes.Contains(line, []byte(text)) }

func prefixed(line []byte, texts ...string) bool {
	for _, t := range texts {
		if len(line) >= len(t) && string(line[:len(t)]) == t {
			return true
		}
	}
	return false
}

// names reports whether a class of exceptions stands in the line: a word that ends with one of
// these, and then a colon or the end.
func names(line []byte, ends ...string) bool {
	for _, end := range ends {
		for rest := line; ; {
			i := bytes.Index(rest, []byte(end))
			if i < 0 {
				break
			}
			rest = rest[i+len(end):]
			if len(rest) == 0 || rest[0] == ':' || rest[0] == '\r' {
				return true
			}
		}
	}
	return false
}

// digits returns the rest of line behind a number, and whether there is one.
func digits(line []byte) ([]byte, bool) {
	n := 0
	for n < len(line) && line[n] >= '0' && line[n] <= '9' {
		n++
	}
	return line[n:], n > 0
}

func indentedGoesOn(_ phase, line []byte) phase { return when(indented(line), head) }

func javaBegins(line []byte) phase {
	return when(!indented(line) && (prefixed(line, "Exception in thread ") ||
		names(line, "Exception", "Error", "Throwable")), head)
}

func javaGoesOn(at phase, line []byte) phase {
	text := bytes.TrimLeft(line, " \t")
	switch {
	case prefixed(text, "Caused by: ", "Suppressed: ", "Wrapped by: ", "nested exception is:"):
		return head
	case indented(line) && prefixed(text, "at ", "... ", "(", "- "):
		return frames
	case at == head && blank(line):
		return head
	}
	return dead
}

const pythonTraceback = "Traceback (most recent call last):"

func pythonBegins(line []byte) phase {
	return when(bytes.HasSuffix(bytes.TrimSpace(line), []byte(pythonTraceback)), frames)
}

func pythonGoesOn(at phase, line []byte) phase {
	switch {
	case at == frames && indented(line):
		return frames
	case at == frames: // what was raised stands at the margin
		return when(!blank(line), last)
	case at == last && indented(line):
		return last // of a group of exceptions
	case blank(line), prefixed(
		line, "During handling of the above exception", "The above exception was the direct cause",
	):
		return between
	case at == between && pythonBegins(line) != dead:
		return frames
	}
	return dead
}

func goBegins(line []byte) phase {
	switch {
	case prefixed(line, "panic: ", "fatal error: ", "runtime: goroutine stack exceeds ") ||
		prefixed(line, "SIG") && has(line, ": ") || has(line, "http: panic serving "):
		return head
	case prefixed(line, "goroutine ") && has(line, " ["):
		return frames
	}
	return dead
}

func goGoesOn(at phase, line []byte) phase {
	switch {
	case prefixed(line, "goroutine ") && has(line, " ["), prefixed(line, "runtime stack:"):
		return frames
	case blank(line), indented(line):
		return at
	case at == head:
		return when(prefixed(line, "[signal ", "fatal error: ", "PC=", "runtime: ", "panic: "), head)
	}
	call := bytes.IndexByte(line, '(')
	return when(
		prefixed(line, "created by ", "...", "exit status ", "PC=") ||
			call > 0 && line[len(bytes.TrimRight(line, "\r"))-1] == ')' &&
				!bytes.ContainsAny(line[:call], " \t") ||
			register(line),
		frames,
	)
}

// register reports whether line tells what one was when the program ended: "rip    0x4a".
func register(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte(" "))
	return ok && len(name) > 0 && len(name) <= 6 && prefixed(bytes.TrimLeft(value, " "), "0x")
}

func rubyPlace(line []byte) (rest []byte, ok bool) {
	for _, quote := range []string{":in `", ":in '"} {
		if _, name, found := bytes.Cut(line, []byte(quote)); found {
			_, rest, ok = bytes.Cut(name, []byte("'"))
			return rest, ok
		}
	}
	return nil, false
}

func rubyBegins(line []byte) phase {
	if indented(line) {
		return dead
	}
	if rest, ok := rubyPlace(line); ok {
		return when(prefixed(rest, ": "), head)
	}
	// Rails: ActionController::RoutingError (No route matches [GET] "/"):
	return when(has(line, "Error (") && bytes.HasSuffix(line, []byte("):")), head)
}

func rubyGoesOn(at phase, line []byte) phase {
	rest, place := rubyPlace(line)
	switch {
	case indented(line):
		return frames
	case place && !prefixed(rest, ": "), prefixed(line, "from "):
		return frames
	}
	return when(at == head && blank(line), head)
}

func phpBegins(line []byte) phase {
	return when(
		has(line, "Fatal error: ") || has(line, "PHP Stack trace:") || has(line, "Stack trace:") ||
			has(line, `"exception":"[object]`) || has(line, "Uncaught "),
		head,
	)
}

func phpGoesOn(at phase, line []byte) phase {
	text := bytes.TrimLeft(line, " \t")
	if bytes.HasPrefix(text, []byte("#")) {
		_, ok := digits(text[1:])
		return when(ok, frames)
	}
	if php, ok := bytes.CutPrefix(text, []byte("PHP ")); ok { // the numbered ones of Xdebug
		php = bytes.TrimLeft(php, " ")
		rest, number := digits(php)
		return when(number && prefixed(rest, ". ") || prefixed(php, "Stack trace:"), frames)
	}
	switch {
	case prefixed(text, "Stack trace:", "[stacktrace]", "[previous exception]", "thrown in ", `"}`):
		return frames
	case at == frames && prefixed(text, "Next "):
		return head
	}
	return when(blank(line), at)
}

func dotnetBegins(line []byte) phase {
	return when(!indented(line) && (has(line, "nhandled exception") || has(line, "nhandled Exception") ||
		names(line, "Exception", "Error")), head)
}

func dotnetGoesOn(_ phase, line []byte) phase {
	text := bytes.TrimLeft(line, " \t")
	switch {
	case indented(line) && prefixed(text, "at ", "in "), prefixed(text, "--- End of ", "---> "):
		return frames
	}
	return dead
}

// nodeBegins: an error, or the place in a file that stands before an uncaught one.
func nodeBegins(line []byte) phase {
	switch {
	case indented(line):
		return dead
	case names(line, "Error", "Exception"), has(line, "Error [ERR_"),
		has(line, "V8 errors stack trace"):
		return frames
	case prefixed(line, "/", "file:///", "node:", "[eval]"):
		i := bytes.LastIndexByte(line, ':')
		rest, ok := digits(line[i+1:])
		return when(ok && len(rest) == 0, head)
	}
	return dead
}

func nodeGoesOn(at phase, line []byte) phase {
	text := bytes.TrimLeft(line, " \t")
	switch {
	case at == head: // the line of the program, a mark under it, and then the error
		if nodeBegins(line) == frames {
			return frames
		}
		return when(indented(line) || blank(line) || !has(line, ":"), head)
	case at == last: // behind the frames
		return when(blank(line) || prefixed(line, "Node.js v"), last)
	case indented(line) && (prefixed(text, "at ", "[", "}") || has(text, ": ")):
		return frames
	case prefixed(line, "}"), blank(line):
		return last
	}
	return dead
}
