package positions

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/penstock/penstock/inputs/tail"
)

// beatState is the state of a file: of input log, or of input filestream.
type beatState struct {
	Source string `json:"source"`
	Offset *int64 `json:"offset"`
	OS     struct {
		Inode  uint64 `json:"inode"`
		Device uint64 `json:"device"`
	} `json:"FileStateOS"`
	Cursor *struct {
		Offset int64 `json:"offset"`
	} `json:"cursor"`
	Meta *struct {
		Source string `json:"source"`
	} `json:"meta"`
}

// filebeat reads a registry: a snapshot, NUMBER.json, and the changes since then, log.json.
func filebeat(dir string) ([]tail.Foreign, error) {
	if fi, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !fi.IsDir() {
		if filepath.Ext(dir) != ".json" {
			return nil, fmt.Errorf("%s: a registry is a directory, with log.json in it", dir)
		}
		dir = filepath.Dir(dir)
	}
	if sub := filepath.Join(dir, "filebeat"); isDir(sub) {
		dir = sub
	}
	states := map[string]json.RawMessage{}
	since, err := snapshot(dir, states)
	if err != nil {
		return nil, err
	}
	if err := changes(filepath.Join(dir, "log.json"), since, states); err != nil {
		return nil, err
	}
	var all []tail.Foreign
	var errs []error
	for key, raw := range states {
		p, ok, err := beatPosition(key, raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", dir, key, err))
		}
		if ok {
			p.From = fmt.Sprintf("%s, %s", dir, key)
			all = append(all, p)
		}
	}
	return sorted(all), errors.Join(errs...)
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// snapshot reads the newest one, and returns the number of the last change in it.
func snapshot(dir string, states map[string]json.RawMessage) (uint64, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return 0, err
	}
	var newest uint64
	var file string
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), ".json"), 10, 64)
		if err == nil && (file == "" || n > newest) {
			newest, file = n, name
		}
	}
	if file == "" {
		return 0, nil
	}
	data, err := text(file)
	if err != nil {
		return 0, err
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	for _, e := range entries {
		var named struct {
			Key string `json:"_key"`
		}
		if err := json.Unmarshal(e, &named); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		states[named.Key] = e
	}
	return newest, nil
}

// changes reads pairs of lines: what is done, and to what. A last one that was not written whole
// was never done.
func changes(file string, since uint64, states map[string]json.RawMessage) error {
	data, err := text(file)
	if errors.Is(err, fs.ErrNotExist) {
		if len(states) == 0 {
			return fmt.Errorf("%s: there is no registry here: it is a directory with log.json in it", filepath.Dir(file))
		}
		return nil
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for lines.Scan() {
		var action struct {
			Op string `json:"op"`
			ID uint64 `json:"id"`
		}
		if json.Unmarshal(lines.Bytes(), &action) != nil || !lines.Scan() {
			return nil
		}
		var change struct {
			K string          `json:"k"`
			V json.RawMessage `json:"v"`
		}
		if json.Unmarshal(lines.Bytes(), &change) != nil {
			return nil
		}
		if action.ID <= since {
			continue
		}
		switch action.Op {
		case "set":
			states[change.K] = change.V
		case "remove":
			delete(states, change.K)
		}
	}
	return lines.Err()
}

// beatPosition returns the position of a state, and whether it is one of a file.
func beatPosition(key string, raw json.RawMessage) (p tail.Foreign, ok bool, err error) {
	log, stream := strings.HasPrefix(
		key,
		"filebeat::logs::",
	), strings.HasPrefix(
		key,
		"filestream::",
	)
	if !log && !stream {
		return p, false, nil
	}
	var s beatState
	if err := json.Unmarshal(raw, &s); err != nil {
		return p, false, err
	}
	if log {
		if s.Offset == nil {
			return p, false, nil
		}
		p = tail.Foreign{Path: s.Source, Off: *s.Offset, Ino: s.OS.Inode, Dev: s.OS.Device}
		return p, true, nil
	}
	if s.Cursor == nil {
		return p, false, nil // nothing was read of it
	}
	p = tail.Foreign{Off: s.Cursor.Offset}
	if s.Meta != nil { // of a file that came into the place of a renamed one there is none
		p.Path = s.Meta.Source
	}
	if _, id, ok := cutLast(key, "::native::"); ok {
		ino, dev, _ := strings.Cut(id, "-")
		if p.Ino, err = strconv.ParseUint(ino, 10, 64); err != nil {
			return p, false, fmt.Errorf("%q is no inode", ino)
		}
		p.Dev, _ = strconv.ParseUint(dev, 10, 64)
	} else if _, sum, ok := cutLast(key, "::fingerprint::"); ok {
		p.Holds = func(r io.ReaderAt, size int64) (bool, error) {
			return beginsWithSum(r, size, sum)
		}
	}
	return p, true, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// beginsWithSum reports whether the SHA-256 of a file's first bytes is the one given. How many
// bytes those are is not written anywhere: 1024 unless configured otherwise, as few as 64.
func beginsWithSum(r io.ReaderAt, size int64, sum string) (bool, error) {
	head := make([]byte, min(size, 4096))
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	for _, length := range []int{1024, 512, 256, 128, 64, 2048, 4096} {
		if length > n {
			continue
		}
		if s := sha256.Sum256(head[:length]); hex.EncodeToString(s[:]) == sum {
			return true, nil
		}
	}
	return false, nil
}
