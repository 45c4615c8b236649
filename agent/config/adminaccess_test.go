package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/network/tlsconf"
)

func TestWhoReachesTheAdminServerIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a    Admin
		want string // "": fine
	}{
		{Admin{}, ""},
		{Admin{Listen: "127.0.0.1:9600"}, ""},
		{Admin{Listen: "localhost:9600"}, ""},
		{Admin{Listen: "unix:///run/penstock/admin.sock", Mode: "0660", Group: "adm"}, ""},
		{Admin{Listen: ":9600"}, `anonymous = "metrics"`},
		{Admin{Listen: "0.0.0.0:9600"}, `token = env("`},
		{Admin{Listen: "[::]:9600", Anonymous: "metrics"}, ""},
		{Admin{Listen: "10.1.2.3:9600", Token: "long enough"}, ""},
		{Admin{Listen: "10.1.2.3:9600", TLS: &tlsconf.Server{}}, "client_ca_file"},
		{Admin{Listen: "10.1.2.3:9600", TLS: &tlsconf.Server{ClientCAFile: "x"}}, ""},
		{Admin{Listen: "10.1.2.3:9600", Token: "short"}, "at least 8"},
		{Admin{Listen: "127.0.0.1:1", Token: "the same", ReadToken: "the same"}, "must not be token"},
		{Admin{Listen: "127.0.0.1:1", Mode: "0660"}, "unix socket"},
		{Admin{Listen: "unix://run", Mode: "0660"}, "no path"},
		{Admin{Listen: "unix:///run/x", Mode: "rw"}, "octal"},
	} {
		text := ""
		if err := errors.Join(c.a.check()...); err != nil {
			text = err.Error()
		}
		if (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%+v: %q, want %q", c.a, text, c.want)
		}
	}
}
