package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"slipway/internal/compose"
	"slipway/internal/console"
)

// caddyImage is made by stack/testimages/build.sh.
const caddyImage = "slipway-test/caddy:2.11"

// place is where the bench works: a copy of the checkout, the compiled magefile, an image and projects of its own.
type place struct {
	console *console.Console
	machine machine
	dir     string // holds all the rest
	binary  string // the compiled magefile
	image   string // of the actor
	id      string // makes the names of what is on the engine this bench's own
	sides   int
}

// newPlace prepares everything that is not to be measured. What it returns is to be removed, also beside an error.
func newPlace(ctx context.Context, out *console.Console, withCaddy bool) (*place, error) {
	started := time.Now()
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	p := &place{console: out, id: "sw-bench-" + hex.EncodeToString(random)}
	p.image = p.id + ":actor"
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return p, fmt.Errorf("make a folder: %w", err)
	}
	p.dir, p.binary = dir, filepath.Join(dir, "bin", "mage")
	versions, err := compose.Versions(ctx, compose.Tools{})
	if err != nil {
		return p, err
	}
	p.machine = machine{cores: runtime.NumCPU(), engine: versions.Engine, compose: versions.Compose, date: started}
	if err := p.copyCheckout(ctx); err != nil {
		return p, err
	}
	if err := p.buildActor(ctx); err != nil {
		return p, err
	}
	if withCaddy {
		if _, err := execute(ctx, ".", nil, "bash", filepath.Join("stack", "testimages", "build.sh"), "caddy"); err != nil {
			return p, err
		}
	}
	if err := writeFile(filepath.Join(p.dir, "magefile.go"), magefile); err != nil {
		return p, err
	}
	if err := p.compile(ctx, filepath.Join(p.dir, "magefile.go"), p.binary); err != nil {
		return p, err
	}
	out.Line(console.OK, "bench", "prepared: "+p.machine.String(), time.Since(started))
	return p, nil
}

func (p *place) checkout() string { return filepath.Join(p.dir, "checkout") }

// compile makes a binary of the checkout with a magefile.
func (p *place) compile(ctx context.Context, magefile, binary string) error {
	text, err := os.ReadFile(magefile) //nolint:gosec // the bench's own, or the checkout's
	if err != nil {
		return fmt.Errorf("read a magefile: %w", err)
	}
	if err := writeFile(filepath.Join(p.checkout(), "magefile.go"), string(text)); err != nil {
		return err
	}
	_, err = execute(ctx, p.checkout(), nil, "go", "tool", "mage", "-compile", binary)
	return err
}

// copyCheckout copies the working tree, as git lists it.
func (p *place) copyCheckout(ctx context.Context) error {
	listed, err := execute(ctx, ".", nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for _, name := range strings.Split(strings.Trim(listed.stdout, "\x00"), "\x00") {
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) { // deleted, and not yet told to git
			continue
		}
		if err != nil {
			return fmt.Errorf("copy the checkout: %w", err)
		}
		to := filepath.Join(p.checkout(), name)
		err = os.MkdirAll(filepath.Dir(to), 0o755) //nolint:gosec // containers read it, as other users
		if err == nil {
			err = os.WriteFile(to, data, 0o644) //nolint:gosec // likewise
		}
		if err != nil {
			return fmt.Errorf("copy the checkout: %w", err)
		}
	}
	return nil
}

func (p *place) buildActor(ctx context.Context) error {
	context := filepath.Join(p.dir, "actor")
	source := "." + string(filepath.Separator) + filepath.Join("internal", "dev", "bench", "testdata", "actor")
	if err := writeFile(filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY actor /actor\nENTRYPOINT [\"/actor\"]\n"); err != nil {
		return err
	}
	if _, err := execute(ctx, p.checkout(), []string{"CGO_ENABLED=0"}, "go", "build", "-o", filepath.Join(context, "actor"), source); err != nil {
		return err
	}
	_, err := execute(ctx, context, nil, "docker", "build", "-q", "-t", p.image, ".")
	return err
}

// remove takes away everything that the bench made.
func (p *place) remove() {
	ctx := context.Background()
	for n := range p.sides {
		p.failedToClean(removeProject(ctx, p.project(n+1)))
	}
	_, _ = execute(ctx, ".", nil, "docker", "rmi", "-f", p.image)
	if p.dir != "" {
		p.failedToClean(os.RemoveAll(p.dir))
	}
}

// failedToClean tells of something that could not be taken away.
func (p *place) failedToClean(err error) {
	if err != nil {
		p.console.Line(console.Warn, "bench", "clean up: "+err.Error(), 0)
	}
}

func (p *place) project(n int) string { return fmt.Sprintf("%s-%d", p.id, n) }

// freePort is one on which nobody listens now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("find a free port: no TCP address")
	}
	return address.Port, nil
}
