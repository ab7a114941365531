package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
)

// hiding is (j): what it costs a command that there are secrets to be hidden. The same commands on the same stack take the place of
// Compose: once with none, and once with configs in their stead, files as many and as large, which have to be resolved and read as
// well.
func hiding(ctx context.Context, p *place, rounds int) ([]row, error) {
	const kilobyte, megabyte = 1 << 10, 1 << 20
	none, err := p.holding(ctx, "secrets", 0, 0)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, one := range []struct {
		name, configs string
		count, size   int
		limit         float64
	}{{"50 secrets of 4 kB", "50 configs", 50, 4 * kilobyte, 1.05}, {"a secret of 1 MB", "a config", 1, megabyte, 1.2}} {
		configs, err := p.holding(ctx, "configs", one.count, one.size)
		if err != nil {
			return nil, err
		}
		secrets, err := p.holding(ctx, "secrets", one.count, one.size)
		if err != nil {
			return nil, err
		}
		sides := []*side{none, configs, secrets}
		for _, command := range []string{"plan", "status"} {
			took, memory := make([]series, len(sides)), make([]series, len(sides))
			turns := make([]func(int) error, len(sides))
			for i, s := range sides {
				turns[i] = func(int) error {
					did, err := s.mage(ctx, command)
					if err == nil {
						took[i] = append(took[i], float64(did.cpu().Microseconds())/1000)
						memory[i] = append(memory[i], float64(did.largest())/megabyte)
					}
					return err
				}
			}
			if err := alternate(ctx, p, rounds, turns...); err != nil {
				return nil, err
			}
			for i, than := range []string{"none", one.configs} {
				name := command + " with " + one.name + " against " + than
				rows = append(rows, against(name+": CPU time", "ms", took[i], took[2], one.limit), against(name+": memory", "MB", memory[i], memory[2], one.limit))
			}
		}
	}
	return rows, nil
}

// holding is a side on which a service runs that reads so many files of so many bytes, as secrets or as configs.
func (p *place) holding(ctx context.Context, kind string, count, size int) (*side, error) {
	s, err := p.side(reading(p.image, kind, count))
	if err != nil {
		return nil, err
	}
	for n := range count {
		text := make([]byte, size*3/4)
		_, _ = rand.Read(text) // never fails
		if err := writeFile(filepath.Join(s.dir, kind, fmt.Sprint("f", n)), base64.StdEncoding.EncodeToString(text)); err != nil {
			return nil, err
		}
	}
	_, err = s.deploy(ctx)
	return s, err
}

// reading is a service that reads files.
func reading(image, kind string, count int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "services:\n  web:\n    image: %q\n    command: [idle]\n", image)
	if count == 0 {
		return text.String()
	}
	fmt.Fprintf(&text, "    %s:\n", kind)
	for n := range count {
		fmt.Fprintf(&text, "      - f%d\n", n)
	}
	fmt.Fprintf(&text, "%s:\n", kind)
	for n := range count {
		fmt.Fprintf(&text, "  f%d: {file: ./%s/f%[1]d}\n", n, kind)
	}
	return text.String()
}
