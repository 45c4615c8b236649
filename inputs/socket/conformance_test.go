package socket

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/penstock/penstock/inputs"
	"github.com/penstock/penstock/inputs/inputstest"
)

func writeLines(nc net.Conn, values []string) error {
	_, err := io.WriteString(nc, strings.Join(values, "\n")+"\n")
	return err
}

func TestConformanceOfTCP(t *testing.T) {
	inputstest.Conformance(t, inputstest.Once, func(t testing.TB) inputstest.Driver {
		return &inputstest.Socket{
			New: func(env inputs.Env) (inputstest.Listener, error) {
				cfg := DefaultTCP()
				cfg.Listen = "127.0.0.1:0"
				return NewTCP(cfg, env)
			},
			Write: writeLines,
		}
	})
}

func TestConformanceOfUDP(t *testing.T) {
	inputstest.Conformance(t, inputstest.Once, func(t testing.TB) inputstest.Driver {
		return &inputstest.Socket{
			New: func(env inputs.Env) (inputstest.Listener, error) {
				cfg := DefaultUDP()
				cfg.Listen = "127.0.0.1:0"
				return NewUDP(cfg, env)
			},
			Write: writeLines,
		}
	})
}
