package checkpoints

import "fmt"

// Differs compares inputs with what a step recorded when it was last done, and
// returns the first cause to do it again, or "". It is for a step that has to
// know beforehand what a later one will find, such as a backup before a
// migration: inputs that the record has beside the given ones are not compared.
func (s *Store) Differs(step string, inputs []Input) (cause string, err error) {
	record, exists, err := s.Record(step)
	if err != nil {
		return "", err
	}
	switch {
	case !exists:
		return step + " never ran", nil
	case record.State == Failed:
		return step + " failed before", nil
	case record.State != Done:
		return step + " was interrupted", nil
	}
	present, err := fingerprints(s.key, inputs)
	if err != nil {
		return "", fmt.Errorf("%s: %w", step, err)
	}
	recorded := make(map[string]string, len(present))
	for name := range present {
		if before, ok := record.Inputs[name]; ok {
			recorded[name] = before
		}
	}
	return changed(recorded, present), nil
}

// Fingerprints are what a record would hold of these inputs, by name: two are alike where the inputs are.
func (s *Store) Fingerprints(inputs []Input) (map[string]string, error) {
	return fingerprints(s.key, inputs)
}
