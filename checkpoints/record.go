package checkpoints

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// recordVersion is raised when an older program would misread a record.
const recordVersion = 1

// Record is the durable outcome of a step.
type Record struct {
	Version int    `json:"version"`
	Stack   string `json:"stack"`
	Step    string `json:"step"`
	State   State  `json:"state"`
	// Run is the id of the run that wrote it.
	Run string `json:"run"`
	// Nonce is drawn anew each time the step is done; steps that come after
	// this one remember it.
	Nonce string `json:"nonce,omitempty"`
	// Key names the key that the inputs' fingerprints were made under.
	Key string `json:"key"`
	// Inputs are the fingerprints by name, as they were before the work.
	Inputs map[string]string `json:"inputs,omitempty"`
	// After holds the nonce of each predecessor, as it was before the work.
	After map[string]string `json:"after,omitempty"`
	// Result is the line that Run returned.
	Result   string    `json:"result,omitempty"`
	Error    *Fault    `json:"error,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
}

// RecordError is a record that cannot be trusted: corrupt, truncated, of a
// newer version, of another stack or made under another key.
type RecordError struct {
	Path string // of the record
	Step string
	Err  error
}

// Error names the file and what is wrong with it.
func (e *RecordError) Error() string {
	return fmt.Sprintf("checkpoint of %s: %s: %v", e.Step, e.Path, e.Err)
}

// Unwrap returns what is wrong.
func (e *RecordError) Unwrap() error { return e.Err }

// What can be wrong with a record.
var (
	ErrCorrupt    = errors.New("corrupt or truncated")
	ErrNewer      = errors.New("written by a newer version of this program")
	ErrOtherStack = errors.New("belongs to another stack")
	ErrOtherKey   = errors.New("made under a key that this directory no longer has")
)

// A record on disk is its JSON within a fixed frame that holds its digest. The
// digest covers the bytes, and every other byte is compared, so that no change
// goes unnoticed. The frame stays the same over all versions.
const (
	frameHead   = "{\"digest\":\"sha256:"
	frameMiddle = "\",\n\"record\":"
	frameTail   = "\n}\n"
)

func encodeRecord(record Record) ([]byte, error) {
	body, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the record of %s: %w", record.Step, err)
	}
	sum := sha256.Sum256(body)
	var out bytes.Buffer
	out.WriteString(frameHead)
	out.WriteString(hex.EncodeToString(sum[:]))
	out.WriteString(frameMiddle)
	out.Write(body)
	out.WriteString(frameTail)
	return out.Bytes(), nil
}

func decodeRecord(data []byte) (Record, error) {
	rest, ok := bytes.CutPrefix(data, []byte(frameHead))
	if !ok || len(rest) < hex.EncodedLen(sha256.Size) {
		return Record{}, ErrCorrupt
	}
	digest, rest := rest[:hex.EncodedLen(sha256.Size)], rest[hex.EncodedLen(sha256.Size):]
	rest, ok = bytes.CutPrefix(rest, []byte(frameMiddle))
	if !ok {
		return Record{}, ErrCorrupt
	}
	body, ok := bytes.CutSuffix(rest, []byte(frameTail))
	if !ok {
		return Record{}, ErrCorrupt
	}
	sum := sha256.Sum256(body)
	if hex.EncodeToString(sum[:]) != string(digest) {
		return Record{}, fmt.Errorf("%w: its digest does not match its content", ErrCorrupt)
	}
	// The version comes first: a newer record may have fields of other types.
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if version.Version > recordVersion {
		return Record{}, fmt.Errorf("%w: version %d, this program knows %d", ErrNewer, version.Version, recordVersion)
	}
	var record Record
	if err := json.Unmarshal(body, &record); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return record, record.check()
}

// check refuses what no version of this program writes.
func (r Record) check() error {
	switch {
	case r.Version < 1:
		return fmt.Errorf("%w: version %d", ErrCorrupt, r.Version)
	case !stepName.MatchString(r.Step):
		return fmt.Errorf("%w: step %q", ErrCorrupt, r.Step)
	case r.State != Running && r.State != Done && r.State != Failed:
		return fmt.Errorf("%w: state %q", ErrCorrupt, r.State)
	case (r.State == Done) != (r.Nonce != ""):
		return fmt.Errorf("%w: state %q with nonce %q", ErrCorrupt, r.State, r.Nonce)
	}
	return nil
}

// Record reads the record of a step; false if there is none. A record that
// cannot be trusted is a *RecordError.
func (s *Store) Record(step string) (Record, bool, error) {
	if err := checkName(step); err != nil {
		return Record{}, false, err
	}
	path := s.recordPath(step)
	data, err := os.ReadFile(path) //nolint:gosec // step is a checked name
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, &RecordError{Path: path, Step: step, Err: err}
	}
	record, err := decodeRecord(data)
	switch {
	case err != nil:
	case record.Stack != s.stack:
		err = fmt.Errorf("%w: %q", ErrOtherStack, record.Stack)
	case record.Step != step:
		err = fmt.Errorf("%w: it is the record of %q", ErrCorrupt, record.Step)
	case record.Key != s.keyName():
		err = ErrOtherKey
	}
	if err != nil {
		return Record{}, false, &RecordError{Path: path, Step: step, Err: err}
	}
	return record, true, nil
}

// Records reads every record, sub-steps included, sorted by name. Those that
// cannot be trusted are missing from the list and named by the error.
func (s *Store) Records() ([]Record, error) {
	names, err := s.recorded()
	if err != nil {
		return nil, err
	}
	var problems []error
	var records []Record
	for _, name := range names {
		record, exists, err := s.Record(name)
		problems = append(problems, err)
		if exists {
			records = append(records, record)
		}
	}
	return records, errors.Join(problems...)
}

// recorded are the names of the steps that have a record, readable or not.
func (s *Store) recorded() ([]string, error) {
	entries, err := os.ReadDir(s.records())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if ok && stepName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *Store) write(record Record) error {
	data, err := encodeRecord(record)
	if err != nil {
		return err
	}
	return WriteFile(s.recordPath(record.Step), data, 0o600)
}
