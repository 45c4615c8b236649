package convert_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock/penstock/agent"
	"github.com/penstock/penstock/agent/config"
	"github.com/penstock/penstock/agent/convert"
	"github.com/penstock/penstock/buffer/record/runtest"
	"github.com/penstock/penstock/network/certtest"
)

var (
	place    = regexp.MustCompile(`hcl:(\d+):\d+: `)
	dataDir  = regexp.MustCompile(`(?m)^(  data_dir\s*= ).*$`)
	fileAttr = regexp.MustCompile(`(?m)^(\s*(\w+_file)\s*= ).*$`)
)

// validator does what "penstock validate" does, on a machine that has what a configuration refers
// to, the environment and files of certificates and credentials, and on one that has nothing.
type validator struct {
	t     *testing.T
	dir   string
	files map[string]string // by attribute
}

func newValidator(t *testing.T) *validator {
	t.Helper()
	ca := certtest.New(t)
	cert, key := ca.Issue("localhost")
	v := &validator{t: t, dir: t.TempDir(), files: map[string]string{
		"ca_file": ca.File, "client_ca_file": ca.File, "cert_file": cert, "key_file": key,
	}}
	v.files["credentials_file"] = filepath.Join(v.dir, "credentials.json")
	v.write(
		v.files["credentials_file"],
		`{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}`,
	)
	return v
}

