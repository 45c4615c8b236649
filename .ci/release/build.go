package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "freebsd/amd64"}

const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4"

var semantic = regexp.MustCompile(`^v?(\d+\.\d+\.\d+.*)$`)

// releaseVersion is what git describe says, in a form that packages order; before the first tag it
// is 0.0.0-dev and the number and name of the commit.
func releaseVersion(described, count string) string {
	if m := semantic.FindStringSubmatch(described); m != nil {
		return m[1]
	}
	return "0.0.0-dev." + count + ".g" + described
}

// making is one release on its way.
type making struct {
	out     string // absolute
	work    string // binaries and what goes into archives and packages
	version string
	made    time.Time
	once    bool
}

func release(out, only string, once bool) error {
	if dirty, err := output("git", "status", "--porcelain"); err != nil {
		return err
	} else if dirty != "" {
		return fmt.Errorf("there are changes that are not committed:\n%s", dirty)
	}
	described, err := output("git", "describe", "--tags", "--always")
	if err != nil {
		return err
	}
	count, err := output("git", "rev-list", "--count", "HEAD")
	if err != nil {
		return err
	}
	m := making{version: releaseVersion(described, count), once: once}
	if m.made, err = commitTime(); err != nil {
		return err
	}
	if m.out, err = filepath.Abs(out); err != nil {
		return err
	}
	if m.work, err = os.MkdirTemp("", "penstock-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(m.work)
	if err := os.RemoveAll(m.out); err != nil {
		return err
	}
	if err := os.MkdirAll(m.out, 0o755); err != nil {
		return err
	}
	chosen := platforms
	if only != "" {
		chosen = strings.Split(only, ",")
	}
	return m.all(chosen)
}

func (m *making) all(chosen []string) error {
	if err := command("", []string{"GOFLAGS=-buildvcs=false"}, "make", "-s", "share", "VERSION="+m.version); err != nil {
		return err
	}
	for _, platform := range chosen {
		for _, variant := range variants {
			if err := m.build(platform, variant); err != nil {
				return err
			}
			if err := m.archive(platform, variant); err != nil {
				return err
			}
		}
		if err := m.bill(platform); err != nil {
			return err
		}
		if strings.HasPrefix(platform, "linux/") {
			if err := m.packages(platform); err != nil {
				return err
			}
		}
		fmt.Fprintln(os.Stderr, "made", platform)
	}
	if err := m.image(chosen); err != nil {
		return err
	}
	return m.sums()
}

// variants of the program, as what follows its name: it as it is installed by packages and images,
// and with modules of WebAssembly.
var variants = []string{"", "-wasm"}

// binary is where a platform's program lies. That of a variant lies beside it.
func (m *making) binary(platform string) string {
	return filepath.Join(m.work, strings.ReplaceAll(platform, "/", "-"), "penstock")
}

// build makes a program, and makes it again elsewhere to see that it is the same.
func (m *making) build(platform, variant string) error {
	binary := m.binary(platform)
	if err := m.compile("", platform, variant, binary, nil); err != nil {
		return err
	}
	if m.once {
		return nil
	}
	elsewhere, err := os.MkdirTemp("", "penstock-again-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(elsewhere)
	tree := filepath.Join(elsewhere, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	pack := filepath.Join(elsewhere, "tree.tar")
	if _, err := output("git", "archive", "--output", pack, "HEAD"); err != nil {
		return err
	}
	if _, err := output("tar", "-xf", pack, "-C", tree); err != nil {
		return err
	}
	again := filepath.Join(elsewhere, "penstock")
	cache := []string{"GOCACHE=" + filepath.Join(elsewhere, "cache")}
	if err := m.compile(tree, platform, variant, again, cache); err != nil {
		return err
	}
	return same(binary+variant, again+variant)
}

// compile makes the program to, with what the variant adds to the name.
func (m *making) compile(dir, platform, variant, to string, env []string) error {
	target := "build"
	if variant != "" {
		target = strings.TrimPrefix(variant, "-")
	}
	goos, goarch, _ := strings.Cut(platform, "/")
	env = append(env, "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-buildvcs=false", "MAKEFLAGS=")
	return command(dir, env, "make", "-s", target, "BIN="+to, "VERSION="+m.version)
}

// same fails unless both files hold the same bytes.
func same(a, b string) error {
	sumA, err := sum(a)
	if err != nil {
		return err
	}
	sumB, err := sum(b)
	if err != nil {
		return err
	}
	if sumA != sumB {
		return fmt.Errorf("made twice, %s is not the same: %s and %s", filepath.Base(a), sumA, sumB)
	}
	return nil
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// archive is for those who install by hand.
func (m *making) archive(platform, variant string) error {
	name := "penstock" + variant + "-" + m.version + "-" + strings.ReplaceAll(platform, "/", "-")
	t := newTree(m.made)
	t.file(name+"/penstock", m.binary(platform)+variant, 0o755)
	for _, doc := range []string{"LICENSE", "NOTICE", "CHANGELOG.md", "README.md", "SECURITY.md"} {
		t.file(name+"/"+doc, doc, 0o644)
	}
	t.folder(name+"/share", "bin/share")
	if strings.HasPrefix(platform, "linux/") {
		t.file(name+"/penstock.service", "examples/systemd/penstock.service", 0o644)
	}
	return t.write(filepath.Join(m.out, name+".tar.gz"), true)
}

// packages makes deb and rpm, twice.
func (m *making) packages(platform string) error {
	_, arch, _ := strings.Cut(platform, "/")
	tool := []string{"go", "run", nfpm}
	if kept, err := filepath.Abs(".cache/bin/nfpm"); err == nil {
		if _, err := os.Stat(kept); err == nil {
			tool = []string{kept}
		}
	}
	env := []string{
		"VERSION=" + m.version, "ARCH=" + arch, "BINARY=" + m.binary(platform),
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(m.made.Unix(), 10),
	}
	for _, kind := range []string{"deb", "rpm"} {
		var made []string
		for _, to := range []string{m.out, filepath.Join(m.work, "again")} {
			if err := os.MkdirAll(to, 0o755); err != nil {
				return err
			}
			args := append(slices.Clone(tool[1:]),
				"package", "-f", "examples/packages/nfpm.yaml", "-p", kind, "-t", to+"/")
			before := names(to)
			if err := command("", env, tool[0], args...); err != nil {
				return err
			}
			for name := range names(to) {
				if !before[name] {
					made = append(made, filepath.Join(to, name))
				}
			}
		}
		if len(made) != 2 {
			return fmt.Errorf("two packages were to be made: %q", made)
		}
		if err := same(made[0], made[1]); err != nil {
			return err
		}
	}
	return nil
}

func names(dir string) map[string]bool {
	entries, _ := os.ReadDir(dir)
	found := map[string]bool{}
	for _, e := range entries {
		found[e.Name()] = true
	}
	return found
}

// image holds the programs for Linux.
func (m *making) image(chosen []string) error {
	i := image{version: m.version, made: m.made, certificates: "/etc/ssl/certs/ca-certificates.crt"}
	for _, platform := range chosen {
		if arch, ok := strings.CutPrefix(platform, "linux/"); ok {
			i.programs = append(i.programs, program{arch: arch, path: m.binary(platform)})
		}
	}
	if len(i.programs) == 0 {
		return nil
	}
	return writeImage(filepath.Join(m.out, "penstock-"+m.version+"-image.tar"), i)
}

// sums writes the checksums of all that was made, as sha256sum -c reads them.
func (m *making) sums() error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names(m.out))) {
		s, err := sum(filepath.Join(m.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", s, name)
	}
	return os.WriteFile(filepath.Join(m.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}
