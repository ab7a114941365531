// Package regular reads files that an operator names. Such a path may lead to a pipe, where a plain read waits for
// ever, or to a device, where it never ends: only a regular file is opened.
package regular

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Limit bounds what is read: no env file, secret or compose file is as large, but a wrong path may be.
const Limit = 16 << 20

// The reasons why a file is not read, beside those of the system.
var (
	ErrNotRegular = errors.New("is not a regular file")
	ErrDirectory  = errors.New("is a directory; a file is needed in its place")
	ErrTooLarge   = errors.New("is larger than 16 MiB")
)

// Open opens a regular file to be read, links followed, and waits for nobody.
func Open(path string) (*os.File, error) {
	fd, _, err := open(path)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil //nolint:gosec // a descriptor is no negative number
}

// open returns the descriptor of a regular file and its size.
func open(path string) (int, int64, error) {
	// O_NONBLOCK: a pipe without a writer opens at once. It means nothing to a regular file.
	fd, err := again(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if errors.Is(err, unix.ENXIO) { // a socket, or a device without its driver
		return 0, 0, fmt.Errorf("%s %w", path, ErrNotRegular)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	var info unix.Stat_t
	switch err := unix.Fstat(fd, &info); {
	case err != nil:
		err = fmt.Errorf("read %s: %w", path, err)
		return 0, 0, errors.Join(err, unix.Close(fd))
	case info.Mode&unix.S_IFMT == unix.S_IFDIR:
		return 0, 0, errors.Join(fmt.Errorf("%s %w", path, ErrDirectory), unix.Close(fd))
	case info.Mode&unix.S_IFMT != unix.S_IFREG:
		return 0, 0, errors.Join(fmt.Errorf("%s %w", path, ErrNotRegular), unix.Close(fd))
	}
	return fd, info.Size, nil
}

// Read returns the content of a regular file of at most [Limit] bytes. It does without an [os.File], which asks the runtime's
// poller about each, and so costs three times of what it costs to read a small one.
func Read(path string) ([]byte, error) {
	fd, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd) //nolint:errcheck // read only
	data := make([]byte, 0, min(size, Limit)+1)
	for {
		n, err := again(func() (int, error) { return unix.Read(fd, data[len(data):cap(data)]) })
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if n == 0 {
			return data, nil
		}
		data = data[:len(data)+n]
		if len(data) > Limit {
			return nil, fmt.Errorf("%s %w", path, ErrTooLarge)
		}
		if len(data) == cap(data) { // it has grown meanwhile, or does not say its size
			data = slices.Grow(data, 4096)
		}
	}
}

// again repeats a call that a signal has interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
