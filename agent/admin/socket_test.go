package admin

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/buffer/record/runtest"
)

// start starts a server on loopback and on a socket in a directory of its own.
func start(t *testing.T, o Options) (*Server, *runtest.LogBuffer) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	var text runtest.LogBuffer
	s, err := Start(o, amiss(), slog.New(slog.NewTextHandler(&text, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, &text
}

// answerOn returns with what status the server answers on its address (socket "") or a socket.
func answerOn(t *testing.T, s *Server, socket, method, path, token string) int {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	if socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// Who owns the socket needs no token on it; others do, wherever there is one, and may read alone
// where that is said.
func TestSocketBesideTheAddress(t *testing.T) {
	t.Parallel()
	const command = "/api/none" // that the fake does not have
	for _, c := range []struct {
		name         string
		o            Options
		mode         os.FileMode
		read, change int // status without a token on the socket
	}{
		{"its owner's", Options{}, 0o600, 200, 405},
		{"its owner's, with tokens for others", Options{Token: "a long token"}, 0o600, 200, 405},
		{"wider, without tokens", Options{Mode: "0660"}, 0o660, 200, 405},
		{"wider", Options{Mode: "0660", Token: "a long token"}, 0o660, 401, 401},
		{
			"wider, to read", Options{Mode: "0660", Token: "a long token", Anonymous: AnonymousRead},
			0o660, 200, 403,
		},
	} {
		o := c.o
		o.Socket = filepath.Join(t.TempDir(), "a.sock")
		s, _ := start(t, o)
		info, err := os.Stat(s.Socket())
		if err != nil || info.Mode().Perm() != c.mode {
			t.Fatalf("%s: %v %v", c.name, info, err)
		}
		if got := answerOn(t, s, o.Socket, "GET", "/api/status", ""); got != c.read {
			t.Errorf("%s: reading is answered %d, want %d", c.name, got, c.read)
		}
		if got := answerOn(t, s, o.Socket, "POST", "/healthz", ""); got != c.change {
			t.Errorf("%s: a command is answered %d, want %d", c.name, got, c.change)
		}
		if o.Token == "" {
			continue
		}
		if got := answerOn(t, s, o.Socket, "GET", "/api/status", o.Token); got != 200 {
			t.Errorf("%s: with a token %d", c.name, got)
		}
		if got := answerOn(t, s, "", "POST", command, ""); got != 401 && got != 403 {
			t.Errorf("%s: a command on the address is answered %d", c.name, got)
		}
		s.Close()
		if _, err := os.Stat(o.Socket); !os.IsNotExist(err) {
			t.Errorf("%s: the socket is left: %v", c.name, err)
		}
	}
}

// Where there can be no socket the address serves all the same, and the log says why.
func TestThereNeedBeNoSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken, err := net.Listen("unix", filepath.Join(dir, "taken"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	other, err := net.ListenPacket("unixgram", filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{
		filepath.Join(dir, strings.Repeat("x", maxSocketPath)): "of which a socket can have",
		filepath.Join(dir, "taken"):                            syscall.EADDRINUSE.Error(),
		filepath.Join(dir, "other"):                            "may be in use by another process",
		file:                                                   "is no socket",
		filepath.Join(dir, "missing", "a.sock"):                "no such file or directory",
	} {
		s, log := start(t, Options{Socket: path})
		if s.Socket() != "" || answerOn(t, s, "", "GET", "/api/status", "") != 200 {
			t.Errorf("%s: %q", path, s.Socket())
		}
		if text := log.String(); !strings.Contains(text, "there is no admin socket") ||
			!strings.Contains(text, why) || !strings.Contains(text, s.Addr()) {
			t.Errorf("%s: %s", path, text)
		}
		s.Close()
	}
	if c, err := net.Dial("unix", filepath.Join(dir, "taken")); err != nil || c.Close() != nil {
		t.Errorf("the socket of another is gone: %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// What a killed agent has left is replaced; as long a path as there can be is served.
func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, strings.Repeat("s", maxSocketPath-len(dir)-1))
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	s, log := start(t, Options{Socket: path})
	if s.Socket() != path || answerOn(t, s, path, "GET", "/api/status", "") != 200 {
		t.Errorf("%q: %s", s.Socket(), log)
	}
}
