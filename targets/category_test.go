package targets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"slipway/internal/registry"
)

func TestCaseEAnErrnoIsATransientNetworkOnlyWhereItIsTheNetworks(t *testing.T) {
	t.Parallel()
	var s session
	want := map[syscall.Errno]category{
		syscall.ECONNREFUSED: transient, syscall.ECONNRESET: transient, syscall.ENETUNREACH: transient, syscall.EHOSTUNREACH: transient, syscall.ETIMEDOUT: transient,
		syscall.ENOSPC: resources, syscall.EDQUOT: resources, syscall.ENOMEM: resources, syscall.EMFILE: resources, syscall.ENFILE: resources,
		syscall.EACCES: permission, syscall.EPERM: permission,
		syscall.ENOENT: configuration, syscall.EISDIR: configuration, syscall.ENOTDIR: configuration,
		syscall.EINVAL: unknown, syscall.EIO: unknown, syscall.EBADF: unknown, syscall.EXDEV: unknown, syscall.EAGAIN: unknown, syscall.EINTR: unknown,
	}
	for errno, expected := range want {
		for how, err := range map[string]error{
			"bare":       errno,
			"of a file":  &fs.PathError{Op: "open", Path: "/x", Err: errno},
			"of a link":  fmt.Errorf("write: %w", &os.LinkError{Op: "rename", Old: "a", New: "b", Err: errno}),
			"of a dial":  &url.Error{Op: "Get", URL: "http://h/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}},
			"of several": errors.Join(errors.New("first"), errno),
		} {
			if got := s.category(t.Context(), err); got != expected {
				t.Errorf("%s, %s: %q, want %q", errno, how, got, expected)
			}
		}
	}
}

func TestCaseEWhatHasNoErrnoIsJudgedByWhatItIs(t *testing.T) {
	t.Parallel()
	var s session
	for _, c := range []struct {
		err  error
		want category
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}, transient},
		{fmt.Errorf("ask: %w", os.ErrDeadlineExceeded), transient},
		{context.DeadlineExceeded, transient},
		{context.Canceled, signalled},
		{fs.ErrPermission, permission},
		{&net.OpError{Op: "read", Err: errors.New("something")}, unknown},
		{errors.New("connection refused"), unknown}, // the words do not count
	} {
		if got := s.category(t.Context(), c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestCaseE1TheAnswerThatDecidesIsTheOneThatWillNotChange(t *testing.T) {
	t.Parallel()
	busy := registry.Answer{Image: "h/a:1", Host: "h", Status: 503}
	spent := registry.Answer{Image: "h/f:1", Host: "h", Status: 429}
	gone := registry.Answer{Image: "h/b:1", Host: "h", Status: 404}
	shut := registry.Answer{Image: "h/c:1", Host: "h", Status: 401}
	away := registry.Answer{Image: "x/d:1", Host: "x", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	here := registry.Answer{Image: "h/e:1", Host: "h", Status: 200}
	for _, c := range []struct {
		answers []registry.Answer
		want    category
		again   bool
	}{
		{[]registry.Answer{busy}, serverError, true},
		{[]registry.Answer{here, busy}, serverError, true},
		{[]registry.Answer{here, spent}, rateLimit, true},
		{[]registry.Answer{away, here}, transient, true},
		{[]registry.Answer{busy, gone}, configuration, false},
		{[]registry.Answer{away, shut}, authentication, false},
		{[]registry.Answer{here}, unknown, true},
		{nil, unknown, false},
	} {
		fault := &pullError{c.answers, errors.New("exit 1")}
		if _, again := fault.pause(0); fault.category() != c.want || again != c.again {
			t.Errorf("%v: %q, again %v, want %q, %v", c.answers, fault.category(), again, c.want, c.again)
		}
	}
}

func TestCaseE1ARegistryIsWaitedForNoLongerThanIsReasonable(t *testing.T) {
	t.Parallel()
	for after, again := range map[int]bool{0: true, 30: true, 3600: false} {
		fault := &pullError{[]registry.Answer{{Host: "h", Status: 429, RetryAfter: time.Duration(after) * time.Second}}, errors.New("exit 1")}
		pause, ok := fault.pause(2 * time.Second)
		if ok != again || ok && pause != max(2*time.Second, time.Duration(after)*time.Second) {
			t.Errorf("Retry-After: %d: %s, %v", after, pause, ok)
		}
	}
}
