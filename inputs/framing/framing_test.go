package framing

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/penstock/penstock/buffer/record/costtest"
	"github.com/penstock/penstock/inputs/inputstest"
	"github.com/penstock/penstock/network/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func split(src io.Reader, mode Mode, max int) (out []string) {
	s := NewSplitter(src, mode, max)
	for {
		f, continued, err := s.Next()
		if err != nil {
			return out
		}
		mark := ""
		if continued {
			mark = "+"
		}
		out = append(out, mark+string(f))
	}
}

func TestFramesAreSplitWithinTheLimit(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
		in   string
		want []string
	}{
		{"lines", Newline, "a\r\n\nb\nc", []string{"a", "b", "c"}},
		{"digits are text", Newline, "5 <a\n", []string{"5 <a"}},
		{"long line", Newline, "0123456789abcdefghijXY\nz\n", []string{"0123456789", "+abcdefghij", "+XY", "z"}},
		{"line of exactly the limit", Newline, "0123456789\nz", []string{"0123456789", "z"}},
		{"octets", Octets, "3 a\nb5 <hell2 zz", []string{"a\nb", "<hell", "zz"}},
		{"auto", Auto, "4 <1>a<2>b\n5 apples\n4 <3>c\n4 <4>d", []string{"<1>a", "<2>b", "5 apples", "<3>c", "<4>d"}},
		{"counted frame over the limit", Octets, "22 0123456789abcdefghijXY1 z", []string{"0123456789", "+abcdefghij", "+XY", "z"}},
		{"4 GiB promised", Octets, "4294967296 0123456789abc", []string{"0123456789", "+abc"}},
		{"no number", Octets, "99999999999 x\n", []string{"9999999999", "+9 x"}},
		{"NUL ends a frame", Auto, "<1>a\x00<2>b\n<3>c\x004 <4>d\x00\x00<5>e", []string{"<1>a", "<2>b", "<3>c", "<4>d", "<5>e"}},
		{"NUL ends a line", Text, "5 <1>a\x00b\r\nc\x00\n", []string{"5 <1>a", "b", "c"}},
		{"NUL is text", Newline, "a\x00b\n", []string{"a\x00b"}},
		{"long, ended by NUL", Text, "0123456789abc\x00z\x00", []string{"0123456789", "+abc", "z"}},
		{"cut short", Octets, "9 abc", []string{"9 abc"}},
	} {
		for _, src := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
			if got := split(src, c.mode, 10); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("3 a\nb\n<1>x\n99 zz"), byte(2))
	f.Fuzz(func(t *testing.T, b []byte, mode byte) {
		m := Mode(mode % 4)
		one, two := split(bytes.NewReader(b), m, 8), split(iotest.OneByteReader(bytes.NewReader(b)), m, 8)
		if fmt.Sprintf("%q", one) != fmt.Sprintf("%q", two) {
			t.Fatalf("at once %q, by the byte %q", one, two)
		}
		if m == Newline || m == Text {
			text := strings.Join(one, "")
			kept := strings.NewReplacer("+", "", "\r", "", "\n", "", "\x00", "")
			if kept.Replace(text) != kept.Replace(string(b)) {
				t.Fatalf("%q became %q", b, one)
			}
		}
	})
}

func TestGatherOffersAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sink := inputstest.New()
	troubles := make(chan error, 100)
	g := NewGather(ctx, sink, "t", func(err error) { troubles <- err })
	sink.Fail(errors.New("not now"))
	closed := make(chan error, 1)
	for i := range 3 {
		if err := g.Add(fmt.Sprint("o", i%2), int64(i), fmt.Append(nil, i), nil); err != nil {
			t.Fatal(err)
		}
	}
	go func() { closed <- g.Close() }()
	<-troubles
	sink.Fail(nil)
	if err := <-closed; err != nil || fmt.Sprint(sink.Values()) != "[0 2 1]" {
		t.Fatal(err, sink.Values())
	}
	sink.Hold()
	g.Add("o", 1, []byte("late"), nil)
	g.Flush()
	sink.Crash()
	<-troubles
	sink.Reopen()
	sink.Release()
	if err := g.Close(); err != nil || len(sink.Values()) != 4 {
		t.Fatal(err, sink.Values())
	}
}

// What could not be stored in the time that a source has after a stop is told, with the time.
func TestWhatAStopLosesIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		late, end := StoppingAfter(ctx, 10*time.Second)
		defer end()
		sink := inputstest.New()
		sink.Block()
		g := NewGather(late, sink, "t", func(err error) { t.Error(err) })
		for range 3 {
			if err := g.Add("o", 1, []byte("x"), nil); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		begun := time.Now()
		err := g.Close()
		const want = "3 records are lost: they could not be stored within 15s of the stop"
		if took := time.Since(begun); err == nil || err.Error() != want || took != 15*time.Second {
			t.Fatalf("%v after %v", err, took)
		}
	})
}

