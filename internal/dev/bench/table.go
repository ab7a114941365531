package bench

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

var heading = row{"case", "Compose", "Slipway", "ratio", "must reach", ""}

func (r row) cells() []string {
	return []string{r.name, r.compose, r.slipway, r.ratio, r.limit, r.met}
}

// table sets the rows as a Markdown table whose columns line up, for a terminal and a page alike.
func table(rows []row) string {
	lines := [][]string{heading.cells()}
	for _, r := range rows {
		lines = append(lines, r.cells())
	}
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var text strings.Builder
	write := func(cells []string, pad string) {
		for i, cell := range cells {
			text.WriteString("| " + cell + strings.Repeat(pad, widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		text.WriteString("|\n")
	}
	for i, cells := range lines {
		write(cells, " ")
		if i == 0 {
			write(make([]string, len(cells)), "-")
		}
	}
	return text.String()
}

// machine is what the figures depend on, told without what would name the machine.
type machine struct {
	cores           int
	engine, compose string
	date            time.Time
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores, Docker engine %s, Compose %s, %s", m.cores, m.engine, m.compose, m.date.UTC().Format(time.DateOnly))
}

// page is docs/performance.md.
func page(m machine, rows []row) string {
	return `# Performance

Made by ` + "`mage dev:bench`" + `, which writes this page: ` + m.String() + `.

Slipway is ` + "`mage deploy`" + ` as anybody runs it, compiled, with every phase. Compose and Slipway take turns on stacks of the same
images. Each figure is the median of all rounds and, in brackets, the range.

` + table(rows) + `
- "All healthy" and "replaced" end when the rollout has its verdict; ` + "`mage deploy`" + ` then verifies: it watches what it
  has started until that has run undisturbed for 5 s. What that takes altogether stands in a row of its own.
- (d) sends 500 requests a second through Caddy and lets none wait for another. Dropped is what fails or is not answered with
  200; the gap is the longest time without an answer. Caddy holds back and repeats requests, as the reference stack tells it to,
  and asks for the service's address once a second: that is in the gap, and not in the time without a container.
- (e) begins when the service opens its port, which it says itself.
- (f) has no healthchecks, so a service is ready when it has run undisturbed for 5 s.
- (g) "and its commands" counts every process that the command ran and waited for: its CPU time, and the memory of the largest one.
- (h) is the production stack of this repository, with monitoring, on test images. A deployment means preflight, plan and verify.
- (i) compares the whole plan with Compose's resolving the same files; both resolve them with compose-go, which takes most of the time.
- (j) compares Slipway with itself: what stands under Compose are the figures of the same command for the same service without secrets,
  or with as many configs as large. To resolve 50 entries more of compose files takes longer than to hide what is in them; against configs,
  which are resolved and read as well, the hiding alone is left.
- (k) What stands under Compose is ` + "`docker compose exec … pg_dump | zstd`" + ` into a file, and the memory for a database without data. A backup is
  read to its end, too, and has the rows of each table counted; that happens in the container while the dump is made, so that the engine
  carries only what is compressed already.
`
}
