package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// webhook posts the partition as JSON. The Idempotency-Key header is the same in each attempt and
// for each repetition.
type webhook struct {
	cfg    Config
	client *http.Client
}

func newWebhook(c Config) *webhook { return &webhook{c, newClient(c)} }

func (w *webhook) Run(ctx context.Context, p *Partition) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", idempotencyKey(p.Path))
	for k, v := range w.cfg.Headers {
		req.Header.Set(k, v)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // only for the message
	if resp.StatusCode/100 == 3 {
		text = []byte("what is posted has to go to url itself, not to " + resp.Header.Get("Location"))
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf(
			"webhook: %s answers %s: %s", req.URL.Host, resp.Status, bytes.TrimSpace(text),
		)
	}
	return nil
}

// idempotencyKey is the path in the characters that a header may hold.
func idempotencyKey(path string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x21 || r > 0x7e {
			return '_'
		}
		return r
	}, path)
}
