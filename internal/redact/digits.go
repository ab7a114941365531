package redact

// alphabet is a way to write bytes as digits.
type alphabet struct {
	bits  int // of a digit
	group int // so many digits until bytes and digits end together
	value [256]int8
}

// alphabets are the ways in which programs print what is no text.
var alphabets = []alphabet{
	{4, 2, hexadecimal},
	{6, 4, digitValues("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "-_")},
}

var hexadecimal = digitValues("0123456789abcdef", "ABCDEF")

// digitValues are those of the digits; others are further digits for the last values. What is no digit has -1.
func digitValues(digits, others string) (values [256]int8) {
	for i := range values {
		values[i] = -1
	}
	for _, all := range []string{digits, others} {
		for i := range len(all) {
			values[all[i]] = int8(len(digits) - len(all) + i) //nolint:gosec // 64 digits
		}
	}
	return values
}

// wrapped is the least length of a line that goes on in the next one. Base64 is wrapped after 64 or 76 digits mostly.
const wrapped = 16

// row is a place of a text that holds digits, and breaks of lines between them.
type row struct{ from, to int }

// rows are those of a text that are long enough to be a secret, or may become it where the text is not final.
func (a *alphabet) rows(s string, final bool) []row {
	shortest := (Shortest*8 + a.bits - 1) / a.bits
	var rows []row
	for at := 0; at < len(s); at++ {
		if a.value[s[at]] < 0 {
			continue
		}
		found := row{from: at}
		count, line := 0, at
		for at < len(s) {
			if a.value[s[at]] >= 0 {
				count++
				at++
				continue
			}
			next := afterBreak(s, at)
			if next == at || at-line < wrapped || next < len(s) && a.value[s[next]] < 0 {
				break
			}
			at, line = next, next
		}
		if found.to = at; count >= shortest || at == len(s) && !final {
			rows = append(rows, found)
		}
	}
	return rows
}

// afterBreak is where the next line begins, without its indentation; at where no line ends there.
func afterBreak(s string, at int) int {
	next := at
	if s[next] == '\r' {
		next++
	}
	if next < len(s) && s[next] != '\n' {
		return at
	}
	for next++; next < len(s) && (s[next] == ' ' || s[next] == '\t'); {
		next++
	}
	return min(next, len(s))
}

// decode reads the rows, the first digits of each as the rest of something else. A row that has ended does not go on in what follows.
func (a *alphabet) decode(v view, rows []row, offset int, final bool) view {
	size := 0
	for _, r := range rows {
		size += (r.to - r.from) * a.bits / 8
	}
	b := builder{of: v, text: make([]byte, 0, size), at: make([]span, 0, size)}
	starts := make([]int, 0, len(rows)+1)
	end := len(v.text)
	for _, r := range rows {
		starts = append(starts, len(b.text))
		bits, held, first := 0, 0, 0
		for at := min(r.from+offset, r.to); at < r.to; at++ {
			digit := a.value[v.text[at]]
			if digit < 0 {
				continue // between two lines
			}
			if bits == 0 {
				first = at
			}
			held = held<<a.bits | int(digit)
			if bits += a.bits; bits >= 8 {
				bits -= 8
				b.put(byte(held>>bits), first, at+1) //nolint:gosec // of 8 bits
				held &= 1<<bits - 1
				first = at
			}
		}
		if r.to == len(v.text) && !final && bits > 0 {
			end = first
		}
	}
	if rows[len(rows)-1].to < len(v.text) || final {
		starts = append(starts, len(b.text))
	}
	decoded := b.view(end)
	decoded.starts = starts
	return decoded
}
