package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/penstock/penstock/spool/storehttp"
)

// defaultRegion is used where nothing says which. Amazon answers with the right one, other servers
// do not care.
const defaultRegion = "us-east-1"

// newClient reads configuration files and the environment, and opens no connection.
func newClient(cfg *StoreConfig) (*s3.Client, error) {
	hc := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		storehttp.Configure(tr, cfg.Timeout)
		tr.MaxIdleConnsPerHost = 2 * cfg.PartConcurrency
	})
	opts := []func(*config.LoadOptions) error{
		config.WithHTTPClient(hc),
		config.WithDefaultRegion(defaultRegion),
		config.WithRetryMaxAttempts(cfg.MaxAttempts),
		// Checksums are set below, as headers: the library's own way is a trailer that few other
		// servers know.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
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
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		opts = append(opts, config.WithCustomCABundle(bytes.NewReader(pem)))
	}
	ac, err := config.LoadDefaultConfig(context.Background(), opts...)
	if err != nil {
		var missing config.SharedConfigProfileNotExistError
		if errors.As(err, &missing) {
			return nil, fmt.Errorf("profile: %w", err)
		}
		return nil, fmt.Errorf("AWS configuration: %w", err)
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
	return s3.NewFromConfig(ac, func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	}), nil
}
