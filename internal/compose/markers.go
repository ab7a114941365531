package compose

import (
	"context"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Marker is a thing on the engine that says something and does nothing: a config-only network. It needs no image, no subnet
// and no interface, nothing can be in it, and `docker system prune` leaves it alone.
type Marker struct {
	ID     string
	Labels map[string]string
}

// Markers are those that have a label.
func Markers(ctx context.Context, label string) ([]Marker, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	listed, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("label", label)})
	if err != nil {
		return nil, refusal(ctx, "list networks", err)
	}
	var found []Marker
	for _, item := range listed.Items {
		if item.ConfigOnly {
			found = append(found, Marker{ID: item.ID, Labels: item.Labels})
		}
	}
	return found, nil
}

// MakeMarker makes one and returns its id.
func MakeMarker(ctx context.Context, name string, labels map[string]string) (string, error) {
	docker, err := engine()
	if err != nil {
		return "", err
	}
	made, err := docker.NetworkCreate(ctx, name, client.NetworkCreateOptions{ConfigOnly: true, Labels: labels})
	if err != nil {
		return "", refusal(ctx, "create network "+name, err)
	}
	return made.ID, nil
}

// RemoveMarker removes one, by its id, unless somebody else has done so.
func RemoveMarker(ctx context.Context, id string) error {
	docker, err := engine()
	if err != nil {
		return err
	}
	if _, err := docker.NetworkRemove(ctx, id, client.NetworkRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
		return refusal(ctx, "remove network "+id, err)
	}
	return nil
}

// Life tells this life of a container from an earlier or a later one; empty where the engine has no such container or it
// does not run.
func Life(ctx context.Context, id string) (string, error) {
	found, err := inspect(ctx, id)
	if err != nil || len(found) == 0 || found[0].Status != "running" && found[0].Status != "paused" {
		return "", err
	}
	return found[0].StartedAt.UTC().Format(time.RFC3339Nano), nil
}