func (v *validator) write(file, text string) {
	v.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// problems returns what validate refuses, on either machine.
func (v *validator) problems(hcl []byte) []string {
	v.t.Helper()
	return append(v.refused(hcl), v.ofMachine(hcl)...)
}

// refused returns what validate refuses of the text as it stands, where there is nothing of what it
// refers to.
func (v *validator) refused(hcl []byte) []string {
	v.t.Helper()
	file := filepath.Join(v.dir, "elsewhere.hcl")
	v.write(file, string(hcl))
	_, report := config.Load(
		[]string{file}, agent.Components().Config(), config.Options{
			Elsewhere: true, Env: func(string) (string, bool) { return "", false },
		},
	)
	made, err := agent.New(
		report.ValidSubset(),
		agent.Options{Catalogue: agent.Components(), Log: slog.New(slog.DiscardHandler)},
	)
	if err == nil {
		err = made.Discard()
	}
	if err != nil {
		agent.AddMistakes(report, err)
	}
	return report.Lines(false)
}

// ofMachine returns what validate refuses where all is there, but for the values of the
// environment, which are made up.
func (v *validator) ofMachine(hcl []byte) []string {
	v.t.Helper()
	text := dataDir.ReplaceAllString(string(hcl), `${1}"`+v.dir+`"`)
	text = fileAttr.ReplaceAllStringFunc(text, func(line string) string {
		m := fileAttr.FindStringSubmatch(line)
		if file := v.files[m[2]]; file != "" && !strings.Contains(line, "CHANGE-ME") {
			return fmt.Sprintf("%s%q", m[1], file)
		}
		return line
	})
	file := filepath.Join(v.dir, "penstock.hcl")
	v.write(file, text)
	_, report := config.Load(
		[]string{file}, agent.Components().Config(),
		config.Options{Env: func(name string) (string, bool) { return strings.ToLower(name), true }},
	)
	made, err := agent.New(
		report.ValidSubset(),
		agent.Options{Catalogue: agent.Components(), Log: slog.New(slog.DiscardHandler)},
	)
	if err == nil {
		err = made.Discard()
	}
	var out []string
	lines := strings.Split(text, "\n")
	for _, problem := range report.Lines(false) {
		// what the environment holds here is no address or path
		at := place.FindStringSubmatch(problem)
		if at != nil {
			if n, _ := strconv.Atoi(at[1]); strings.Contains(lines[n-1], "env(") {
				continue
			}
		}
		out = append(out, problem)
	}
	// nor is it a pod
	if err != nil && !strings.Contains(err.Error(), "/var/run/secrets/kubernetes.io/") {
		out = append(out, err.Error())
	}
	return out
}

// Whatever is made of a configuration validates, also where that is mixed of several.
func TestWhatIsMadeOfMixedConfigurationsValidates(t *testing.T) {
	t.Parallel()
	rng := runtest.Rand(t)
	rounds := 30
	if runtest.Long() {
		rounds = 2000
	}
	for _, tool := range convert.Tools() {
		seeds := [2]uint64{rng.Uint64(), rng.Uint64()}
		t.Run(tool.Name, func(t *testing.T) {
			t.Parallel()
			m := newMixer(t, tool.Name, rand.New(rand.NewPCG(seeds[0], seeds[1])))
			v := newValidator(t)
			made := 0
			for range rounds {
				files := m.mix()
				result, err := convert.Convert(tool.Name, files)
				if err != nil {
					continue // it is no configuration any more
				}
				made++
				if problems := v.problems(result.HCL); problems != nil {
					t.Errorf(
						"%s\nof\n%s\nis\n%s", strings.Join(problems, "\n"), texts(t, files), result.HCL,
					)
					return
				}
			}
			if made < rounds/12 {
				t.Errorf("%d of %d could be converted", made, rounds)
			}
		})
	}
}

// What listens with a certificate, which is not on this machine, has its port for itself as well.
func TestOfTwoThatListenOnAPortOneIsLeftOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "filebeat.yml")
	err := os.WriteFile(file, []byte(`
filebeat.inputs:
  - type: syslog
    protocol.tcp:
      host: "0.0.0.0:9000"
      ssl: { certificate: /etc/fb/crt.pem, key: /etc/fb/key.pem }
  - type: tcp
    host: "0.0.0.0:9000"
output.file.path: /var/archive
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	result, err := convert.Convert("filebeat", []string{file})
	if err != nil {
		t.Fatal(err)
	}
	if problems := newValidator(t).problems(result.HCL); problems != nil {
		t.Errorf("%s\n%s", problems, result.HCL)
	}
	if !strings.Contains(string(result.HCL), `"tls://0.0.0.0:9000"`) {
		t.Error("what was written first is gone:", string(result.HCL))
	}
}

func texts(t *testing.T, files []string) string {
	var b strings.Builder
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(src)
	}
	return b.String()
}

// mixer makes configurations out of those in testdata.
type mixer struct {
	t      *testing.T
	rng    *rand.Rand
	mains  []string
	values []string // what stands behind a key somewhere
}

// a setting is a line with a key, what stands between, and a value
var setting = regexp.MustCompile(`^(\s*(?:- )?[\w@.$/-]+(?:\s*[:=]\s*|\s+))(\S.*)$`)

func newMixer(t *testing.T, tool string, rng *rand.Rand) *mixer {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join("testdata", tool, "*", "main.*"))
	if err != nil || mains == nil {
		t.Fatal(mains, err)
	}
	m := &mixer{t: t, rng: rng, mains: mains}
	for _, line := range strings.Split(texts(t, mains), "\n") {
		if s := setting.FindStringSubmatch(line); s != nil && !strings.ContainsAny(s[2], "{}[]'\"") {
			m.values = append(m.values, s[2])
		}
	}
	return m
}

// mix returns one or two files, of which lines are missing, doubled, in another place or have
// another value.
func (m *mixer) mix() []string {
	m.t.Helper()
	var out []string
	for range 1 + m.rng.IntN(2) {
		main := m.mains[m.rng.IntN(len(m.mains))]
		dir := m.t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Dir(main))); err != nil {
			m.t.Fatal(err)
		}
		lines := strings.Split(texts(m.t, []string{main}), "\n")
		for range m.rng.IntN(5) {
			i := m.rng.IntN(len(lines))
			switch m.rng.IntN(4) {
			case 0:
				lines = slices.Delete(lines, i, i+1)
			case 1:
				lines = slices.Insert(lines, i, lines[i])
			case 2:
				lines = slices.Insert(lines, i, lines[m.rng.IntN(len(lines))])
			default:
				if s := setting.FindStringSubmatch(lines[i]); s != nil {
					lines[i] = s[1] + m.values[m.rng.IntN(len(m.values))]
				}
			}
			if len(lines) == 0 {
				break
			}
		}
		file := filepath.Join(dir, filepath.Base(main))
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			m.t.Fatal(err)
		}
		out = append(out, file)
	}
	return out
}
