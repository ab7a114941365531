package checkpoints

import (
	"fmt"
	"maps"
)

// Follow writes down what the steps follow, before any of them works. A step
// that is done runs again for what another one does since it follows it, and
// not for what that one did before; what it follows no longer is forgotten. On
// disk beforehand, that outlives a run that ends between the two.
func (s *Store) Follow(lock *Lock, steps []Step) error {
	if err := s.held(lock); err != nil {
		return fmt.Errorf("write down what follows: %w", err)
	}
	for _, step := range steps {
		if err := s.follow(step); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) follow(step Step) error {
	record, exists, err := s.Record(step.Name)
	if err != nil || !exists || record.State != Done {
		return err // any other state runs, and follows whatever it finds
	}
	after := make(map[string]string, len(step.After))
	for _, name := range step.After {
		nonce, known := record.After[name]
		if !known {
			before, _, err := s.Record(name)
			if err != nil {
				return err
			}
			nonce = before.Nonce
		}
		after[name] = nonce
	}
	if maps.Equal(after, record.After) {
		return nil
	}
	record.After = after
	if err := s.write(record); err != nil {
		return fmt.Errorf("%s: write down what it follows: %w", step.Name, err)
	}
	return nil
}
