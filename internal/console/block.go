package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// The cursor rests on the first line of the block, in the first column. So the block is erased by erasing from there
// to the end of the screen, however the terminal has wrapped it again since, and a shell that takes over writes there.

// draw shows the rows of all that is live, or takes off what is shown where there are none.
func (c *Console) draw() {
	var rows []Row
	for _, l := range c.lives {
		rows = append(rows, l.rows...)
	}
	if len(rows) == 0 || c.unfinished {
		c.erase()
		return
	}
	width, height := size(c.err.w)
	frame := ""
	if width != c.width { // what is there may be wrapped
		frame = "\r" + ansi.EraseScreenBelow
	}
	lines := c.block(rows, width, height)
	frame += "\r" + strings.Join(lines, ansi.EraseLineRight+"\r\n") + ansi.EraseScreenBelow + "\r"
	if up := len(lines) - 1; up > 0 {
		frame += ansi.CursorUp(up)
	}
	c.width, c.drawn = width, true
	_, _ = io.WriteString(c.err.w, frame) // each row is redacted, before it was cut
}

// erase takes the block off the screen and leaves the cursor where it began.
func (c *Console) erase() {
	if c.drawn {
		c.drawn = false
		_, _ = io.WriteString(c.err.w, "\r"+ansi.EraseScreenBelow)
	}
}

// block lays the rows out as lines that fit, each into one line of the terminal, all of them with room to spare.
func (c *Console) block(rows []Row, width, height int) []string {
	room, more := max(height-2, 1), 0
	if len(rows) > room {
		more = len(rows) - (room - 1)
		rows = rows[:room-1]
	}
	var lines []string
	for _, row := range rows {
		age := seconds(max(time.Since(row.Since), 0))
		lines = append(lines, c.first(c.err, row.Word)+fmt.Sprintf("%-18s %7s  %s", c.clean(row.Subject), age, c.clean(row.Detail)))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, max(width-1, 1), "…") // a full line makes some terminals begin another
	}
	return lines
}

// clean makes text one line that moves no cursor. A secret is looked for on both sides of that: the text may be what
// hides it or what it consists of.
func (c *Console) clean(text string) string {
	printable := func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}
	text = strings.Map(printable, ansi.Strip(c.secrets.String(text)))
	return c.secrets.String(strings.Join(strings.Fields(text), " "))
}

// size asks anew each time: that follows a resize without a signal. A terminal that does not know is a usual one.
func size(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		width, height, _ = term.GetSize(int(f.Fd()))
	}
	if width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}
