package regular

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCaseF7WhatIsNoRegularFileIsRefusedAtOnce would wait for ever where the pipe is opened as a file.
func TestCaseF7WhatIsNoRegularFileIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		unix.Mkfifo(path("pipe"), 0o600),
		os.Symlink("pipe", path("link")),
		os.Symlink("/dev/zero", path("device")),
		os.Mkdir(path("dir"), 0o700),
		os.WriteFile(path("large"), []byte(strings.Repeat("#", Limit+1)), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for name, want := range map[string]error{
		"pipe": ErrNotRegular, "link": ErrNotRegular, "device": ErrNotRegular, "socket": ErrNotRegular,
		"dir": ErrDirectory, "large": ErrTooLarge, "none": fs.ErrNotExist,
	} {
		_, err := Read(path(name))
		if !errors.Is(err, want) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadFollowsALinkToAFile(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600), os.Symlink("a", filepath.Join(dir, "b"))); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(filepath.Join(dir, "b")); string(data) != "x" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}