func TestDatagramsTakeWhatHasArrivedWhenStopped(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		addr := "127.0.0.1:0"
		if network == "unixgram" {
			addr = filepath.Join(t.TempDir(), "s")
		}
		pc, err := net.ListenPacket(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		to, err := net.Dial(network, pc.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		const count = 5 // a unix socket's queue is short
		for i := range count {
			fmt.Fprint(to, "m", i)
		}
		fmt.Fprint(to, strings.Repeat("x", 100))
		sink := inputstest.New()
		late, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		g := NewGather(late, sink, "t", func(err error) { t.Error(err) })
		cut := 0
		d := Datagrams{
			Max:           64,
			ReceiveBuffer: 1 << 20,
			Handle: func(host string, msg []byte, truncated bool) error {
				if truncated {
					cut++
				}
				return g.Add(host, 1, msg, nil)
			},
		}
		stopped, stop := context.WithCancel(context.Background())
		stop()
		if err := d.Serve(stopped, pc, g); err != nil {
			t.Fatal(err)
		}
		if n := len(sink.Values()); n != count+1 || cut != 1 || sink.Values()[count-1] != "m4" {
			t.Fatalf("%s: %d records, %d truncated", network, n, cut)
		}
		want := "127.0.0.1"
		if network == "unixgram" {
			want = "unix"
		}
		if o := sink.Records()[0].Origin; o != want {
			t.Fatalf("origin %q", o)
		}
	}
}

// However much has arrived, a stop takes all of it.
func TestDatagramsBeyondABurstAreTakenWhenStopped(t *testing.T) {
	pc, err := net.ListenPacket("unixgram", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	to, err := net.Dial("unixgram", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	late, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sink := inputstest.New()
	g := NewGather(late, sink, "t", func(err error) { t.Error(err) })
	const count = 2*burst + 1
	sent := 0
	send := func() error { // the next one lies there when one is taken: the queue is short
		sent++
		_, err := io.WriteString(to, "m")
		return err
	}
	d := Datagrams{Max: 64, Handle: func(host string, msg []byte, _ bool) error {
		if sent < count {
			if err := send(); err != nil {
				return err
			}
		}
		return g.Add(host, 1, msg, nil)
	}}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if err := d.Serve(stopped, pc, g); err != nil {
		t.Fatal(err)
	}
	if n := len(sink.Values()); n != count {
		t.Fatalf("%d records of %d", n, count)
	}
}

func TestStreamsTakeWhatHasArrivedWhenStopped(t *testing.T) {
	for _, secure := range []bool{false, true} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		to, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if secure {
			client := tls.Client(to, &tls.Config{InsecureSkipVerify: true})
			server := tls.Server(nc, certtest.New(t).Server("relay", false))
			shaken := make(chan error, 1)
			go func() { shaken <- server.Handshake() }()
			if err := errors.Join(client.Handshake(), <-shaken); err != nil {
				t.Fatal(err)
			}
			to, nc = client, server
		}
		const count = 5000 // many reads, and some records of TLS
		var sent strings.Builder
		for i := range count {
			fmt.Fprintf(&sent, "line %d\n", i)
		}
		if _, err := io.WriteString(to, sent.String()+"unfinished"); err != nil {
			t.Fatal(err)
		}
		stopped, stop := context.WithCancel(context.Background())
		stop()
		sink, err := serve(t, stopped, nc)
		if err != nil {
			t.Fatal(err)
		}
		got := sink.Values()
		if len(got) != count+1 || strings.Join(got, "\n") != sent.String()+"unfinished" {
			t.Fatalf("TLS %v: %d lines, the last is %q", secure, len(got), got[max(0, len(got)-1):])
		}
	}
}

// A sender that goes on sending does not hold up a stop.
func TestStreamIsCutOffAfterAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, to := net.Pipe()
		stopped, stop := context.WithCancel(context.Background())
		stop()
		begun := time.Now()
		ended := make(chan error, 1)
		go func() {
			_, err := serve(t, stopped, nc)
			nc.Close()
			ended <- err
		}()
		tick := time.NewTicker(Quiet / 2)
		defer tick.Stop()
		for err := error(nil); err == nil; <-tick.C {
			_, err = io.WriteString(to, "line\n")
		}
		if err := <-ended; err != ErrCutOff || time.Since(begun) > LastWords+Quiet {
			t.Fatalf("%v after %v", err, time.Since(begun))
		}
	})
}

// serve takes the lines of a connection.
func serve(t *testing.T, ctx context.Context, nc net.Conn) (*inputstest.MemSink, error) {
	late, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sink := inputstest.New()
	g := NewGather(late, sink, "t", func(err error) { t.Error(err) })
	s := Stream{Mode: Newline, Max: 1 << 10, Handle: func(frame []byte, _ bool) error {
		return g.Add("o", 1, frame, nil)
	}}
	return sink, s.Serve(ctx, nc, g)
}

// Frames of one byte are found in time linear in what was read, whatever ends them.
func TestShortFramesAreFoundOneByOne(t *testing.T) {
	for _, end := range []string{"\x00", "\n"} {
		in := strings.Repeat("x", 4<<20) + end + strings.Repeat("a"+end, 2<<20)
		begun := costtest.CPU()
		if n := len(split(strings.NewReader(in), Text, 8<<20)); n != 1+2<<20 {
			t.Fatalf("%d frames", n)
		}
		// a look at all that follow takes minutes
		if took := costtest.CPU() - begun; took > 10*time.Second {
			t.Fatalf("took %v of the processor", took)
		}
	}
}
