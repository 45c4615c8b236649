package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/penstock/penstock/spool"
)

// locate finds where a bucket is by Amazon's rules: path or host, access points, FIPS, dual stack,
// and AWS_ENDPOINT_URL_S3.
func locate(cfg *StoreConfig, ac *aws.Config) (place, error) {
	sources := source{context.Background(), ac.ConfigSources}
	endpoint := ac.BaseEndpoint
	if cfg.Endpoint != "" {
		endpoint = &cfg.Endpoint
	} else if url := sources.endpoint(); url != "" {
		endpoint = &url
	}
	where, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(
		sources.ctx,
		s3.EndpointParameters{
			Bucket:                         &cfg.Bucket,
			Region:                         &ac.Region,
			Endpoint:                       endpoint,
			ForcePathStyle:                 &cfg.PathStyle,
			UseFIPS:                        aws.Bool(sources.fips()),
			UseDualStack:                   aws.Bool(sources.dualStack()),
			UseArnRegion:                   aws.Bool(sources.arnRegion()),
			DisableMultiRegionAccessPoints: aws.Bool(true),
			// Their requests can be signed as all others are.
			DisableS3ExpressSessionAuth: aws.Bool(true),
		},
	)
	if err != nil {
		return place{}, fmt.Errorf("%w: bucket %q: %w", spool.ErrRefused, cfg.Bucket, err)
	}
	p := place{url: where.URI, header: where.Headers, service: "s3", region: ac.Region}
	schemes, _ := auth.GetAuthOptions(&where.Properties)
	for _, scheme := range schemes {
		if scheme.SchemeID != "aws.auth#sigv4" {
			continue
		}
		if name, ok := smithyhttp.GetSigV4SigningName(&scheme.SignerProperties); ok {
			p.service = name
		}
		if region, ok := smithyhttp.GetSigV4SigningRegion(&scheme.SignerProperties); ok {
			p.region = region
		}
		break
	}
	return p, nil
}

// redirected returns where an answer sends the request, or nil. The request is signed anew for
// there: a signature holds for one host. Data that was to go encrypted is not sent on in the open.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
func (c *client) redirected(r call, err error) *place {
	var api *apiError
	if !errors.As(err, &api) || api.status != http.StatusTemporaryRedirect &&
		api.status != http.StatusPermanentRedirect {
		return nil
	}
	from := c.bucket
	if r.to != nil {
		from = *r.to
	}
	to, err := from.url.Parse(api.header.Get("Location"))
	if err != nil || api.header.Get("Location") == "" || to.Host == "" || to.User != nil ||
		to.Scheme != "https" && to.Scheme != from.url.Scheme {
		return nil
	}
	from.url = *to
	if region := api.header.Get("X-Amz-Bucket-Region"); region != "" {
		from.region = region
	}
	return &from
}

// source is what files and the environment say of S3; the first that says anything is right.
type source struct {
	ctx  context.Context
	from []any
}

func (s source) endpoint() string {
	for _, from := range s.from {
		if f, ok := from.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok {
			if url, found, err := f.GetServiceBaseEndpoint(s.ctx, "S3"); err == nil && found {
				return url
			}
		}
	}
	return ""
}

func (s source) fips() bool {
	for _, from := range s.from {
		if f, ok := from.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			if state, found, err := f.GetUseFIPSEndpoint(s.ctx); err == nil && found {
				return state == aws.FIPSEndpointStateEnabled
			}
		}
	}
	return false
}

func (s source) dualStack() bool {
	for _, from := range s.from {
		if f, ok := from.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok {
			if state, found, err := f.GetUseDualStackEndpoint(s.ctx); err == nil && found {
				return state == aws.DualStackEndpointStateEnabled
			}
		}
	}
	return false
}

func (s source) arnRegion() bool {
	for _, from := range s.from {
		if f, ok := from.(interface {
			GetS3UseARNRegion(context.Context) (bool, bool, error)
		}); ok {
			if use, found, err := f.GetS3UseARNRegion(s.ctx); err == nil && found {
				return use
			}
		}
	}
	return false
}
