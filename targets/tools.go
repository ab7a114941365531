package targets

import (
	"encoding/json"
	"os"
	"path/filepath"

	"slipway/checkpoints"
	"slipway/internal/compose"
)

// knownTools are the versions that an earlier run was told by the docker command and its plugins: to start them takes
// longer than all the rest of a preflight. None where nothing is kept.
func (s *session) knownTools() compose.Tools {
	var known compose.Tools
	if data, err := os.ReadFile(s.toolsFile()); err == nil {
		_ = json.Unmarshal(data, &known) // what cannot be read is asked for again
	}
	return known
}

// keepTools keeps them for the next run, where this is a run and nothing is missing. Without, the next one asks again.
func (s *session) keepTools() {
	s.mu.Lock()
	tools := s.newTools
	s.mu.Unlock()
	if s.lock == nil || tools.Compose == "" || tools.Buildx == "" {
		return
	}
	if data, err := json.Marshal(tools); err == nil {
		_ = checkpoints.WriteFile(s.toolsFile(), data, 0o600)
	}
}

func (s *session) toolsFile() string { return filepath.Join(s.store.Dir(), "tools.json") }
