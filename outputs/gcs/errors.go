package gcs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
)

// fail gives err its place and class. Status codes:
// https://cloud.google.com/storage/docs/json_api/v1/status-codes
func (s *Store) fail(verb, key string, err error) error {
	if err == nil || errors.Is(err, spool.ErrExists) {
		return err
	}
	where := fmt.Sprintf("%s gs://%s/%s%s", verb, s.cfg.Bucket, s.prefix, key)
	err = storehttp.Opaque(err)
	switch {
	case errors.Is(err, spool.ErrRefused):
		return fmt.Errorf("%s: %w", where, err)
	case errors.Is(err, storage.ErrBucketNotExist),
		verb != "read" && status(err) == http.StatusNotFound:
		return fmt.Errorf("%s: %w: the bucket does not exist: %w", where, spool.ErrRefused, err)
	case verb == "read" && errors.Is(err, storage.ErrObjectNotExist):
		return fmt.Errorf("%s: %w", where, spool.ErrNotFound)
	case refused(err):
		return fmt.Errorf("%s: %w: %w", where, spool.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

func status(err error) int {
	var api *googleapi.Error
	if errors.As(err, &api) {
		return api.Code
	}
	return 0
}

// refused tells whether trying the same again cannot help.
func refused(err error) bool {
	// The server that gives out tokens.
	var ae *auth.Error
	if errors.As(err, &ae) && ae.Response != nil {
		return ae.Response.StatusCode >= 400 && ae.Response.StatusCode < 500 && !ae.Temporary()
	}
	var re *oauth2.RetrieveError
	if errors.As(err, &re) && re.Response != nil {
		return re.Response.StatusCode >= 400 && re.Response.StatusCode < 500 &&
			re.Response.StatusCode != http.StatusTooManyRequests
	}
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return false
	}
	switch api.Code {
	case http.StatusRequestTimeout,
		http.StatusConflict,
		http.StatusGone,
		http.StatusPreconditionFailed,
		http.StatusTooManyRequests:
		return false
	case http.StatusForbidden:
		for _, item := range api.Errors {
			if strings.HasSuffix(strings.ToLower(item.Reason), "ratelimitexceeded") {
				return false
			}
		}
	case http.StatusBadRequest:
		// The data was damaged on the way.
		if strings.Contains(api.Error(), "CRC32C") || strings.Contains(api.Error(), "MD5") {
			return false
		}
	}
	return api.Code >= 300 && api.Code < 500
}
