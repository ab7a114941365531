package redact

// A secret is looked for in a text as it stands, and in what every decoder makes of the text: so it is found in whatever way
// it was encoded, in capitals or not, escaped more than it needs to be, or cut out of something longer; and the index holds the
// secret alone.

// view is a text as a decoder reads it, with the places in the text itself.
type view struct {
	text   string
	at     []span // of each byte; nil where it stands where it is
	starts []int  // of pieces that do not follow each other in the text itself; nil where there is one
	end    int    // what follows in the text itself is the beginning of something that is not complete
}

// pieces tells the pieces, and where they begin in the view. The last one may be empty.
func (v view) pieces(tell func(start int, text string)) {
	if v.starts == nil {
		tell(0, v.text)
	}
	for i, start := range v.starts {
		end := len(v.text)
		if i+1 < len(v.starts) {
			end = v.starts[i+1]
		}
		tell(start, v.text[start:end])
	}
}

// span is a place in the text itself.
type span struct{ from, to int32 }

func (v view) span(i int) span {
	if v.at == nil {
		return span{int32(i), int32(i + 1)} //nolint:gosec // nobody prints 2 GB at once
	}
	return v.at[i]
}

// from is where the byte is in the text itself; for the end of the view, where it ends there.
func (v view) from(i int) int {
	if i == len(v.text) {
		return v.end
	}
	return int(v.span(i).from)
}

// nesting is how often a text may be escaped: a message in JSON that is a text in another message, and so on.
const nesting = 3

// eachView tells a text in every reading. A text that is not final may go on.
func eachView(text string, final bool, tell func(view)) {
	read(view{text: text, end: len(text)}, nesting, final, tell)
}

func read(v view, deeper int, final bool, tell func(view)) {
	tell(v)
	for i := range alphabets {
		digits := &alphabets[i]
		rows := digits.rows(v.text, final)
		for offset := 0; offset < digits.group && len(rows) > 0; offset++ {
			tell(digits.decode(v, rows, offset, final))
		}
	}
	if deeper == 0 {
		return
	}
	for _, e := range escapes {
		if decoded, some := e.decode(v, final); some && e.whole {
			read(decoded, deeper-1, final, tell)
		} else if some {
			read(decoded, 0, final, tell)
		}
	}
}

// builder makes a view of another one.
type builder struct {
	of   view
	text []byte
	at   []span
}

// copy takes over what stands from one place to another.
func (b *builder) copy(from, to int) {
	b.text = append(b.text, b.of.text[from:to]...)
	for i := from; i < to; i++ {
		b.at = append(b.at, b.of.span(i))
	}
}

// put writes a byte that was decoded from what stands between two places.
func (b *builder) put(decoded byte, from, to int) {
	b.text = append(b.text, decoded)
	b.at = append(b.at, span{b.of.span(from).from, b.of.span(to - 1).to})
}

// view is what was made; what stands behind end in the other one is not complete.
func (b *builder) view(end int) view {
	return view{text: string(b.text), at: b.at, end: b.of.from(end)}
}
