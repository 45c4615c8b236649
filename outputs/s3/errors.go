package s3

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

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
	err = storehttp.Opaque(storehttp.Plain(err))
	if errors.Is(err, spool.ErrRefused) || errors.Is(err, spool.ErrNotFound) {
		return fmt.Errorf("%s: %w", where, err)
	}
	status := 0
	var api *apiError
	if errors.As(err, &api) {
		status = api.status
	}
	switch code := errorCode(err); {
	case code == "NoSuchKey", code == "NotFound" && verb == "read":
		return fmt.Errorf("%s: %w", where, spool.ErrNotFound)
	case code == "NoSuchBucket":
		return fmt.Errorf("%s: %w: %w: %w", where, spool.ErrRefused, spool.ErrNoBucket, err)
	case status == http.StatusMovedPermanently:
		region := api.header.Get("X-Amz-Bucket-Region")
		return fmt.Errorf(
			"%s: %w: the bucket is elsewhere; set region (%q, the server says): %w", where,
			spool.ErrRefused, region, err,
		)
	case refused(status, code) && status == http.StatusForbidden && !unknownKey(code):
		return fmt.Errorf("%s: %w: %w: %w", where, spool.ErrRefused, spool.ErrDenied, err)
	case refused(status, code):
		return fmt.Errorf("%s: %w: %w", where, spool.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// apiError is an answer of S3 that is no success.
type apiError struct {
	status                 int
	code, message, request string
	header                 http.Header
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%d %s", e.status, e.code)
	if e.message != "" {
		text += ": " + e.message
	}
	if e.request != "" {
		text += " (request " + e.request + ")"
	}
	return text
}

// Advice says what to do about it, "" where that is not known.
func (e *apiError) Advice() string {
	switch e.code {
	case "InvalidBucketName":
		return "write bucket as the store calls it: small letters, digits, - and ."
	case "InvalidAccessKeyId", "XAdminUserNotFound": // of AWS, of versitygw
		return "write another access_key_id: the store knows no such key"
	case "SignatureDoesNotMatch":
		return "write the secret_access_key that belongs to access_key_id"
	case "RequestTimeTooSkewed":
		return "set the clock of this host: it is not the store's"
	case "AccessDenied":
		return "let these credentials list, read, write and delete below the prefix"
	}
	return ""
}

func errorCode(err error) string {
	var api *apiError
	if errors.As(err, &api) {
		return api.code
	}
	return ""
}

// refusal reads the error in an answer and closes it. What has no XML, as answers to HEAD have not,
// has the name of its status for a code.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	e := parseError(text)
	if e == nil {
		e = &apiError{message: strings.TrimSpace(string(text[:min(len(text), 500)]))}
	}
	if e.code == "" {
		e.code = strings.ReplaceAll(http.StatusText(resp.StatusCode), " ", "")
	}
	if e.request == "" {
		e.request = resp.Header.Get("X-Amz-Request-Id")
	}
	e.status, e.header = resp.StatusCode, resp.Header
	return e
}

// parseError returns the error that text is, or nil.
func parseError(text []byte) *apiError {
	var e struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}
	if xml.Unmarshal(text, &e) != nil {
		return nil
	}
	return &apiError{code: e.Code, message: e.Message, request: e.RequestID}
}

// unknownKey reports whether a code tells that it is not known who asks, and all will be refused.
func unknownKey(code string) bool {
	switch code {
	case "InvalidAccessKeyId", "XAdminUserNotFound", "SignatureDoesNotMatch", "InvalidToken",
		"InvalidSecurity", "AccountProblem", "NotSignedUp":
		return true
	}
	return clockRefused(code)
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

// passing reports whether the very same request may go well a moment later.
func passing(err error) bool {
	var api *apiError
	if !errors.As(err, &api) {
		return !errors.Is(err, errCredentials)
	}
	if clockRefused(api.code) {
		return true
	}
	switch api.code {
	case "RequestTimeout", "IncompleteBody", "SlowDown", "Throttling", "ThrottlingException",
		"RequestThrottled", "RequestLimitExceeded", "BandwidthLimitExceeded", "InternalError":
		return true
	case "NotImplemented":
		return false
	}
	return api.status >= 500 || api.status == http.StatusTooManyRequests ||
		api.status == http.StatusRequestTimeout
}

// clockRefused reports whether a code tells that our clock and the server's differ.
func clockRefused(code string) bool {
	return code == "RequestTimeTooSkewed" || code == "RequestExpired" || code == "RequestInTheFuture"
}
