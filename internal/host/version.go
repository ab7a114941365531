package host

import (
	"slices"
	"strconv"
	"strings"
)

// Older says whether version a comes before b. Only the leading numbers count:
// 20.10.24+dfsg1 is 20.10.24, and Docker's own builds add suffixes (2.20.3-desktop.1)
// that are not prereleases, so semantic versioning would order them wrongly.
func Older(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) < 0
}

func numbers(version string) []int {
	var parts []int
	for part := range strings.SplitSeq(strings.TrimPrefix(version, "v"), ".") {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			break
		}
		parts = append(parts, n)
		if end < len(part) {
			break
		}
	}
	return parts
}
