// Package regular reads files that an operator names. Such a path may lead to a pipe, where a plain read waits for
// ever, or to a device, where it never ends: only a regular file is opened.
package regular

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

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
	// O_NONBLOCK: a pipe without a writer opens at once. It means nothing to a regular file.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENXIO) { // a socket, or a device without its driver
		return nil, fmt.Errorf("%s %w", path, ErrNotRegular)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("read %s: %w", path, bare(err))
	case info.IsDir():
		err = fmt.Errorf("%s %w", path, ErrDirectory)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s %w", path, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Read returns the content of a regular file of at most [Limit] bytes.
func Read(path string) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var content bytes.Buffer
	if info, err := file.Stat(); err == nil && info.Size() < Limit {
		content.Grow(int(info.Size()) + bytes.MinRead)
	}
	_, err = content.ReadFrom(io.LimitReader(file, Limit+1))
	data := content.Bytes()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, bare(err))
	case len(data) > Limit:
		return nil, fmt.Errorf("%s %w", path, ErrTooLarge)
	}
	return data, nil
}

// bare returns the reason alone; the message names the operation and the path already.
func bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
