package checkpoints

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

// Event is one line of a journal.
type Event struct {
	N      int            `json:"n"` // 1, 2, 3 …
	Time   time.Time      `json:"time"`
	Kind   string         `json:"kind"`
	Fields map[string]any `json:"fields,omitempty"`
}

// cleanFields redacts every text within the fields, however deep, and turns
// errors into their text.
func (s *Store) cleanFields(fields map[string]any) (map[string]any, error) {
	if fields == nil {
		return nil, nil
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var plain map[string]any
	if err := decoder.Decode(&plain); err != nil {
		return nil, err
	}
	for name, value := range plain {
		plain[name] = s.cleanValue(value)
	}
	return plain, nil
}

func (s *Store) cleanValue(value any) any {
	switch value := value.(type) {
	case string:
		return s.clean(value)
	case []any:
		for i := range value {
			value[i] = s.cleanValue(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = s.cleanValue(value[name])
		}
	}
	return value
}

// A line ends in the checksum of what stands before it, so that a changed line
// is told from a whole one.
const sumLength = len(`,"sum":"01234567"}`)

func encodeEvent(event Event) ([]byte, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	data = data[:len(data)-1]
	return fmt.Appendf(data, ",\"sum\":\"%08x\"}\n", crc32.ChecksumIEEE(data)), nil
}

// decodeJournal reads a journal. A last line without its newline was torn by a
// crash and does not count; anything else that is not whole is an error.
func decodeJournal(data []byte) ([]Event, error) {
	var events []Event
	for number := 1; ; number++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return events, nil
		}
		data = rest
		if len(line) < sumLength {
			return events, fmt.Errorf("line %d: %w", number, ErrCorrupt)
		}
		body, tail := line[:len(line)-sumLength], line[len(line)-sumLength:]
		if string(tail) != fmt.Sprintf(",\"sum\":\"%08x\"}", crc32.ChecksumIEEE(body)) {
			return events, fmt.Errorf("line %d: %w", number, ErrCorrupt)
		}
		var event Event
		if err := json.Unmarshal(append(slices.Clone(body), '}'), &event); err != nil {
			return events, fmt.Errorf("line %d: %w: %w", number, ErrCorrupt, err)
		}
		if event.N != number {
			return events, fmt.Errorf("line %d: %w: it is event %d", number, ErrCorrupt, event.N)
		}
		events = append(events, event)
	}
}
