package bench

import (
	"fmt"
	"slices"
	"time"
)

// series is what several rounds measured, in the unit of its row.
type series []float64

func (s *series) add(d time.Duration) { *s = append(*s, d.Seconds()) }

// median is the middle one; of an even number the mean of the two.
func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// text is the median with its unit and, of more than one, the range.
func (s series) text(unit string) string {
	if len(s) == 0 {
		return "-"
	}
	text := figure(s.median()) + " " + unit
	if len(s) > 1 {
		text += fmt.Sprintf(" (%s to %s)", figure(slices.Min(s)), figure(slices.Max(s)))
	}
	return text
}

// figure has as many digits as say something.
func figure(f float64) string {
	switch {
	case f >= 100 || f <= -100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10 || f <= -10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// row is one line of the table.
type row struct {
	name, compose, slipway, ratio, limit, met string
}

// against compares medians. A limit of 0 demands nothing.
func against(name, unit string, compose, slipway series, limit float64) row {
	r := row{name: name, compose: compose.text(unit), slipway: slipway.text(unit)}
	if compose.median() <= 0 || len(slipway) == 0 {
		return r
	}
	ratio := slipway.median() / compose.median()
	r.ratio = figure(ratio)
	if limit > 0 {
		r.limit, r.met = "ratio "+figure(limit), met(ratio <= limit)
	}
	return r
}

// within holds Slipway's median against a limit; what Compose takes stands beside it.
func within(name, unit string, compose, slipway series, limit float64) row {
	r := against(name, unit, compose, slipway, 0)
	r.limit, r.met = figure(limit)+" "+unit, met(slipway.median() <= limit)
	return r
}

func met(is bool) string {
	if is {
		return "met"
	}
	return "missed"
}
