package gcs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/penstock/penstock/spool"
	"github.com/penstock/penstock/spool/storehttp"
	"golang.org/x/oauth2"
)

// fail gives err its place and class. Status codes:
// https://cloud.google.com/storage/docs/json_api/v1/status-codes
func (s *Store) fail(verb, key string, err error) error {
	if err == nil || errors.Is(err, spool.ErrExists) {
		return err
	}
	where := fmt.Sprintf("%s gs://%s/%s%s", verb, s.cfg.Bucket, s.prefix, key)
	err = storehttp.Opaque(storehttp.Plain(err))
	switch {
	case errors.Is(err, spool.ErrRefused):
		return fmt.Errorf("%s: %w", where, err)
	case verb != "read" && isNotFound(err):
		return fmt.Errorf("%s: %w: %w: %w", where, spool.ErrRefused, spool.ErrNoBucket, err)
	case isNotFound(err):
		return fmt.Errorf("%s: %w", where, spool.ErrNotFound)
	case refused(err) && status(err) == http.StatusForbidden:
		return fmt.Errorf("%s: %w: %w: %w", where, spool.ErrRefused, spool.ErrDenied, err)
	case refused(err):
		return fmt.Errorf("%s: %w: %w", where, spool.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", where, err)
}

func status(err error) int {
	var api *apiError
	if errors.As(err, &api) {
		return api.code
	}
	return 0
}

// isNotFound reports whether what was asked for is not there.
func isNotFound(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.code == http.StatusNotFound
}

// passing reports whether the same call may go well the next time.
func passing(err error) bool {
	code := status(err)
	return code == 0 && !refused(err) || code == http.StatusRequestTimeout ||
		code == http.StatusTooManyRequests || code >= 500
}

// refused reports whether trying the same again cannot help.
func refused(err error) bool {
	// The server that gives out tokens.
	var re *oauth2.RetrieveError
	if errors.As(err, &re) && re.Response != nil {
		code := re.Response.StatusCode
		return code >= 400 && code < 500 && code != http.StatusTooManyRequests &&
			code != http.StatusRequestTimeout
	}
	var api *apiError
	if !errors.As(err, &api) {
		return false
	}
	switch api.code {
	case http.StatusRequestTimeout,
		http.StatusConflict,
		http.StatusGone,
		http.StatusPreconditionFailed,
		http.StatusTooManyRequests:
		return false
	case http.StatusForbidden:
		for _, reason := range api.reasons {
			if strings.HasSuffix(strings.ToLower(reason), "ratelimitexceeded") {
				return false
			}
		}
	case http.StatusBadRequest:
		// The data was damaged on the way.
		if strings.Contains(api.Error(), "CRC32C") || strings.Contains(api.Error(), "MD5") {
			return false
		}
	}
	return api.code >= 300 && api.code < 500
}

// apiError is an answer of GCS that is no success.
type apiError struct {
	code    int
	message string
	reasons []string
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%d %s", e.code, http.StatusText(e.code))
	if e.message != "" {
		text += ": " + e.message
	}
	if len(e.reasons) > 0 {
		text += " (" + strings.Join(e.reasons, ", ") + ")"
	}
	return text
}

// refusal reads the error in an answer, which is JSON or the plain text of something on the way,
// and closes it.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	e := &apiError{code: resp.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	var body struct {
		Error struct {
			Message string
			Errors  []struct{ Reason string }
		}
	}
	if json.Unmarshal(text, &body) == nil {
		e.message = body.Error.Message
		for _, item := range body.Error.Errors {
			e.reasons = append(e.reasons, item.Reason)
		}
	} else {
		e.message = strings.TrimSpace(string(text[:min(len(text), 500)]))
	}
	return e
}
