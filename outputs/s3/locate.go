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
	ctx, sources := context.Background(), ac.ConfigSources
	endpoint := ac.BaseEndpoint
	if cfg.Endpoint != "" {
		endpoint = &cfg.Endpoint
	} else if url := firstAnswer(sources, func(f saysEndpoint) (string, bool, error) {
		return f.GetServiceBaseEndpoint(ctx, "S3")
	}); url != "" {
		endpoint = &url
	}
	fips := firstAnswer(sources, func(f saysFIPS) (aws.FIPSEndpointState, bool, error) {
		return f.GetUseFIPSEndpoint(ctx)
	})
	dual := firstAnswer(sources, func(f saysDualStack) (aws.DualStackEndpointState, bool, error) {
		return f.GetUseDualStackEndpoint(ctx)
	})
	arnRegion := firstAnswer(sources, func(f saysARNRegion) (bool, bool, error) {
		return f.GetS3UseARNRegion(ctx)
	})
	where, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(
		ctx,
		s3.EndpointParameters{
			Bucket:                         &cfg.Bucket,
			Region:                         &ac.Region,
			Endpoint:                       endpoint,
			ForcePathStyle:                 &cfg.PathStyle,
			UseFIPS:                        aws.Bool(fips == aws.FIPSEndpointStateEnabled),
			UseDualStack:                   aws.Bool(dual == aws.DualStackEndpointStateEnabled),
			UseArnRegion:                   &arnRegion,
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

// firstAnswer asks what files and the environment say of S3; the first that says anything is right.
func firstAnswer[F, V any](sources []any, ask func(F) (V, bool, error)) (v V) {
	for _, from := range sources {
		f, ok := from.(F)
		if !ok {
			continue
		}
		if value, found, err := ask(f); err == nil && found {
			return value
		}
	}
	return v
}

type (
	saysEndpoint interface {
		GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
	}
	saysFIPS interface {
		GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
	}
	saysDualStack interface {
		GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
	}
	saysARNRegion interface {
		GetS3UseARNRegion(context.Context) (bool, bool, error)
	}
)
