package timefmt

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/buffer/record/runtest"
)

func TestSecor1787_TimestampsOfEachUnit(t *testing.T) {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	near := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC).UnixNano()
	for _, c := range []struct{ format, text, want string }{
		{"auto", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
		{"auto", "2026-01-02T03:04:05.123456789+05:30", "2026-01-01T21:34:05.123456789Z"},
		{"auto", "2026-01-02 03:04:05,5 +0100", "2026-01-02T02:04:05.5Z"},
		{"auto", "2026-07-02T03:04:05", "2026-07-02T01:04:05Z"}, // Berlin
		{"auto", "2026-01-02", "2026-01-01T23:00:00Z"},
		{"auto", "20260102T030405Z", "2026-01-02T03:04:05Z"},
		{"auto", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"auto", "1501560000", "2017-08-01T04:00:00Z"},
		{"auto", "1501560000123", "2017-08-01T04:00:00.123Z"},
		{"auto", "1501560000123456", "2017-08-01T04:00:00.123456Z"},
		{"auto", "1501560000123456789", "2017-08-01T04:00:00.123456789Z"},
		{"auto", "1501560000.123456789", "2017-08-01T04:00:00.123456789Z"},
		{"auto", "1.501560e9", "2017-08-01T04:00:00Z"},
		{"epoch_ms", "1501560000123.456", "2017-08-01T04:00:00.123456Z"},
		{"auto", "-1.5", "1969-12-31T23:59:58.5Z"},
		{"%s.%f", "-1.5", "1969-12-31T23:59:58.5Z"},
		{"epoch_ms", "1501560000", "1970-01-18T09:06:00Z"},
		{"epoch_s", "1501560000", "2017-08-01T04:00:00Z"},
		{"iso8601", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"%d/%b/%Y:%H:%M:%S %z", "01/Aug/2017:06:00:00 +0200", "2017-08-01T04:00:00Z"},
		{"%Y-%m-%d %I:%M %p", "2017-08-01 12:30 AM", "2017-07-31T22:30:00Z"},
		{"%s.%f", "1501560000.25", "2017-08-01T04:00:00.25Z"},
		{"%A, %d %B %Y %T %Z", "Tuesday, 01 August 2017 04:00:00 GMT", "2017-08-01T04:00:00Z"},
		{"%Y%j", "2017213", "2017-07-31T22:00:00Z"},
		{"auto", "2001-07-04Z", "2001-07-04T00:00:00Z"},
		{"auto", "2026-10-12+02:00", "2026-10-11T22:00:00Z"},
		{"auto", "2026-01-02T24:00:00Z", "2026-01-03T00:00:00Z"},
		{"iso8601", "2026-12-31 24:00:00", "2026-12-31T23:00:00Z"},
		{"auto", "Fri, 02 Jan 2026 03:04:05 GMT", "2026-01-02T03:04:05Z"},
		{"auto", "2 Jan 26 03:04 EST", "2026-01-02T08:04:00Z"},
		{"rfc1123", "Fri, 02 Jan 2026 03:04:05 +0100", "2026-01-02T02:04:05Z"},
		{"auto", "2026-01-02 03:04:05 PST", "2026-01-02T11:04:05Z"},
		{"auto", "2026-01-02 03:04:05 EST", "2026-01-02T08:04:05Z"},
		{"auto", "2026-01-02 03:04:05 GMT+5:30", "2026-01-01T21:34:05Z"},
		{"auto", "2026-07-02 03:04:05 CEST", "2026-07-02T01:04:05Z"},
		{"%F %T %Z", "2026-07-02 03:04:05 PDT", "2026-07-02T10:04:05Z"},
		{"%F %T %Z", "2026-07-02 03:04:05 UTC-3", "2026-07-02T06:04:05Z"},
		{"%G-W%V-%u", "2026-W01-4", "2025-12-31T23:00:00Z"},
		{"%G-W%V", "2020-W53", "2020-12-27T23:00:00Z"},
		{"%G-W%V-%a %T", "2026-W48-Sat 01:02:03", "2026-11-28T00:02:03Z"},
		// the record's own time is half an hour into 2026
		{"%b %e %T", "Dec 31 23:59:59", "2025-12-31T22:59:59Z"},
		{"%b %e %T", "Jan  1 01:00:00", "2026-01-01T00:00:00Z"},
		{"%m-%dT%TZ", "12-31T23:59:59Z", "2025-12-31T22:59:59Z"},
		{"%H:%M %z", "23:50 +0000", "2025-12-31T23:50:00Z"},
		{"%G-W%V-%u", "2025-W53-1", ""}, {"%G-W%V-%u", "2026-W00-1", ""}, {"%G-W%V-%u", "2026-W01-8", ""},
		{"%Y%j", "2017000", ""}, {"%Y%j", "2017366", ""}, {"%b %e", "Feb 29", ""}, {"auto", "2026-01-02T24:00:01Z", ""},
		{"auto", "2026-01-02 03:04:05 XYZ", ""}, {"auto", "2026-01-02 03:04:05 BST", ""}, {"rfc1123", "Fri, 02 Foo 2026 03:04:05 GMT", ""},
		{"auto", "Fri, 02 Jan 2026", ""}, {"rfc1123", "2 Jan 20", ""},
		{"auto", "2026-02-29", ""}, {"auto", "2026-13-01", ""}, {"auto", "2026-01-02T25:00:00Z", ""}, {"auto", "", ""},
		{"auto", "2026-01-02T03:04:05Zjunk", ""}, {"auto", "Infinity", ""}, {"auto", "0x10", ""}, {"auto", "NaN", ""}, {"auto", "-", ""},
		{"auto", "99999999999999999999999", ""}, {"iso8601", "1501560000", ""}, {"epoch", "2026-01-02", ""}, {"%Y", "17", ""}, {"%H:%M", "99:10", ""},
	} {
		f, err := New(c.format, berlin)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Text([]byte(c.text), near)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s %q: got %v, want an error", c.format, c.text, time.Unix(0, got).UTC())
			}
			continue
		}
		if s := time.Unix(0, got).UTC().Format(time.RFC3339Nano); err != nil || s != c.want {
			t.Errorf("%s %q: got %s (%v), want %s", c.format, c.text, s, err, c.want)
		}
	}
}

