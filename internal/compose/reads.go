package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Read is a file or a folder of the checkout that the containers of a service read.
type Read struct {
	Name     string // as the checkout has it: relative to the folder of the compose files
	Path     string // absolute
	Folder   bool
	Writable bool // the containers can write to it, too
}

// Reads are what the containers of a service read of the checkout: the files of its secrets and configs, and what is mounted
// of the host. A file elsewhere on the machine counts where it is a secret or a config; what else is mounted from there,
// such as a socket or the time zone, is the machine's. What is not there is left out.
func (m *Model) Reads(s Service) []Read {
	var reads []Read
	add := func(path string, writable bool) {
		name := m.relative(path)
		if kept, copied := m.copies[path]; copied {
			path = kept
		}
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			return
		}
		read := Read{Name: name, Path: path, Folder: info.IsDir(), Writable: writable}
		if !slices.ContainsFunc(reads, func(r Read) bool { return r.Path == path }) {
			reads = append(reads, read)
		}
	}
	for _, ref := range s.Configs {
		if file := m.Configs[ref.Source].File; file != "" {
			add(file, false)
		}
	}
	for _, ref := range s.Secrets {
		if file := m.Secrets[ref.Source].File; file != "" {
			add(file, false)
		}
	}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeBind && m.belongs(v.Source) {
			add(v.Source, !v.ReadOnly)
		}
	}
	slices.SortFunc(reads, func(a, b Read) int { return strings.Compare(a.Name, b.Name) })
	return reads
}

// belongs reports whether a path is of the checkout: inside it, or a file beside it, in a folder that both are in.
func (m *Model) belongs(path string) bool {
	if _, copied := m.named[path]; copied || Within(m.Root, path) {
		return true
	}
	const beside = 2 // folders from the root of the file system: what is only below /srv or /home lies beside nothing
	common := m.Root
	for !Within(common, path) {
		common = filepath.Dir(common)
	}
	depth := len(strings.FieldsFunc(common, func(r rune) bool { return r == filepath.Separator }))
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && depth >= beside
}
