package targets

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"slipway/checkpoints"
	"slipway/internal/compose"
	"slipway/internal/health"
)

// category is the kind of a failure, with advice to go with it: REQUIREMENTS, row ERRORS.
type category string

const (
	transient      category = "transient network"
	rateLimit      category = "rate limit"
	serverError    category = "server error"
	authentication category = "authentication"
	permission     category = "permission"
	resources      category = "resources"
	signalled      category = "signal"
	timeLimit      category = "time limit"
	configuration  category = "configuration"
	unknown        category = "unknown"
)

var guidance = map[category]string{
	transient:      "the network did not answer; the same command may pass later",
	rateLimit:      "too much was asked in too short a time; wait, and run it again",
	serverError:    "what was asked has a fault of its own; its log says more, and the same command may pass later",
	authentication: "what was asked wants to know who asks: log in, or correct the credentials",
	permission:     "run as root, or as a member of the group docker who owns the state directory",
	resources:      "free memory or disk, then run it again; docker system df shows what images take",
	signalled:      "a signal ended it, not its own error; the run resumes where it was",
	configuration:  "a setting or a compose file is wrong",
}

// Exit codes of a shell and of Docker that name a kind of failure: 126 cannot be executed, 127 is not there, 128+n ended
// by signal n; 137 is SIGKILL, which is how the kernel ends what takes too much memory.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignalBase    = 128
)

// category is decided by what failed and how, and by looking at the world; by no message text.
func (s *session) category(ctx context.Context, err error) category {
	var script *scriptError
	var pulled *pullError
	var known *checkpoints.Fault
	var late *lateJobError
	switch {
	case errors.As(err, &known): // the step that failed has decided it
		return category(known.Category)
	case errors.As(err, &pulled):
		return pulled.category()
	case errors.As(err, &late):
		return timeLimit
	case errors.Is(err, context.Canceled):
		return signalled
	case errors.Is(err, compose.ErrNoDocker):
		return configuration
	case !errors.As(err, &script):
		return categoryOf(err)
	case script.Signal != 0, script.ExitCode > exitSignalBase:
		return signalled
	case script.ExitCode == exitNotExecutable:
		return permission
	case script.ExitCode == exitNotFound:
		return configuration
	case s.diskIsFull():
		return resources
	}
	return unknown
}

// errnos are what the kernel's answers mean. What is not among them says nothing: each kind of call fails in ways of its own.
var errnos = map[syscall.Errno]category{
	syscall.ECONNREFUSED: transient, syscall.ECONNRESET: transient, syscall.ECONNABORTED: transient, syscall.ETIMEDOUT: transient,
	syscall.ENETUNREACH: transient, syscall.ENETDOWN: transient, syscall.ENETRESET: transient,
	syscall.EHOSTUNREACH: transient, syscall.EHOSTDOWN: transient,
	syscall.ENOSPC: resources, syscall.EDQUOT: resources, syscall.ENOMEM: resources, syscall.EMFILE: resources, syscall.ENFILE: resources,
	syscall.EACCES: permission, syscall.EPERM: permission,
	syscall.ENOENT: configuration, syscall.EISDIR: configuration, syscall.ENOTDIR: configuration,
}

// categoryOfStatus is the category of an answer of HTTP that is no success.
func categoryOfStatus(status int) category {
	switch {
	case status == http.StatusTooManyRequests:
		return rateLimit
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return authentication
	case status == http.StatusRequestTimeout:
		return transient
	case status >= http.StatusInternalServerError:
		return serverError
	}
	return configuration
}

// categoryOf is the category of an error of a call from Go. An errno tells more than the kind of call around it: each
// satisfies net.Error, too.
func categoryOf(err error) category {
	var errno syscall.Errno
	var network net.Error
	var name *net.DNSError
	var status *health.StatusError
	switch {
	case errors.As(err, &status):
		return categoryOfStatus(status.Code)
	case errors.As(err, &name):
		return transient
	case errors.As(err, &errno):
		if known, ok := errnos[errno]; ok {
			return known
		}
		return unknown
	case errors.Is(err, fs.ErrPermission):
		return permission
	case errors.As(err, &network) && network.Timeout():
		return transient
	}
	return unknown
}

// advice is what the category of a failure suggests.
func (s *session) advice(err error) []string {
	var remedied interface{ Hints() []string }
	if errors.As(err, &remedied) { // fail adds them
		return nil
	}
	if text := guidance[s.category(context.Background(), err)]; text != "" {
		return []string{text}
	}
	return nil
}

// fault adds to the error of a step what the record keeps of it: category, script, line, exit code; and hides secrets.
func (s *session) fault(ctx context.Context, err error) error {
	detail := checkpoints.Fault{Category: string(s.category(ctx, err))}
	var script *scriptError
	if errors.As(err, &script) {
		detail.Script, detail.Line, detail.ExitCode = script.Script, script.Line, script.ExitCode
	}
	return faulty{redacted{err}, &detail}
}

// faulty is an error that carries what the record keeps of it.
type faulty struct {
	error
	fault *checkpoints.Fault
}

func (f faulty) Unwrap() []error { return []error{f.error, f.fault} }

// diskIsFull looks at the file system where Docker keeps its data.
func (s *session) diskIsFull() bool {
	const tooLittle = 64 << 20
	var stat syscall.Statfs_t
	if syscall.Statfs(dockerRoot, &stat) != nil {
		return false
	}
	return stat.Bavail*uint64(stat.Bsize) < tooLittle //nolint:gosec // a block size is positive
}
