package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/penstock/penstock/cmd/penstock/demo"
)

// ensureCorpus makes a file of n JSON log lines of about 220 bytes, or keeps the one that is there.
func ensureCorpus(path string, n int64) (size int64, err error) {
	mark := fmt.Sprintf("%s.%d", path, n)
	if st, err := os.Stat(path); err == nil {
		if _, err := os.Stat(mark); err == nil {
			return st.Size(), nil
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var line []byte
	for i := range n {
		line = demo.AppendLine(line[:0], "bench", i, start.Add(time.Duration(i)*time.Millisecond))
		if _, err := w.Write(line); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(w.Flush(), f.Close(), os.WriteFile(mark, nil, 0o644)); err != nil {
		return 0, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
