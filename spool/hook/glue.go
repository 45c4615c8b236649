package hook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// glueHook adds the partition to a table of the AWS Glue data catalog, with the table's own storage
// descriptor. Two signed requests are all that takes; the SDK of Glue would be a tenth of the
// binary.
type glueHook struct {
	cfg Config

	mu  sync.Mutex
	aws *aws.Config
}

func (g *glueHook) open(ctx context.Context) (*aws.Config, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.aws != nil {
		return g.aws, nil
	}
	var opts []func(*config.LoadOptions) error
	if g.cfg.Region != "" {
		opts = append(opts, config.WithRegion(g.cfg.Region))
	}
	ac, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, err
	}
	if ac.Region == "" {
		return nil, errors.New("no AWS region is known: set region")
	}
	g.aws = &ac
	return g.aws, nil
}

// glueTable is what is asked about a table. The storage descriptor is passed on as it comes.
type glueTable struct {
	Table struct {
		PartitionKeys     []struct{ Name string }
		StorageDescriptor map[string]json.RawMessage
	}
}

func (g *glueHook) Run(ctx context.Context, p *Partition) error {
	if err := g.register(ctx, p); err != nil {
		return fmt.Errorf("glue: %w", err)
	}
	return nil
}

func (g *glueHook) register(ctx context.Context, p *Partition) error {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	in := map[string]any{"DatabaseName": g.cfg.Database, "Name": g.cfg.Table}
	if g.cfg.Catalog != "" {
		in["CatalogId"] = g.cfg.Catalog
	}
	var t glueTable
	if err := g.call(ctx, "GetTable", in, &t); err != nil {
		return err
	}
	values, err := inTableOrder(&t, p)
	if err != nil {
		return err
	}
	sd := t.Table.StorageDescriptor
	if sd == nil {
		sd = map[string]json.RawMessage{}
	}
	if sd["Location"], err = json.Marshal(p.Location); err != nil {
		return err
	}
	delete(in, "Name")
	in["TableName"] = g.cfg.Table
	in["PartitionInput"] = map[string]any{"Values": values, "StorageDescriptor": sd}
	err = g.call(ctx, "CreatePartition", in, nil)
	if refused := (*glueError)(
		nil,
	); errors.As(err, &refused) &&
		refused.code == "AlreadyExistsException" {
		return nil
	}
	return err
}

// glueError is an answer that says what is wrong.
type glueError struct{ operation, status, code, message string }

func (e *glueError) Error() string {
	return strings.TrimRight(
		fmt.Sprintf("%s: %s %s: %s", e.operation, e.status, e.code, e.message), ": ",
	)
}

// maxGlueAnswer bounds what is read of an answer: a table with thousands of columns fits.
const maxGlueAnswer = 16 << 20

// call sends one request of the protocol AWS JSON 1.1.
// https://docs.aws.amazon.com/glue/latest/webapi/API_CreatePartition.html
func (g *glueHook) call(ctx context.Context, operation string, in, out any) error {
	ac, err := g.open(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(
		ctx, http.MethodPost, g.endpoint(ac), bytes.NewReader(body),
	)
	if err != nil {
		return err
	}
	if req.URL.Path == "" {
		req.URL.Path = "/"
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSGlue."+operation)
	if ac.Credentials == nil {
		return errors.New("there are no AWS credentials")
	}
	cred, err := ac.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().
		SignHTTP(ctx, cred, req, hex.EncodeToString(sum[:]), "glue", ac.Region, time.Now()); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	var client aws.HTTPClient = http.DefaultClient
	if ac.HTTPClient != nil {
		client = ac.HTTPClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxGlueAnswer))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if resp.StatusCode/100 != 2 {
		return newGlueError(operation, resp, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: the answer is not Glue's: %w", operation, err)
	}
	return nil
}

func newGlueError(operation string, resp *http.Response, text []byte) error {
	var said struct {
		Type    string `json:"__type"`
		Message string // of either case
	}
	_ = json.Unmarshal(text, &said) // what is no JSON says nothing
	code := cmp.Or(resp.Header.Get("X-Amzn-Errortype"), said.Type)
	code, _, _ = strings.Cut(code, ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	return &glueError{operation: operation, status: resp.Status, code: code, message: said.Message}
}

// endpoint returns where Glue is, in the order in which the SDKs look.
func (g *glueHook) endpoint(ac *aws.Config) string {
	if at := cmp.Or(
		g.cfg.Endpoint, os.Getenv("AWS_ENDPOINT_URL_GLUE"), aws.ToString(ac.BaseEndpoint),
	); at != "" {
		return at
	}
	return "https://glue." + ac.Region + "." + awsDomain(ac.Region)
}

// awsDomain returns the domain of a region's services.
func awsDomain(region string) string {
	for prefix, domain := range map[string]string{
		"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu", "us-iso-": "c2s.ic.gov", "us-isob-": "sc2s.sgov.gov",
		"eu-isoe-": "cloud.adc-e.uk", "us-isof-": "csp.hci.ic.gov",
	} {
		if strings.HasPrefix(region, prefix) {
			return domain
		}
	}
	return "amazonaws.com"
}

// inTableOrder returns the partition's values in the order of the table's partition keys.
func inTableOrder(t *glueTable, p *Partition) ([]string, error) {
	out := []string{}
keys:
	for _, k := range t.Table.PartitionKeys {
		for i, name := range p.Names {
			if k.Name == name {
				out = append(out, p.Values[i])
				continue keys
			}
		}
		return nil, fmt.Errorf("the path %s has no %s=..., which is a partition key of the table", p.Path, k.Name)
	}
	return out, nil
}
