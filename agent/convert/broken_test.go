package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/convert"
)

// A file of which a line is missing is converted, or refused with an error, and never more.
func TestConfigurationsThatLackALineEndNoConversion(t *testing.T) {
	t.Parallel()
	for _, tool := range convert.Tools() {
		mains, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*", "main.*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, main := range mains {
			src, err := os.ReadFile(main)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(src), "\n")
			file := filepath.Join(t.TempDir(), filepath.Base(main))
			isTried := tried(t, len(lines))
			for i, line := range lines {
				if line = strings.TrimSpace(line); line == "" || line[0] == '#' || !isTried(i) {
					continue
				}
				text := strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "\n")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				func() {
					defer func() {
						if r := recover(); r != nil {
							t.Errorf("%s without line %d: %v", main, i+1, r)
						}
					}()
					_, _ = convert.Convert(tool.Name, []string{file})
				}()
			}
		}
	}
}
