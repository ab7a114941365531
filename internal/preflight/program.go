package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"slipway/internal/compose"
)

// usualPath is where programs are looked for where neither the image nor the files say.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// program finds a program that the image does not have.
func (l look) program(ctx context.Context) (*Problem, error) {
	name, known := l.first()
	if !known || len(l.service.VolumesFrom) > 0 {
		return nil, nil
	}
	why := "which is not in " + l.service.Image
	if !strings.Contains(name, "/") {
		folders, known := l.path()
		if !known {
			return nil, nil
		}
		for _, folder := range folders {
			if found, err := l.find(ctx, path.Join(folder, name)); err != nil || found != nothing && found != unfit {
				return nil, err
			}
		}
		why = fmt.Sprintf("which is not in the PATH of %s: %s", l.service.Image, strings.Join(folders, ":"))
	} else {
		full := path.Clean(name)
		if !path.IsAbs(name) {
			full = path.Join("/", cmp.Or(l.service.WorkingDir, l.image.WorkingDir), name)
		}
		found, err := l.find(ctx, full)
		if err != nil || found != nothing && found != unfit {
			return nil, err
		}
		if found == unfit {
			why = fmt.Sprintf("which is no executable file in %s", l.service.Image)
		}
	}
	return &Problem{
		fmt.Sprintf("service %s runs %q, %s", l.service.Name, name, why),
		"correct command or entrypoint, or add the program to the image",
	}, nil
}

// first is what a service's containers execute; false where that cannot be told.
func (l look) first() (string, bool) {
	entrypoint, command := []string(l.service.Entrypoint), []string(l.service.Command)
	if l.service.Entrypoint == nil {
		entrypoint = l.image.Entrypoint
		if len(command) == 0 {
			command = l.image.Command
		}
	}
	argv := append(append([]string(nil), entrypoint...), command...)
	if len(argv) == 0 || argv[0] == "" || l.service.Entrypoint != nil && len(l.service.Entrypoint) == 0 {
		return "", false
	}
	return argv[0], true
}

// path are the folders in which a program is looked for; false where that cannot be told.
func (l look) path() ([]string, bool) {
	list, has := l.image.Env["PATH"]
	if !has {
		list = usualPath
	}
	if own, has := l.service.Environment["PATH"]; has {
		if own == nil {
			return nil, false
		}
		list = *own
	}
	folders := strings.Split(list, ":")
	for _, folder := range folders {
		if !path.IsAbs(folder) {
			return nil, false
		}
	}
	return folders, true
}

// presence is what is known of a program in an image.
type presence int

const (
	nothing presence = iota
	unfit            // a folder, or nobody may execute it
	present
	unknown // something that is not the image's is, or may be, there
)

// find looks for a program, folder by folder, so that a link on the way is seen that leads to what is not the image's.
func (l look) find(ctx context.Context, name string) (presence, error) {
	at := "/"
	parts := strings.Split(strings.Trim(name, "/"), "/")
	for i, part := range parts {
		at = path.Join(at, part)
		entry, found, err := l.entry(ctx, at)
		if found == present && entry.Link != "" {
			at = entry.Link
			entry, found, err = l.entry(ctx, at)
		}
		if found == nothing && l.covered(path.Join(append([]string{at}, parts[i+1:]...)...)) {
			return unknown, err
		}
		if found != present || err != nil {
			return found, err
		}
		if i == len(parts)-1 && (entry.Mode.IsDir() || entry.Mode.IsRegular() && entry.Mode.Perm()&0o111 == 0) {
			return unfit, nil
		}
	}
	return present, nil
}

func (l look) entry(ctx context.Context, name string) (compose.Entry, presence, error) {
	if l.covered(name) {
		return compose.Entry{}, unknown, nil
	}
	entry, err := l.inside.Entry(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return compose.Entry{}, nothing, nil
	case err != nil:
		return compose.Entry{}, unknown, err
	}
	return entry, present, nil
}
