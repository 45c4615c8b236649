package positions

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/penstock/penstock/inputs/tail"
)

const stateFile = "imfile-state:"

// rsyslog reads the state files of imfile, which are named after the inode.
func rsyslog(path string) ([]tail.Foreign, error) {
	files, err := filepath.Glob(filepath.Join(path, stateFile+"*"))
	if err != nil || len(files) == 0 {
		if isDir(path) {
			return nil, fmt.Errorf("%s: there are no %s* files here", path, stateFile)
		}
		files = []string{path}
	}
	var all []tail.Foreign
	var errs []error
	for _, f := range files {
		p, err := stateOf(f)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f, err))
			continue
		}
		all = append(all, p)
	}
	return sorted(all), errors.Join(errs...)
}

func stateOf(file string) (tail.Foreign, error) {
	data, err := text(file)
	if err != nil {
		return tail.Foreign{}, err
	}
	var state struct {
		File    string `json:"filename"`
		Off     *int64 `json:"curr_offs"`
		Line    string `json:"prev_line_segment"` // read, and its end not yet
		Message string `json:"prev_msg_segment"`  // the lines before that, which wait for more
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return tail.Foreign{}, fmt.Errorf("it is no state file of imfile: %w", err)
	}
	if state.File == "" || state.Off == nil {
		return tail.Foreign{}, errors.New("it is no state file of imfile")
	}
	p := tail.Foreign{Path: state.File, Off: *state.Off, From: file}
	if name, ok := strings.CutPrefix(filepath.Base(file), stateFile); ok {
		name, _, _ = strings.Cut(name, ":")
		p.Ino, _ = strconv.ParseUint(name, 10, 64)
	}
	// What imfile holds back at its end is lost to it by the change, and is read again.
	p.Off -= int64(len(state.Line))
	if state.Message != "" {
		p.Off -= int64(len(strings.ReplaceAll(state.Message, `\n`, "\n"))) + 1
	}
	p.Off = max(p.Off, 0)
	return p, nil
}
