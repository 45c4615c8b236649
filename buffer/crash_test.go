package buffer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record"
	"github.com/penstock/penstock/buffer/record/runtest"
)

const crashEnv = "PENSTOCK_BUFFER_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Println("E", err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(drainEnv); dir != "" {
		if err := drainBacklog(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func crashOptions() Options {
	opt := DefaultOptions()
	opt.MaxSize = 0
	opt.MinFree = 0
	opt.SegmentSize = 2 << 20
	opt.FlushBytes = 32 << 10
	opt.FlushInterval = time.Millisecond
	return opt
}

// crashChild appends for two inputs from where their positions say, drains with one cursor, and
// reports on stdout what was acknowledged, until it is killed.
func crashChild(dir string) error {
	b, err := Open(dir, crashOptions())
	if err != nil {
		return err
	}
	out := make(chan string, 1000)
	go func() {
		for line := range out {
			// unbuffered: what the parent has read was acknowledged before the kill
			fmt.Println(line)
		}
	}()
	c, err := b.Cursor("out")
	if err != nil {
		return err
	}
	fails := make(chan error, 1)
	go func() {
		for {
			batch, err := c.Next(context.Background())
			if err == nil {
				noteDelivered(c, batch)
				err = c.Commit(context.Background(), batch.End, batch.Origin)
			}
			if err != nil {
				fails <- err
				return
			}
			out <- fmt.Sprint("C ", batch.End)
		}
	}()
	for _, input := range []string{"x", "y"} {
		go func() {
			rng := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(input[0])))
			n, _ := strconv.Atoi(string(b.Positions(input)["n"]))
			for {
				var bb record.Builder
				bb.Reset(input, input, 0)
				k := 1 + rng.IntN(30)
				for i := range k {
					v := fmt.Appendf(nil, "%d ", n+i)
					for range rng.IntN(2000) {
						v = append(v, byte(rng.Uint32()))
					}
					bb.Append(time.Now().UnixNano(), nil, v, nil)
				}
				n += k
				upTo := n
				err := b.Append(
					context.Background(),
					input,
					bb.Build(),
					[]record.Position{{Key: "n", Value: []byte(strconv.Itoa(n))}},
					func(err error) {
						if err == nil {
							out <- fmt.Sprintf("A %s %d", input, upTo)
						}
					},
				)
				if err != nil {
					fails <- err
					return
				}
			}
		}()
	}
	return <-fails
}

// What was acknowledged before a SIGKILL is read back exactly once and in order, and positions and
// cursors are those of the same moment.
func TestAcknowledgedSurvivesSIGKILLOnceAndInOrder(t *testing.T) { testKill(t, t.TempDir(), 12) }

// fluent-bit#10952: killed with SIGKILL, chunks already acknowledged fail their format check and
// are discarded.
func TestFluentBit10952_AcknowledgedDataSurvivesSIGKILL(
	t *testing.T,
) {
	testKill(t, t.TempDir(), 6)
}

func testKill(t *testing.T, dir string, kills int) {
	rng := runtest.Rand(t)

	b, err := Open(dir, crashOptions())
	if err != nil {
		t.Fatal(err)
	}
	cursor(t, b, "all").Close() // holds everything
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	acked := map[string]int{}
	committed := int64(0)
	for round := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashEnv+"="+dir)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The first kills come at any time of the start, the others while it is at work.
		timer := time.AfterFunc(
			time.Duration(rng.Int64N(int64(200*time.Millisecond))),
			func() { _ = cmd.Process.Kill() },
		)
		if round >= 3 {
			timer.Stop()
		}
		lines := bufio.NewScanner(stdout)
		working := false
		for lines.Scan() {
			f := strings.Fields(lines.Text())
			switch f[0] {
			case "A":
				if round >= 3 && !working {
					working = true
					timer.Reset(time.Duration(rng.Int64N(int64(300 * time.Millisecond))))
				}
				acked[f[1]], _ = strconv.Atoi(f[2])
			case "C":
				committed, _ = strconv.ParseInt(f[1], 10, 64)
			case "E":
				t.Errorf("child: %s", lines.Text())
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		timer.Stop()
		if t.Failed() {
			return
		}
	}
	wantBalance(t, dir)
	opt := crashOptions()
	opt.Log = small(t).Log
	b = open(t, dir, opt)
	got := map[string]int{}
	all := cursor(t, b, "all")
	b.Seal()
	for {
		batch, err := all.Next(t.Context())
		if err != nil {
			break
		}
		for _, n := range numbers(t, batch) {
			if n != got[batch.Tag] {
				t.Fatalf("input %s: record %d, want %d", batch.Tag, n, got[batch.Tag])
			}
			got[batch.Tag]++
		}
	}
	for _, input := range []string{"x", "y"} {
		if got[input] < acked[input] {
			t.Errorf(
				"input %s: %d records, but %d were acknowledged", input, got[input], acked[input],
			)
		}
		if p, _ := strconv.Atoi(string(b.Positions(input)["n"])); p != got[input] {
			t.Errorf("input %s: position %d, but %d records are stored", input, p, got[input])
		}
	}
	if acked["x"] == 0 {
		t.Error("nothing was acknowledged: the test has tested nothing")
	}
	if pos, _ := cursor(t, b, "out").Committed(); pos < committed {
		t.Errorf("cursor at %d, but %d was committed", pos, committed)
	}
	t.Logf(
		"acknowledged %v, stored %v, committed %d, %+v", acked, got, committed, b.Stats().Segments,
	)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if aside, err := os.ReadDir(dir + "/" + damagedName); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a kill counts as damage: %v %v", aside, err)
	}
}
