package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/outputs/replay"
)

func TestAReplayTellsHowFarItIs(t *testing.T) {
	now := time.Now()
	since := now.Add(-10 * time.Second)
	for want, r := range map[string]replay.Reached{
		"0 of 1 record, 0 a second": {Since: since, OfRecords: 1},
		"1,000 of 7,000 records, 100 a second, about 60 s to go": {
			Since: since, Records: 1000, OfRecords: 7000,
		},
		"90 of 100 records, 9 a second, about 1 s to go": {
			Since: since, Records: 90, OfRecords: 100,
		},
		"999 of 1,000 records, 99 a second, less than a second to go": {
			Since: since, Records: 999, OfRecords: 1000,
		},
		"3 of 12 objects, 1.0 MiB of 2.0 MiB, 5,000 records, 500 a second, about 10 s to go": {
			Since: since, Records: 5000, Objects: 3, OfObjects: 12, Bytes: 1 << 20, OfBytes: 2 << 20,
		},
		"12 of 12 objects, 2.0 MiB of 2.0 MiB, 5,000 records, 500 a second": {
			Since: since, Records: 5000, Objects: 12, OfObjects: 12, Bytes: 2 << 20, OfBytes: 2 << 20,
		},
	} {
		if got := reached(r, now); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestHowFarItIsIsToldEverySoOften(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			ended := tell(terminal, func(time.Time) { n++ })
			time.Sleep(25*time.Second + time.Millisecond)
			ended()
			if want := map[bool]int{false: 2, true: 25}[terminal]; n != want {
				t.Errorf("terminal %v: %d times, not %d", terminal, n, want)
			}
		})
	}
}

func TestTheLastLineStaysBelowTheLog(t *testing.T) {
	var to bytes.Buffer
	l := &liveLine{w: &to}
	l.show("")
	_, _ = l.Write([]byte("first\n"))
	l.show("1 of 2")
	_, _ = l.Write([]byte("second\n"))
	l.show("2 of 2")
	l.show("")
	_, _ = l.Write([]byte("third\n"))
	const clear = "\r\x1b[K"
	want := "first\n" + clear + "1 of 2" + clear + "second\n1 of 2" + clear + "2 of 2" + clear + "third\n"
	if to.String() != want {
		t.Errorf("%q, not %q", to.String(), want)
	}
}
