package syslog

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

// first is a Syslog with one address.
type first struct{ *Syslog }

func (s first) Addr(ctx context.Context) (net.Addr, error) { return s.Syslog.Addr(ctx, 0) }

func TestConformance(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			inputstest.Conformance(t, inputstest.Once, func(t testing.TB) inputstest.Driver {
				return &inputstest.Socket{
					New: func(env inputs.Env) (inputstest.Listener, error) {
						cfg := Default()
						cfg.Listen = []string{network + "://127.0.0.1:0"}
						s, err := New(cfg, env)
						return first{s}, err
					},
					Write: writeMessages,
				}
			})
		})
	}
}

// writeMessages writes each message by itself, which is a datagram where these are.
func writeMessages(nc net.Conn, values []string) error {
	for _, v := range values {
		if _, err := fmt.Fprintf(nc, "<34>Oct 11 22:14:15 web-1 app: %s\n", v); err != nil {
			return err
		}
	}
	return nil
}
