package redact

import (
	"bytes"
	"encoding/json"
)

// JSON returns a JSON document without its secrets: they are taken out of its texts, each by itself. Keys, numbers and the
// order of everything stay, so that whoever reads it finds what is promised.
func (r *Redactor) JSON(document []byte) []byte {
	var out bytes.Buffer
	var key string
	for at := 0; at < len(document); {
		if document[at] != '"' {
			out.WriteByte(document[at])
			at++
			continue
		}
		end := closing(document, at)
		text := document[at:end]
		if end < len(document) && document[end] == ':' {
			key = string(text)
		} else {
			text = r.jsonText(key, text)
			key = ""
		}
		out.Write(text)
		at = end
	}
	return out.Bytes()
}

// jsonText is a text of a document without its secrets; of one that is the value of a key, the key decides, too.
func (r *Redactor) jsonText(key string, quoted []byte) []byte {
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return quoted
	}
	clean := r.after(key+`:"`, text)
	if clean == text {
		return quoted
	}
	encoded, err := json.Marshal(clean)
	if err != nil { // a text always encodes
		return quoted
	}
	return encoded
}

// closing is the place behind the quote that ends the text at a place.
func closing(document []byte, at int) int {
	for at++; at < len(document); at++ {
		switch document[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(document)
}
