package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// keys decides who may send. Comparisons take the same time whatever is wrong. Safe for concurrent
// use.
type keys struct {
	tokens [][sha256.Size]byte
	users  [][sha256.Size]byte // of "name:password"
}

func newKeys(a Auth) *keys {
	k := &keys{}
	for _, t := range a.Tokens {
		k.tokens = append(k.tokens, sha256.Sum256([]byte(t)))
	}
	for _, u := range a.Users {
		k.users = append(k.users, sha256.Sum256([]byte(u.Name+":"+u.Password)))
	}
	return k
}

func contains(list [][sha256.Size]byte, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	found := 0
	for i := range list {
		found |= subtle.ConstantTimeCompare(sum[:], list[i][:])
	}
	return found == 1
}

func (k *keys) check(r *http.Request) error {
	header := r.Header.Get("Authorization")
	if header == "" {
		return fail(http.StatusUnauthorized, "authorization is required")
	}
	scheme, secret, _ := strings.Cut(header, " ")
	ok := false
	switch strings.ToLower(scheme) {
	case "bearer", "splunk", "apikey":
		ok = contains(k.tokens, strings.TrimSpace(secret))
	case "basic":
		if user, password, valid := r.BasicAuth(); valid {
			// Splunk's clients may send the token as the password of any user.
			ok = contains(k.users, user+":"+password) || contains(k.tokens, password)
		}
	}
	if !ok {
		return fail(http.StatusForbidden, "wrong token, user or password")
	}
	return nil
}
