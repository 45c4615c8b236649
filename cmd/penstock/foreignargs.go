package main

import "strings"

// foreignArgs are commands and flags of other programs, and what to write instead.
var foreignArgs = []struct{ names, write string }{
	{"start daemon agent serve", "penstock run CONFIG starts an agent; systemd keeps it running"},
	{"stop", "an agent ends by SIGTERM (systemctl stop penstock); penstock drain has it deliver all first"},
	{"reload restart", "an agent reads its configuration again by SIGHUP (systemctl reload penstock)"},
	{"check-config configtest lint dry-run --dry-run --test --check", "penstock validate CONFIG"},
	{"generate new setup", "penstock init"},
	{"list plugins", "penstock help lists the components"},
	{"-v", "penstock version"},
	{"-c -config --config --config-file --config-dir -f", "configurations are arguments: penstock run FILE"},
	{"--log-level --verbose --debug", "agent { log { level = \"debug\" } } in the configuration"},
	{"--data-dir", "agent { data_dir = \"/var/lib/penstock\" } in the configuration"},
}

// foreignArg returns what to write instead of what is wrong in a command line, after a line break,
// or "". err says which it is: an unknown command "x" for "penstock", an unknown flag: --x, or an
// unknown shorthand flag: 'x' in -x.
func foreignArg(err error) string {
	text := err.Error()
	var arg string
	if _, rest, ok := strings.Cut(text, `unknown command "`); ok {
		arg, _, _ = strings.Cut(rest, `"`)
	} else if _, rest, ok := strings.Cut(text, "unknown flag: "); ok {
		arg = rest
	} else if _, rest, ok := strings.Cut(text, "' in "); ok {
		arg = rest
	}
	for _, f := range foreignArgs {
		for name := range strings.FieldsSeq(f.names) {
			if name == arg {
				return "\nHere: " + f.write
			}
		}
	}
	return ""
}
