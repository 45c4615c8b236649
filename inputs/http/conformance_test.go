package http

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func TestConformance(t *testing.T) {
	inputstest.Conformance(t, inputstest.Acknowledged, func(t testing.TB) inputstest.Driver {
		return &inputstest.Socket{
			New: func(env inputs.Env) (inputstest.Listener, error) {
				cfg := Default()
				cfg.Listen, cfg.Wait = "127.0.0.1:0", time.Second
				return New(cfg, env)
			},
			Write: post,
		}
	})
}

// post sends values as lines and wants the answer 200.
func post(nc net.Conn, values []string) error {
	body := strings.NewReader(strings.Join(values, "\n"))
	req, err := http.NewRequest("POST", "http://test/t", body)
	if err != nil {
		return err
	}
	if err := req.Write(nc); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(nc), req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}
