package targets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/checkpoints"
	"slipway/internal/backup"
)

// textfiles is where node-exporter looks for *.prom files in its container.
const textfiles = "/textfile"

// tellMonitoring writes when the last backup was made to where the stack's node-exporter reads it, if it has one.
func (s *session) tellMonitoring(ctx context.Context, made backup.Backup) error {
	model, err := s.model(ctx)
	if err != nil {
		return err
	}
	for _, service := range model.Services {
		for _, mount := range service.Volumes {
			if mount.Type != types.VolumeTypeBind || mount.Target != textfiles {
				continue
			}
			if info, err := os.Stat(mount.Source); err != nil || !info.IsDir() {
				continue // the engine makes it when the service starts for the first time
			}
			text := fmt.Sprintf("# HELP slipway_backup_timestamp_seconds When the last good backup of the database was made.\n"+
				"# TYPE slipway_backup_timestamp_seconds gauge\nslipway_backup_timestamp_seconds{project=%q} %d\n", s.project.Name, made.Time.Unix())
			if err := checkpoints.WriteFile(filepath.Join(mount.Source, "slipway-"+s.project.Name+".prom"), []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
