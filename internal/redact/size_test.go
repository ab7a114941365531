package redact

import (
	"crypto/sha256"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// largeSecrets are files of a megabyte: of a generated one in one line, a bundle of keys, short lines, bytes of any value, and what
// repeats itself.
func largeSecrets() map[string]string {
	const size = 1 << 20
	long := noise(size)
	bytes := make([]byte, 0, size)
	for i := 0; len(bytes) < size; i++ {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		bytes = append(bytes, sum[:]...)
	}
	return map[string]string{
		"one line":    long,
		"a bundle":    wrap(long[:size/8], 64, "\n") + strings.Repeat("\n", 5) + wrap(long[size/8:size/4], 64, "\n"),
		"short lines": wrap(long[:size/4], 13, "\n"),
		"any bytes":   string(bytes),
		"zeros":       strings.Repeat("0", size),
		"a pattern":   strings.Repeat("0 \t00\n", size/6),
		"indented":    strings.Repeat("          \"key\": \"value\",\n", size/26),
	}
}

// TestTheIndexGrowsWithTheSecretAndNoFaster whatever it is made of. How long it takes is for the bench.
func TestTheIndexGrowsWithTheSecretAndNoFaster(t *testing.T) {
	for kind, secret := range largeSecrets() {
		r := New()
		r.Add(secret)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = r.current()
		runtime.ReadMemStats(&after)
		const most = 100 // of short lines, each of which is a secret by itself
		if took := after.TotalAlloc - before.TotalAlloc; took > most*uint64(len(secret)) {
			t.Errorf("%s: %d bytes for a secret of %d", kind, took, len(secret))
		}
	}
}

// TestWindowsAreSortedWhateverTheirHashes one, all the same, or spread.
func TestWindowsAreSortedWhateverTheirHashes(t *testing.T) {
	for kind, places := range map[string][]uint64{
		"none": nil, "one": {7}, "the same": {5, 5, 5}, "close": {3, 2, 1, 1<<33 | 1, 1 << 33}, "far": {math.MaxUint64, 0, 1 << 63, 1},
	} {
		got := sorted(slices.Clone(places))
		if slices.Sort(places); !slices.Equal(got, places) {
			t.Errorf("%s: %x, want %x", kind, got, places)
		}
	}
	var spread []uint64
	for at := range 1000 {
		spread = append(spread, placed(uint64(at/2), at))
	}
	if got := sorted(spread); !slices.IsSorted(got) || len(got) != len(spread) {
		t.Errorf("%d windows, sorted: %v", len(got), slices.IsSorted(got))
	}
}

func BenchmarkIndex(b *testing.B) {
	for kind, secret := range largeSecrets() {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(secret)))
			for b.Loop() {
				r := New()
				r.Add(secret)
				_ = r.String("an ordinary line of a container's log; 0000000000000000                     ")
			}
		})
	}
}