// What our parser and Go's take, they take for the same time.
func TestISOAgreesWithTime(t *testing.T) {
	rng := runtest.Rand(t)
	for range 20000 {
		at := time.Unix(rng.Int64N(8e9)-1e9, rng.Int64N(1e9)).
			In(time.FixedZone("", (rng.IntN(57)-28)*1800))
		text := at.Format(time.RFC3339Nano)
		got, err := parseISO([]byte(text), time.UTC)
		if err != nil || got != at.UnixNano() {
			t.Fatalf("%s: %d %v, want %d", text, got, err, at.UnixNano())
		}
		s, err := Compile("%Y-%m-%dT%H:%M:%S.%f%z")
		if err != nil {
			t.Fatal(err)
		}
		text = string(s.Append(nil, at))
		if got, err = s.Parse([]byte(text), time.UTC, 0); err != nil ||
			got != at.Truncate(time.Microsecond).UnixNano() {
			t.Fatalf("%s: %d %v, want %d", text, got, err, at.UnixNano())
		}
	}
}

// A number is the time that its digits say, whatever its unit and form; what is less than a
// nanosecond is cut off.
func TestEpochsKeepTheirDigits(t *testing.T) {
	rng := runtest.Rand(t)
	for range 50_000 {
		name, scale := "epoch_s", int64(1e9)
		switch rng.IntN(3) {
		case 1:
			name, scale = "epoch_ms", 1e6
		case 2:
			name, scale = "epoch_us", 1e3
		}
		f, err := New(name, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		digits := rng.IntN(12)
		text := fmt.Sprintf("%d.%0*d", rng.Int64N(4e18/scale), digits, rng.Int64N(1e9))
		text = text[:strings.IndexByte(text, '.')+1+digits]
		if rng.IntN(4) == 0 {
			text = "-" + text
		}
		exact, ok := new(big.Rat).SetString(text + "0")
		if !ok {
			t.Fatal(text)
		}
		exact.Mul(exact, big.NewRat(scale, 1))
		want := new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()
		if got, err := f.Text([]byte(text), 0); err != nil || got != want {
			t.Fatalf("%s %s: %d, %v, want %d", name, text, got, err, want)
		}

		// As a float64, which some write with an exponent.
		ms := rng.Int64N(4e12)
		x := float64(ms) / 1e3
		f, _ = New("auto", time.UTC)
		for _, form := range []byte("efg") {
			text := strconv.AppendFloat(nil, x, form, -1, 64)
			if got, err := f.Text(text, 0); err != nil || got != ms*1e6 {
				t.Fatalf("%s: %d, %v, want %d", text, got, err, ms*1e6)
			}
		}
		if got, err := f.Float(x); err != nil || got != ms*1e6 {
			t.Fatalf("%v: %d, %v, want %d", x, got, err, ms*1e6)
		}
	}
}

// An abbreviation that two regions share means what it means where the times were written.
func TestAbbreviationsOfALocation(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	f, err := New("%F %T %Z", london)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-07-02 03:04:05 BST": "2026-07-02T02:04:05Z",
		"2026-10-25 01:30:00 BST": "2026-10-25T00:30:00Z",
		"2026-10-25 01:30:00 GMT": "2026-10-25T01:30:00Z",
	} {
		got, err := f.Text([]byte(text), 0)
		if s := time.Unix(0, got).UTC().Format(time.RFC3339); err != nil || s != want {
			t.Errorf("%s: %s (%v), want %s", text, s, err, want)
		}
	}
	if _, err := f.Text([]byte("2026-01-02 03:04:05 BST"), 0); err == nil {
		t.Error("summer time in winter was taken")
	}
}

