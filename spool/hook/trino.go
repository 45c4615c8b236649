package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/buffer/record/fault"
)

// trino calls the Hive connector's procedures over the coordinator's HTTP API.
// https://trino.io/docs/current/develop/client-protocol.html
// https://trino.io/docs/current/connector/hive.html#procedures
type trino struct {
	cfg    Config
	client *http.Client
}

func newTrino(c Config) *trino { return &trino{c, newClient(c)} }

type trinoAnswer struct {
	NextURI string `json:"nextUri"`
	Error   *struct {
		Message string `json:"message"`
		Name    string `json:"errorName"`
	} `json:"error"`
}

func (t *trino) Run(ctx context.Context, p *Partition) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	base := strings.TrimSuffix(t.cfg.URL, "/") + "/v1/statement"
	answer, err := t.call(ctx, http.MethodPost, base, t.statement(p))
	for err == nil && answer.Error == nil && answer.NextURI != "" {
		if !sameHost(base, answer.NextURI) {
			return fmt.Errorf("trino: the coordinator points to another host: %s", answer.NextURI)
		}
		answer, err = t.call(ctx, http.MethodGet, answer.NextURI, "")
	}
	if err != nil {
		return fmt.Errorf("trino: %w", err)
	}
	if e := answer.Error; e != nil && e.Name != "ALREADY_EXISTS" &&
		!strings.Contains(e.Message, "already registered") {
		return fmt.Errorf("trino: %s: %s", e.Name, e.Message)
	}
	return nil
}

func (t *trino) statement(p *Partition) string {
	if t.cfg.Mode == "sync" {
		return fmt.Sprintf(
			"CALL %s.system.sync_partition_metadata(schema_name => %s, table_name => %s, mode => 'ADD')",
			identifier(t.cfg.Catalog), literal(t.cfg.Database), literal(t.cfg.Table),
		)
	}
	return fmt.Sprintf(
		"CALL %s.system.register_partition(schema_name => %s, table_name => %s, partition_columns => %s, partition_values => %s, location => %s)",
		identifier(
			t.cfg.Catalog,
		),
		literal(t.cfg.Database),
		literal(t.cfg.Table),
		array(p.Names),
		array(p.Values),
		literal(p.Location),
	)
}

// call makes one request; while the coordinator is busy (502 to 504) it asks again, as the protocol
// wants.
func (t *trino) call(ctx context.Context, method, to, body string) (*trinoAnswer, error) {
	for {
		req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("X-Trino-User", t.cfg.User)
		req.Header.Set("X-Trino-Source", "penstock")
		if t.cfg.Password != "" {
			req.SetBasicAuth(t.cfg.User, t.cfg.Password)
		}
		answer, busy, err := t.do(req)
		if !busy {
			return answer, err
		}
		if fault.Sleep(ctx, 100*time.Millisecond) != nil {
			return nil, err
		}
	}
}

func (t *trino) do(req *http.Request) (_ *trinoAnswer, busy bool, _ error) {
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, false, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode >= 502 &&
			resp.StatusCode <= 504, fmt.Errorf("%s: %.512s", resp.Status, text)
	}
	var a trinoAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, false, fmt.Errorf("answer of the coordinator: %w", err)
	}
	return &a, false, nil
}

func sameHost(a, b string) bool {
	x, err := url.Parse(a)
	y, err2 := url.Parse(b)
	return err == nil && err2 == nil && x.Hostname() == y.Hostname()
}

func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func array(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = literal(v)
	}
	return "ARRAY[" + strings.Join(out, ", ") + "]"
}
