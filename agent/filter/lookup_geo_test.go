package filter

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// geoDatabase returns a database that knows 198.51.100.0/24 and 2001:db8::/32.
func geoDatabase(t testing.TB, city string) []byte {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test", RecordSize: 24, IncludeReservedNetworks: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	row := mmdbtype.Map{
		"country": mmdbtype.Map{
			"iso_code": mmdbtype.String("DE"), "geoname_id": mmdbtype.Uint32(2921044),
		},
		"city":     mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(city)}},
		"location": mmdbtype.Map{"latitude": mmdbtype.Float64(52.5)},
		"anycast":  mmdbtype.Bool(true),
		"lists":    mmdbtype.Slice{mmdbtype.String("a"), mmdbtype.Uint64(1 << 63)},
	}
	for _, network := range []string{"198.51.100.0/24", "2001:db8::/32"} {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, row); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestLookupOfAddresses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "geo.mmdb")
	write := func(data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(geoDatabase(t, "Berlin"))
	open := func(take ...string) *Lookup {
		f, err := NewLookup(LookupConfig{
			Table: file, Key: must(t, "field.ip"), Into: "geo", Take: take, Reload: time.Nanosecond,
		}, Env{Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	one := func(f *Lookup, ip string) string {
		return strings.TrimPrefix(values(t, apply(f, batch(`{"ip":"`+ip+`"}`)))[0], "100:")
	}
	f := open()
	const all = `{"anycast":true,"city":{"names":{"en":"Berlin"}},` +
		`"country":{"geoname_id":2921044,"iso_code":"DE"},"lists":["a",9223372036854775808],` +
		`"location":{"latitude":52.5}}`
	if got, want := one(f, "198.51.100.7"), `{"ip":"198.51.100.7","geo":`+all+`}`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	for _, none := range []string{"203.0.113.9", "no address", "", "::"} {
		if got := one(f, none); strings.Contains(got, "geo") {
			t.Errorf("%q is somewhere: %s", none, got)
		}
	}
	if n := testutil.ToFloat64(f.missed); n != 4 {
		t.Errorf("%v are told as missed", n)
	}
	f = open("country.iso_code", "city.names.en", "country.geoname_id", "nothing.such")
	const some = `"geo":{"city":{"names":{"en":"Berlin"}},` +
		`"country":{"geoname_id":2921044,"iso_code":"DE"}}}`
	for _, ip := range []string{
		"198.51.100.255", "2001:db8::1", "2001:db8::1%eth0", "[2001:db8::1]", "::ffff:198.51.100.1",
	} {
		if got, want := one(f, ip), `{"ip":"`+ip+`",`+some; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	write(geoDatabase(t, "Bernau bei Berlin"))
	if got := one(f, "198.51.100.1"); !strings.Contains(got, "Bernau") {
		t.Errorf("not read again: %s", got)
	}
	write([]byte("cut off"))
	if got := one(f, "198.51.100.1"); !strings.Contains(got, "Bernau") ||
		testutil.ToFloat64(f.failed) != 1 {
		t.Errorf("the broken one is in use: %s", got)
	}
}

func TestMistakesInLookupsOfAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		column, want string
		take         []string
	}{
		{column: "ip", want: "column: has no meaning"},
		{take: []string{"a", "a.b"}, want: "overlap"},
		{take: []string{"a.b", "a"}, want: "overlap"},
		{take: []string{"a", "a"}, want: "overlap"},
		{take: []string{"a..b"}, want: "is no path"},
	} {
		cfg := LookupConfig{
			Table: "x.mmdb", Key: must(t, "key"), Column: c.column, Take: c.take,
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, not %q", err, c.want)
		}
	}
}

// A database that is damaged leaves records as they are, and is no end of the process. Each input
// is the places of up to eight bytes that are other ones, and by how much. To open a database takes
// milliseconds: it is opened once, and damaged and mended below its reader.
func FuzzLookupOfAddresses(f *testing.F) {
	whole := geoDatabase(f, "Berlin")
	data := bytes.Clone(whole)
	all, err := newNetworks(data, nil)
	if err != nil {
		f.Fatal(err)
	}
	some := &networks{db: all.db, take: [][]any{
		{"country", "iso_code"}, {"lists"}, {"location", "latitude"},
	}}
	addresses := []netip.Addr{
		netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1"),
		netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("::"),
	}
	f.Add([]byte{})
	for at := 0; at < len(whole); at += 37 {
		f.Add([]byte{byte(at >> 8), byte(at), 0xff})
	}
	f.Fuzz(func(t *testing.T, damage []byte) {
		copy(data, whole)
		for i := 0; i+2 < len(damage) && i < 24; i += 3 {
			data[(int(damage[i])<<8|int(damage[i+1]))%len(data)] ^= damage[i+2]
		}
		for _, addr := range addresses {
			for _, n := range []*networks{all, some} {
				if row, err := n.findAddr(addr); err != nil && row != nil {
					t.Errorf("%s: %v with an error: %v", addr, row, err)
				}
			}
		}
	})
}

// A database whose own description is damaged is opened or refused, and then does the same.
func FuzzOpenOfAddresses(f *testing.F) {
	whole := geoDatabase(f, "Berlin")
	at := bytes.LastIndex(whole, []byte("MaxMind.com"))
	f.Add(whole[at:])
	f.Fuzz(func(t *testing.T, description []byte) {
		n, err := newNetworks(append(bytes.Clone(whole[:at]), description...), nil)
		if err != nil {
			return
		}
		_, _ = n.find("198.51.100.1")
	})
}

func BenchmarkLookupOfAddresses(b *testing.B) {
	data := geoDatabase(b, "Berlin")
	for name, take := range map[string][]string{"all": nil, "country": {"country.iso_code"}} {
		b.Run(name, func(b *testing.B) {
			n, err := newNetworks(data, take)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := n.find("198.51.100.1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestDamagedDatabasesOfAddressesLeaveRecordsAlone(t *testing.T) {
	t.Parallel()
	whole := geoDatabase(t, "Berlin")
	for at := range whole {
		data := bytes.Clone(whole)
		data[at] ^= 0xff
		n, err := newNetworks(data, nil)
		if err != nil {
			continue
		}
		if _, err := n.find("198.51.100.1"); err == nil {
			continue
		}
		file := filepath.Join(t.TempDir(), "geo.mmdb")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := NewLookup(
			LookupConfig{Table: file, Key: must(t, "field.ip")},
			Env{Metrics: prometheus.NewRegistry()},
		)
		if err != nil {
			t.Fatal(err)
		}
		got := values(t, apply(f, batch(`{"ip":"198.51.100.1"}`)))[0]
		if got != `100:{"ip":"198.51.100.1"}` || testutil.ToFloat64(f.damaged) != 1 {
			t.Errorf("byte %d: %s", at, got)
		}
		return
	}
	t.Fatal("no byte matters")
}
