package testhost

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// packages are what a host has beside the minimum of its distribution: what a deployment needs, of the distribution's own, and a
// registry.
const packages = "docker.io,docker-cli,docker-compose,docker-buildx,docker-registry,iptables,jq,curl,ca-certificates"

// recipe makes the file system of a suite. Testing's list of packages may be past its date.
func recipe(suite string) []string {
	argv := []string{"mmdebstrap", "--quiet", "--variant=minbase", "--include=" + packages, `--aptopt=Acquire::Check-Valid-Until "false"`}
	for _, folder := range []string{"doc", "man", "locale"} {
		argv = append(argv, "--dpkgopt=path-exclude=/usr/share/"+folder+"/*")
	}
	return append(argv, suite)
}

// image is the image of a suite on this machine's engine, made by the first test that needs it: it takes half a minute.
// Another recipe is another image.
func image(ctx context.Context, suite string) (string, error) {
	argv := recipe(suite)
	name := fmt.Sprintf("slipway-testhost:%s-%.6x", suite, sha256.Sum256([]byte(strings.Join(argv, "\x00"))))
	unlock, err := lock(strings.ReplaceAll(name, ":", "-"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if exec.CommandContext(ctx, "docker", "image", "inspect", name).Run() == nil {
		return name, nil
	}
	if _, err := exec.LookPath(argv[0]); errors.Is(err, exec.ErrNotFound) {
		if err := run(ctx, "apt-get", "-q", "-y", "--no-install-recommends", "install", argv[0]); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "slipway-testhost-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	archive := filepath.Join(dir, suite+".tar")
	if err := run(ctx, slices.Concat(argv, []string{archive})...); err != nil {
		return "", err
	}
	return name, run(ctx, "docker", "import", archive, name)
}

// lock lets one process after the other do what has the name.
func lock(name string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), name+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func run(ctx context.Context, argv ...string) error {
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}
