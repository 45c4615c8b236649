package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestErrorsAreGroupedByComponentAndMessage(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := &recent{}
	log := r.watch(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError})))
	kafka := log.With("component", "output.kafka.a")
	began := time.Now()
	for i := range 3 {
		kafka.Warn("fails", "error", fmt.Errorf("try %d", i), "do", "start it", "topic", "t")
	}
	kafka.With("component", "output.kafka.b").Warn("fails")
	kafka.Info("is well")
	log.Error("broken", "component", "agent")
	log.WithGroup("g").Error("in a group", "component", "none", "error", "none")
	kafka.Error("fails", "error", "try 3", "do", "start it")

	got := r.get()
	if len(got) != 4 {
		t.Fatalf("%+v", got)
	}
	g := got[0]
	if g.Component != "output.kafka.a" || g.Message != "fails" || g.Count != 4 || g.Level != "error" ||
		g.Error != "try 3" || g.Do != "start it" || g.Details != "" || !g.First.Before(g.Last) ||
		g.First.Before(began) {
		t.Errorf("%+v", g)
	}
	if g := got[1]; g.Component != "" || g.Error != "" || g.Details != "component=none error=none" {
		t.Errorf("%+v", g)
	}
	if got[2].Component != "agent" || got[3].Component != "output.kafka.b" || got[3].Count != 1 {
		t.Errorf("%+v", got[2:])
	}
	// What is remembered need not be logged, and what is logged is so once.
	if text := out.String(); strings.Count(text, "\n") != 3 || strings.Contains(text, "WARN") {
		t.Errorf("the log: %s", text)
	}
}

// However much is logged, little is remembered: the newest.
func TestRememberedErrorsAreBounded(t *testing.T) {
	t.Parallel()
	r := &recent{}
	log := r.watch(discard())
	long := strings.Repeat("ä", 10_000)
	for i := range 10 * recentGroups {
		log.Warn(fmt.Sprint(i, " ", long), "error", long, "do", long, "component", long, "x", long)
	}
	got := r.get()
	size := 0
	for i, g := range got {
		if want := fmt.Sprint(10*recentGroups-1-i, " "); !strings.HasPrefix(g.Message, want) {
			t.Errorf("%d: %.20s", i, g.Message)
		}
		for _, s := range []string{g.Component, g.Message, g.Error, g.Do, g.Details} {
			size += len(s)
			if strings.ContainsRune(s, 0xfffd) || !strings.HasSuffix(s, "ä…") {
				t.Fatalf("cut badly: %q", s[len(s)-8:])
			}
		}
	}
	if len(got) != recentGroups || size > recentGroups*5*(recentText+4) {
		t.Errorf("%d groups, %d bytes", len(got), size)
	}
}

// A secret that is cut, or replaced by a reload since, does not show either.
func TestRememberedErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	secrets := &Secrets{}
	secrets.Set([]string{"hunter2-hunter2"})
	r := &recent{secrets: secrets}
	log := r.watch(discard())
	log.Warn(
		"with hunter2-hunter2", "error", errors.New("get https://u:p4ss@h/?token=abc: refused"),
		"do", strings.Repeat("x", recentText-7)+"hunter2-hunter2", "key", "hunter2-hunter2",
	)
	said, last := componentLog(log, secrets, "output.kafka.a")
	said.Warn("fails", "error", "hunter2-hunter2")
	secrets.Set(nil)
	if text := fmt.Sprint(r.get(), last.get().Text); strings.Contains(text, "hunter2") ||
		strings.Contains(text, "p4ss") || strings.Contains(text, "abc") {
		t.Error(text)
	}
}

func TestErrorsAreRememberedFromManyGoroutines(t *testing.T) {
	t.Parallel()
	r := &recent{}
	log := r.watch(discard())
	var wg sync.WaitGroup
	const each = 500
	for i := range 8 {
		wg.Go(func() {
			own := log.With("component", fmt.Sprint(i%4))
			for range each {
				own.Warn("fails", "error", "e")
				r.get()
			}
		})
	}
	wg.Wait()
	got := r.get()
	if len(got) != 4 {
		t.Fatalf("%+v", got)
	}
	for _, g := range got {
		if g.Count != 2*each {
			t.Errorf("%+v", g)
		}
	}
}
