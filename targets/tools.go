package targets

import (
	"encoding/json"
	"maps"
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

// keepTools keeps them for the next run, where this is a run and they are others. Without, the next one asks again.
func (s *session) keepTools() {
	if s.lock == nil {
		return
	}
	found, _ := s.versions()
	if found.Compose == "" || maps.Equal(found.Files, s.knownTools().Files) {
		return
	}
	if data, err := json.Marshal(found.Tools); err == nil {
		_ = checkpoints.WriteFile(s.toolsFile(), data, 0o600)
	}
}

func (s *session) toolsFile() string { return filepath.Join(s.store.Dir(), "tools.json") }
