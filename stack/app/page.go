package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = 100
	largestLimit = 1000
)

// limitOf reads how many entries of a list a request asks for.
func limitOf(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return defaultLimit, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > largestLimit {
		return 0, fmt.Errorf("limit: a number from 1 to %d", largestLimit)
	}
	return number, nil
}

// writePage answers with a list of which one entry more was asked for than the limit. When that is there, the Link header
// says where the list goes on (RFC 8288), after the last one that is shown.
func writePage[T any](w http.ResponseWriter, r *http.Request, all []T, limit int, after func(T) string) {
	if len(all) > limit {
		all = all[:limit]
		query := r.URL.Query()
		query.Set("after", after(all[limit-1]))
		next := url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
		w.Header().Set("Link", "<"+next.String()+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, all)
}

// Place is a place in the list of readings, newest first: that of one reading.
type Place struct {
	At time.Time
	ID int64
}

// String is the form of a place in an address.
func (p Place) String() string { return fmt.Sprintf("%d-%d", p.At.UnixMilli(), p.ID) }

// parsePlace is nil for the beginning of the list.
func parsePlace(text string) (*Place, error) {
	if text == "" {
		return nil, nil
	}
	at, id, ok := strings.Cut(text, "-")
	milliseconds, errAt := strconv.ParseInt(at, 10, 64)
	number, errID := strconv.ParseInt(id, 10, 64)
	if !ok || errAt != nil || errID != nil {
		return nil, errors.New("after: what the Link header of the page before says")
	}
	return &Place{At: time.UnixMilli(milliseconds).UTC(), ID: number}, nil
}
