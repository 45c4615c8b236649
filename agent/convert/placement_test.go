package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent/convert"
	"github.com/penstock/penstock/buffer/record/runtest"
)

// A comment above a setting stands above the attribute that has its value. The long form tries all.
func TestCommentsStandAtTheirSettings(t *testing.T) {
	t.Parallel()
	for _, tool := range convert.Tools() {
		mains, err := filepath.Glob(filepath.Join("testdata", tool.Name, "*", "main.*"))
		if err != nil || mains == nil {
			t.Fatal(mains, err)
		}
		checked := 0
		for _, main := range mains {
			t.Run(tool.Name+"/"+filepath.Base(filepath.Dir(main)), func(t *testing.T) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(filepath.Dir(main))); err != nil {
					t.Fatal(err)
				}
				file, ext := filepath.Join(dir, filepath.Base(main)), filepath.Ext(main)
				src := texts(t, []string{main})
				if ext == ".yaml" || ext == ".yml" {
					src = inBlocks(t, src)
				}
				all := settingsOf(tool.Name, ext, src)
				isTried := tried(t, len(all))
				for i, s := range all {
					if !isTried(i) && !runtest.Long() {
						continue
					}
					value := strings.Trim(src[s.valueStart:s.valueEnd], `"' `)
					begin := strings.LastIndexByte(src[:s.start], '\n') + 1
					ofLine := strings.TrimLeft(src[begin:s.start], " ") == ""
					isFirst := comment.ReplaceAllString(src[:begin], "") == ""
					if isFirst || len(value) < 6 || value == "false" || !ofLine || strings.Count(src, value) != 1 {
						continue
					}
					text := src[:begin] + "# planted here\n" + src[begin:]
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					r, err := convert.Convert(tool.Name, []string{file})
					if err != nil {
						continue // within something that goes over lines
					}
					var code []string
					for line := range strings.Lines(string(r.HCL)) {
						if !strings.HasPrefix(strings.TrimSpace(line), "#") {
							code = append(code, line)
						}
					}
					if strings.Count(strings.Join(code, ""), value) != 1 {
						continue
					}
					_, after, found := strings.Cut(string(r.HCL), "# planted here\n")
					if !found {
						t.Errorf("the comment of %s is not there", src[s.start:s.end])
						continue
					}
					next := ""
					for line := range strings.Lines(after) {
						if !strings.HasPrefix(strings.TrimSpace(line), "#") {
							next += line
						}
						if next != "" && !isWithin(next) {
							break
						}
					}
					if checked++; !strings.Contains(next, value) {
						t.Errorf("the comment of %s stands above %s", src[s.start:s.end], next)
					}
				}
			})
		}
		t.Logf("%s: %d", tool.Name, checked)
	}
}

// isWithin reports whether a map or a list goes on.
func isWithin(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimSpace(first)
	return strings.HasSuffix(first, "= {") && strings.Count(text, "{") > strings.Count(text, "}") ||
		strings.HasSuffix(first, "= [") && strings.Count(text, "[") > strings.Count(text, "]")
}
