package targets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// data is where a database keeps its data: a volume, by the name that the engine knows, or a folder of the host.
type data struct{ volume, folder string }

// in finds the database's data in the model: Volume is the volume's key there, or the folder as the compose files mount it.
func (d database) in(model *compose.Model) (data, error) {
	if volume, has := model.Volumes[d.Volume]; has {
		return data{volume: volume.Name}, nil
	}
	folder := d.Volume
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(model.WorkingDir, folder)
	}
	for _, service := range model.Services {
		for _, mount := range service.Writes() {
			if mount.Type == types.VolumeTypeBind && filepath.Clean(mount.Source) == folder {
				return data{folder: folder}, nil
			}
		}
	}
	return data{}, fmt.Errorf("database: Volume %q: the compose files have no such volume, and no service writes to a folder of that name", d.Volume)
}

// checkWriters names a service that writes to a plain volume and would not be stopped while it is exchanged.
func (d database) checkWriters(model *compose.Model, where data) error {
	if d.Kind != "volume" {
		return nil
	}
	for _, service := range model.Up() {
		for _, mount := range service.Writes() {
			its := mount.Type == types.VolumeTypeVolume && model.Volumes[mount.Source].Name == where.volume ||
				mount.Type == types.VolumeTypeBind && where.folder != "" && filepath.Clean(mount.Source) == where.folder
			if its && !slices.Contains(d.Writers, service.Name) {
				return fmt.Errorf("database: service %q writes to %s, too, and is not one of its Writers, which are stopped while it is copied", service.Name, d.Volume)
			}
		}
	}
	return nil
}

// identity tells one database from another at the same place; empty while there is none.
func (d database) identity(ctx context.Context, model *compose.Model) (string, error) {
	where, err := d.in(model)
	switch {
	case err != nil:
		return "", err
	case where.volume != "":
		return compose.VolumeIdentity(ctx, where.volume)
	}
	entries, err := os.ReadDir(where.folder)
	switch {
	case os.IsNotExist(err), err == nil && len(entries) == 0:
		return "", nil
	case err != nil && !os.IsPermission(err): // the server alone may look into it, so it is there
		return "", fmt.Errorf("database: %w", err)
	}
	return "folder " + compose.FileIdentity(where.folder), nil
}
