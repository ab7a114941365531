package compose

import (
	"archive/tar"
	"context"
	"io"
	"io/fs"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Head is the beginning of a file in a container, running or not, its volumes included: at most limit bytes. fs.ErrNotExist where
// it is not there. The engine reads it as root.
func Head(ctx context.Context, id, path string, limit int64) ([]byte, error) {
	const what = "read a file in the container"
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	answer, err := docker.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: path})
	if errdefs.IsNotFound(err) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, refusal(ctx, what, err)
	}
	defer func() { _ = answer.Content.Close() }()
	archive := tar.NewReader(answer.Content)
	entry, err := archive.Next()
	if err != nil {
		return nil, refusal(ctx, what, err)
	}
	if entry.Typeflag != tar.TypeReg {
		return nil, fs.ErrNotExist
	}
	head, err := io.ReadAll(io.LimitReader(archive, limit))
	return head, refusal(ctx, what, err)
}

// IsFolder reports whether there is a folder at a path in a container, running or not.
func IsFolder(ctx context.Context, id, path string) (bool, error) {
	docker, err := engine()
	if err != nil {
		return false, err
	}
	answer, err := docker.ContainerStatPath(ctx, id, client.ContainerStatPathOptions{Path: path})
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return answer.Stat.Mode.IsDir(), refusal(ctx, "look into the container", err)
}

// Entry is what is at a path in a container.
type Entry struct {
	Mode fs.FileMode
	Link string // where a symbolic link leads to, through all that come after it
}

// EntryOf is what is at a path in a container, running or not; fs.ErrNotExist where nothing is.
func EntryOf(ctx context.Context, id, path string) (Entry, error) {
	docker, err := engine()
	if err != nil {
		return Entry{}, err
	}
	answer, err := docker.ContainerStatPath(ctx, id, client.ContainerStatPathOptions{Path: path})
	if errdefs.IsNotFound(err) {
		return Entry{}, fs.ErrNotExist
	}
	return Entry{Mode: answer.Stat.Mode, Link: answer.Stat.LinkTarget}, refusal(ctx, "look into the container", err)
}

// Mounting are the containers of any project that have a volume.
func Mounting(ctx context.Context, volume string) ([]Container, error) {
	docker, err := engine()
	if err != nil {
		return nil, err
	}
	listed, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("volume", volume)})
	if err != nil {
		return nil, refusal(ctx, "list containers", err)
	}
	ids := make([]string, len(listed.Items))
	for i, item := range listed.Items {
		ids[i] = item.ID
	}
	return inspect(ctx, ids...)
}
