package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// refusedError is an answer that would be the same again.
type refusedError struct {
	status int
	said   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.said) }

// requests encodes a snapshot for opentsdb and otlp.
func (p *Pusher) requests(families []*dto.MetricFamily, at time.Time) [][]byte {
	switch {
	case p.cfg.To == "otlp":
		return [][]byte{p.otlp.encode(families, at)}
	case p.overHTTP():
		return p.tsdb.requests(points(families), at)
	}
	return [][]byte{p.tsdb.lines(points(families), at)}
}

func (p *Pusher) overHTTP() bool { return strings.HasPrefix(p.cfg.Address, "http") }

// send sends the requests of a snapshot. It sends them all again if one fails: points have their
// times, so that nothing counts twice.
func (p *Pusher) send(ctx context.Context, requests [][]byte) error {
	for _, body := range requests {
		var err error
		if p.overHTTP() {
			err = p.post(ctx, body)
		} else {
			err = p.lines(ctx, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Pusher) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(
		ctx, http.MethodPost, p.cfg.Address, bytes.NewReader(body),
	)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.cfg.To == "otlp" {
		req.Header.Set("Content-Type", "application/x-protobuf")
	}
	for name, value := range p.cfg.Headers {
		req.Header.Set(name, value)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 300))
	switch {
	case resp.StatusCode < 300:
		return err
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return fmt.Errorf("status %d: %s", resp.StatusCode, said)
	}
	return &refusedError{resp.StatusCode, string(said)}
}

// lines sends lines over a connection of its own, says that there are no more, and waits until the
// other side has closed it or said what is wrong. OpenTSDB says nothing about what it takes.
func (p *Pusher) lines(ctx context.Context, body []byte) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", p.cfg.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(until); err != nil {
			return err
		}
	}
	if _, err := c.Write(body); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	said, err := io.ReadAll(io.LimitReader(c, 300))
	if len(said) > 0 {
		return &refusedError{0, string(said)}
	}
	return err
}

// datagrams sends all, in order, and returns how many were sent before the one that could not be.
func (p *Pusher) datagrams(ctx context.Context, all [][]byte) (sent int, err error) {
	network, address := "udp", p.cfg.Address
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		network, address = "unixgram", path
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := c.SetWriteDeadline(until); err != nil {
			return 0, err
		}
	}
	for sent, b := range all {
		_, err := c.Write(b)
		switch {
		case err == nil:
		case network == "udp" && errors.Is(err, syscall.ECONNREFUSED):
			return 0, err // this tells of a datagram before: nobody listens
		default:
			return sent, err
		}
	}
	return len(all), nil
}
