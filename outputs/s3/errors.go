package s3

import (
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
)

// fail gives err its place and class. Error codes:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func (s *Store) fail(verb, key string, err error) error {
	if err == nil || errors.Is(err, spool.ErrExists) {
		return err
	}
	where := fmt.Sprintf("%s s3://%s/%s%s", verb, s.cfg.Bucket, s.prefix, key)
	err = storehttp.Opaque(err)
	if errors.Is(err, spool.ErrRefused) || errors.Is(err, spool.ErrNotFound) {
		return fmt.Errorf("%s: %w", where, err)
	}
	var re *awshttp.ResponseError
	status := 0
	if errors.As(err, &re) {
		status = re.HTTPStatusCode()
	}
	switch code := errorCode(err); {
	case code == "NoSuchKey", code == "NotFound" && verb == "read":
		return fmt.Errorf("%s: %w", where, spool.ErrNotFound)
	case code == "NoSuchBucket":
		return fmt.Errorf("%s: %w: the bucket does not exist: %w", where, spool.ErrRefused, err)
	case status == http.StatusMovedPermanently:
		region := re.Response.Header.Get("X-Amz-Bucket-Region")
		return fmt.Errorf(
			"%s: %w: the bucket is elsewhere; set region (%q, the server says): %w", where,
			spool.ErrRefused, region, err,
		)
	case refused(status, code):
		return fmt.Errorf("%s: %w: %w", where, spool.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// refused reports whether trying the same again cannot help.
func refused(status int, code string) bool {
	switch code {
	case "ExpiredToken", "TokenRefreshRequired", // fresh credentials come
		"RequestTimeout", "RequestTimeTooSlow", "IncompleteBody", // the connection
		// a bit flipped on the way
		"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch",
		"NoSuchUpload", // somebody aborted it: the next try begins another
		"InvalidPart", "SlowDown", "Throttling", "ThrottlingException", "ServiceUnavailable":
		return false
	case "NotImplemented":
		return true
	}
	switch status {
	case http.StatusRequestTimeout,
		http.StatusConflict,
		http.StatusPreconditionFailed,
		http.StatusTooManyRequests,
		http.StatusTooEarly:
		return false
	}
	return status >= 300 && status < 500
}
