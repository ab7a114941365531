package bench

import "context"

// resolving is (i): files of 2,000 services, none of which runs, planned, and resolved by docker compose config.
func resolving(ctx context.Context, p *place, rounds int) ([]row, error) {
	const services, megabyte = 2000, 1 << 20
	var rows []row
	for _, one := range []struct{ name, file string }{
		{"2000 services of three keys", many(p.image, services)},
		{"2000 services of ten keys", detailed(p.image, services)},
	} {
		s, err := p.side(one.file)
		if err != nil {
			return nil, err
		}
		var took, cpu, memory [2]series
		turn := func(which int, act func() (execution, error)) func(int) error {
			return func(int) error {
				did, err := act()
				if err != nil {
					return err
				}
				took[which].add(did.took())
				cpu[which].add(did.cpu())
				memory[which] = append(memory[which], float64(did.largest())/megabyte)
				return nil
			}
		}
		err = alternate(ctx, p, rounds,
			turn(0, func() (execution, error) { return execute(ctx, s.dir, s.env(), "docker", "compose", "config") }),
			turn(1, func() (execution, error) { return s.mage(ctx, "plan") }))
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			against(one.name+" planned against config", "s", took[0], took[1], 0.5),
			against(one.name+" planned against config: CPU time", "s", cpu[0], cpu[1], 0),
			against(one.name+" planned against config: memory", "MB", memory[0], memory[1], 0.5))
	}
	return rows, nil
}
