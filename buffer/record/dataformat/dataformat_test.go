package dataformat

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func marked(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, Name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestALaterFormatIsRefusedAndNothingChanged(t *testing.T) {
	t.Parallel()
	dir := marked(t, "3\n")
	var newer *NewerError
	for _, err := range []error{
		Mark(dir, 2), CheckDir(dir, 2), Check("x", 3, 2), CheckText("x", "3", 2),
	} {
		if !errors.As(err, &newer) || newer.Found != 3 || newer.Known != 2 ||
			!strings.Contains(err.Error(), "later release") {
			t.Errorf("%v", err)
		}
	}
	names, err := os.ReadDir(dir)
	if text, _ := os.ReadFile(filepath.Join(dir, Name)); string(text) != "3\n" || len(names) != 1 {
		t.Errorf("%q, %v, %v", text, names, err)
	}
}

func TestAnEarlierFormatIsMarkedAnew(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{t.TempDir(), marked(t, "1\n"), marked(t, "2\n")} {
		if err := Mark(dir, 2); err != nil {
			t.Error(err)
		}
		names, _ := os.ReadDir(dir)
		text, err := os.ReadFile(filepath.Join(dir, Name))
		if string(text) != "2\n" || err != nil || len(names) != 1 {
			t.Errorf("%q, %v, %v", text, err, names)
		}
	}
}

func TestWhatIsNotMarkedHasFormat1(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	for _, err := range []error{CheckDir(gone, 1), CheckDir(t.TempDir(), 1), CheckText("x", "", 1)} {
		if err != nil {
			t.Error(err)
		}
	}
	// It cannot be marked, as on a full disk.
	if err := Mark(gone, 1); err != nil {
		t.Error(err)
	}
	if err := Mark(gone, 2); err == nil {
		t.Error("a directory that cannot be marked is taken for one of format 2")
	}
}

func TestAMarkThatIsNoNumberIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "one", "0", "-1"} {
		if err := CheckDir(marked(t, text), 1); err == nil || !strings.Contains(err.Error(), "remove") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := CheckText("x", "zwei", 1); err == nil {
		t.Error("taken")
	}
}
