package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
)

// hiding is (j): what it costs a command that there are secrets to be hidden. The same commands on the same stack with none take
// the place of Compose.
func hiding(ctx context.Context, p *place, rounds int) ([]row, error) {
	const kilobyte, megabyte = 1 << 10, 1 << 20
	none, err := p.side(holding(p.image, 0))
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, one := range []struct {
		name        string
		count, size int
		limit       float64
	}{{"50 secrets of 4 kB", 50, 4 * kilobyte, 1.05}, {"a secret of 1 MB", 1, megabyte, 1.2}} {
		some, err := p.side(holding(p.image, one.count))
		if err != nil {
			return nil, err
		}
		for n := range one.count {
			text := make([]byte, one.size*3/4)
			_, _ = rand.Read(text) // never fails
			if err := writeFile(filepath.Join(some.dir, "secrets", fmt.Sprint("s", n)), base64.StdEncoding.EncodeToString(text)); err != nil {
				return nil, err
			}
		}
		for _, command := range []string{"plan", "status"} {
			var took, memory [2]series
			turn := func(which int, s *side) func(int) error {
				return func(int) error {
					did, err := s.mage(ctx, command)
					took[which].add(did.cpu())
					if err == nil {
						memory[which] = append(memory[which], float64(did.largest())/megabyte)
					}
					return err
				}
			}
			if err := alternate(ctx, p, rounds, turn(0, none), turn(1, some)); err != nil {
				return nil, err
			}
			name := command + " with " + one.name + " against with none"
			rows = append(rows, against(name+": CPU time", "s", took[0], took[1], one.limit), against(name+": memory", "MB", memory[0], memory[1], one.limit))
		}
	}
	return rows, nil
}

// holding is a service that reads so many secret files.
func holding(image string, secrets int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "services:\n  web:\n    image: %q\n    command: [idle]\n", image)
	if secrets == 0 {
		return text.String()
	}
	text.WriteString("    secrets:\n")
	for n := range secrets {
		fmt.Fprintf(&text, "      - s%d\n", n)
	}
	text.WriteString("secrets:\n")
	for n := range secrets {
		fmt.Fprintf(&text, "  s%d: {file: ./secrets/s%[1]d}\n", n)
	}
	return text.String()
}
