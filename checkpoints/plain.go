package checkpoints

import (
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// plain is a file that is open to be read. An [os.File] asks the runtime's poller about each, and so costs three times of what
// it costs to read a small one.
type plain int

func openPlain(path string) (plain, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			return plain(fd), nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// Read is that of [io.Reader].
func (p plain) Read(into []byte) (int, error) {
	for {
		n, err := unix.Read(int(p), into)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0 && len(into) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (p plain) close() { _ = unix.Close(int(p)) }
