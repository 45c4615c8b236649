package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/penstock/penstock/spool/storehttp"
)

// defaultRegion is used where nothing says which. Amazon answers with the right one, other servers
// do not care.
const defaultRegion = "us-east-1"

// client makes requests of the S3 REST API. Credentials, their refreshing, signatures and where a
// bucket is are those of Amazon's SDK; its client of S3 links all of the API's hundred operations,
// an eighth of the binary, where nine are wanted. Safe for concurrent use.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
type client struct {
	cfg    *StoreConfig
	http   aws.HTTPClient
	creds  aws.CredentialsProvider // nil: requests are not signed
	signer *v4.Signer
	bucket place
	// skew is how far the server's clock is ahead of ours, in ns, once it has refused a request
	// for that.
	skew atomic.Int64
}

// place is where a bucket is, and what requests of it are signed for.
type place struct {
	url             url.URL
	header          http.Header
	service, region string
}

// newClient reads configuration files and the environment, and opens no connection.
func newClient(cfg *StoreConfig) (*client, error) {
	hc := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		storehttp.Configure(tr, cfg.Timeout)
		tr.MaxIdleConnsPerHost = 2 * cfg.PartConcurrency
		tr.DisableCompression = true // objects are read as they are stored
	})
	ac, err := loadConfig(cfg, hc)
	if err != nil {
		return nil, err
	}
	if r := cfg.AssumeRole; r != nil {
		provider := stscreds.NewAssumeRoleProvider(
			sts.NewFromConfig(ac),
			r.ARN,
			func(o *stscreds.AssumeRoleOptions) {
				o.RoleSessionName = r.SessionName
				o.Duration = r.Duration
				if r.ExternalID != "" {
					o.ExternalID = aws.String(r.ExternalID)
				}
			},
		)
		ac.Credentials = aws.NewCredentialsCache(provider)
	}
	bucket, err := locate(cfg, &ac)
	if err != nil {
		return nil, err
	}
	c := &client{
		cfg: cfg, http: unredirected(ac.HTTPClient), creds: ac.Credentials, signer: v4.NewSigner(),
		bucket: bucket,
	}
	if aws.IsCredentialsProvider(c.creds, (*aws.AnonymousCredentials)(nil)) {
		c.creds = nil
	}
	return c, nil
}

// unredirected is a client that hands redirects to its caller: one that follows them sends the
// signature for one host to another, or none.
func unredirected(c aws.HTTPClient) aws.HTTPClient {
	b, ok := c.(*awshttp.BuildableClient)
	if !ok {
		return c
	}
	return &http.Client{
		Transport: b.GetTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// loadConfig reads what Amazon's own tools read, after what the configuration says.
func loadConfig(cfg *StoreConfig, hc *awshttp.BuildableClient) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{
		config.WithHTTPClient(hc),
		config.WithDefaultRegion(defaultRegion),
		config.WithRetryMaxAttempts(cfg.MaxAttempts),
	}
	if cfg.Region != "" {
		opts = append(opts, config.WithRegion(cfg.Region))
	}
	if cfg.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(cfg.Profile))
	}
	if cfg.AccessKeyID != "" {
		opts = append(opts, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(
				cfg.AccessKeyID, cfg.SecretAccessKey, cfg.SessionToken,
			),
		))
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return aws.Config{}, fmt.Errorf("ca_file: %w", err)
		}
		opts = append(opts, config.WithCustomCABundle(bytes.NewReader(pem)))
	}
	ac, err := config.LoadDefaultConfig(context.Background(), opts...)
	if err != nil {
		var missing config.SharedConfigProfileNotExistError
		if errors.As(err, &missing) {
			return aws.Config{}, fmt.Errorf("profile: %w", noProfile{err})
		}
		return aws.Config{}, fmt.Errorf("AWS configuration: %w", err)
	}
	return ac, nil
}

// noProfile is a profile that this machine's shared configuration does not have.
type noProfile struct{ error }

func (noProfile) Is(target error) bool { return target == fs.ErrNotExist }

// close closes idle connections.
func (c *client) close() {
	if h, ok := c.http.(interface{ CloseIdleConnections() }); ok {
		h.CloseIdleConnections()
	}
}
