package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// VolumeIdentity tells one volume from another of the same name: when the engine made it. Empty when there is none.
func VolumeIdentity(ctx context.Context, name string) (string, error) {
	// A filter finds what holds the name; an inspect of a volume that is not there is an error like any other.
	out, err := ask(ctx, "docker volume ls", nil, "volume", "ls", "--quiet", "--filter", "name=^"+name+"$")
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(string(out)) == "" {
		return "", nil
	}
	out, err = ask(ctx, "docker volume inspect", nil, "volume", "inspect", name)
	if err != nil {
		return "", err
	}
	var volumes []struct{ Name, CreatedAt, Mountpoint string }
	if err := json.Unmarshal(out, &volumes); err != nil || len(volumes) != 1 {
		return "", fmt.Errorf("docker volume inspect %s: an answer of %d volumes: %w", name, len(volumes), err)
	}
	return volumes[0].Name + " " + volumes[0].CreatedAt, nil
}
