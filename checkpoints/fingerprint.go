package checkpoints

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// fingerprints turns a step's inputs into what its record keeps of them.
func fingerprints(key []byte, inputs []Input) (map[string]string, error) {
	prints := make(map[string]string, len(inputs))
	for _, input := range inputs {
		if input.Name == "" {
			return nil, errors.New("an input has no name")
		}
		digest, err := hex.DecodeString(input.Digest)
		if err != nil || len(digest) != sha256.Size {
			return nil, fmt.Errorf("input %s: its digest is not a SHA-256 in hex", input.Name)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(digest)
		print := hex.EncodeToString(mac.Sum(nil))
		name := readable(input.Name)
		// Two globs may find the same file; two different things under one
		// name would hide a change of one of them.
		if before, ok := prints[name]; ok && before != print {
			return nil, fmt.Errorf("input %s is given twice with different content", name)
		}
		prints[name] = print
	}
	return prints, nil
}

// changed names the first input, in sorted order, that differs between the
// recorded fingerprints and the present ones, and how many more do. "" = none.
func changed(recorded, present map[string]string) string {
	var causes []string
	for name, print := range present {
		before, ok := recorded[name]
		switch {
		case !ok:
			causes = append(causes, name+" added")
		case before != print:
			causes = append(causes, name+" changed")
		}
	}
	for name := range recorded {
		if _, ok := present[name]; !ok {
			causes = append(causes, name+" removed")
		}
	}
	if len(causes) == 0 {
		return ""
	}
	slices.Sort(causes)
	if len(causes) == 1 {
		return causes[0]
	}
	return fmt.Sprintf("%s and %d more", causes[0], len(causes)-1)
}