// A time that is written without its year, or without its date, is read back whole by whoever knows
// about when it was.
func TestWhatIsLeftOutIsFilledIn(t *testing.T) {
	rng := runtest.Rand(t)
	zones := []*time.Location{
		time.UTC,
		time.FixedZone("", 5*3600+1800),
		time.FixedZone("", -8*3600),
	}
	for range 20_000 {
		loc := zones[rng.IntN(len(zones))]
		at := time.Unix(1e9+rng.Int64N(2e9), 0).In(loc)
		for pattern, within := range map[string]time.Duration{"%b %d %T": 182 * day, "%T": 11 * time.Hour} {
			f, err := New(pattern, loc)
			if err != nil {
				t.Fatal(err)
			}
			near := at.Add(time.Duration(rng.Int64N(int64(2*within))) - within)
			text := f.pattern.Append(nil, at)
			got, err := f.Text(text, near.UnixNano())
			if err != nil || got != at.UnixNano() {
				t.Fatalf(
					"%s of %v near %v: %v (%v)", text, at, near, time.Unix(0, got).In(loc), err,
				)
			}
		}
	}
}

func TestPatternsThatTellNoTime(t *testing.T) {
	for _, pattern := range []string{"%V-%u", "%G-%u", "%G-W%V-%d", "%j", "%d %T", "%m %T", "%%", "%Z", "%a"} {
		if _, err := New(pattern, time.UTC); err == nil {
			t.Errorf("%s was taken", pattern)
		} else {
			t.Log(err)
		}
	}
}

// What RFC3339 takes it reads as time.Parse does.
func TestRFC3339(t *testing.T) {
	rng := runtest.Rand(t)
	taken := 0
	for range 200_000 {
		text := []byte(
			[]string{"2026-01-02T03:04:05Z", "1969-12-31T23:59:59.999Z", "2024-02-29T12:00:00.123456789+05:30", "9999-12-31T23:59:59-11:45"}[rng.IntN(4)],
		)
		for range rng.IntN(3) {
			text[rng.IntN(len(text))] = "0123456789-:TZ+. t"[rng.IntN(18)]
		}
		s, nano, ok := RFC3339(text)
		if !ok {
			continue
		}
		taken++
		want, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil || s != want.Unix() || nano != want.Nanosecond() {
			t.Fatalf("%s is %d s %d ns, want %v, %v", text, s, nano, want, err)
		}
	}
	if taken < 50_000 {
		t.Errorf("%d of 200,000 taken", taken)
	}
}

// A memo changes nothing, whatever was read before.
func TestMemoChangesNothing(t *testing.T) {
	rng := runtest.Rand(t)
	for _, name := range []string{"auto", "iso8601", "rfc1123", "epoch", "%Y-%m-%dT%H:%M:%SZ"} {
		f, err := New(name, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		var m Memo
		read := 0
		for range 50_000 {
			text := []byte([]string{
				"2026-01-02T03:04:05Z", "2026-01-02T03:04:59.999Z", "1969-12-31 23:59:59.123456789Z",
				"2026-01-02T24:00:00Z", "2262-04-11T23:47:16.854775807Z", "1677-09-21T00:12:44Z", "2 Jan 2006 15:04:05Z",
			}[rng.IntN(7)])
			for range rng.IntN(3) {
				text[rng.IntN(len(text))] = "0123456789-:TZ+. t"[rng.IntN(18)]
			}
			text = text[:len(text)-rng.IntN(2)*rng.IntN(4)]
			want, wantErr := f.Text(text, 0)
			got, err := f.TextMemo(&m, text, 0)
			if got != want || err != wantErr {
				t.Fatalf("%s: %s is %d, %v, want %d, %v", name, text, got, err, want, wantErr)
			}
			if err == nil {
				read++
			}
		}
		if name == "auto" && read < 10_000 {
			t.Errorf("%d of 50,000 were times", read)
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	f.Add("auto", "2026-01-02T03:04:05.5+01:00")
	f.Add("%d/%b/%Y:%H:%M:%S %z", "01/Aug/2017:06:00:00 +0200")
	f.Add("epoch", "1.5e9")
	f.Add("rfc1123", "Fri, 2 Jan 26 03:04 EST")
	f.Add("%G-W%V-%u %H:%M", "2026-W01-4 24:00")
	f.Fuzz(func(t *testing.T, format, text string) {
		tf, err := New(format, time.UTC)
		if err != nil {
			return
		}
		_, _ = tf.Text([]byte(text), 0)
	})
}
