package compose

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// dockerConfiguration is what matters here of the docker command's own config.json.
type dockerConfiguration struct {
	CurrentContext      string   `json:"currentContext"`
	CLIPluginsExtraDirs []string `json:"cliPluginsExtraDirs"`
}

// configuration reads it. One that cannot be read is like none: the docker command warns, and goes on.
func configuration() dockerConfiguration {
	var config dockerConfiguration
	if data, err := os.ReadFile(filepath.Join(configFolder(), "config.json")); err == nil {
		_ = json.Unmarshal(data, &config)
	}
	return config
}

// configFolder holds config.json, contexts, certificates and plugins.
func configFolder() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/" // as the docker command has it
	}
	return filepath.Join(home, ".docker")
}
