package datadir

import (
	"fmt"

	"slipway/internal/compose"
	"slipway/internal/rollout"
)

// homes are where the official images keep their data, beside PostgreSQL's, which say it.
var homes = map[Product]string{MariaDB: "/var/lib/mysql", MySQL: "/var/lib/mysql", Redis: "/data", Valkey: "/data"}

// crowded are the servers that the files would start twice on the same data. No database bears that, whatever the files say.
func (w World) crowded() []Problem {
	var problems []Problem
	at := map[string]string{} // place of data -> service
	for _, s := range w.Model.Up() {
		server, place := w.dataOf(s)
		if place == "" {
			continue
		}
		refuse := func(remedy, format string, args ...any) {
			text := fmt.Sprintf("service %s: image %s is %s, two of which must never write to %s, and ", s.Name, s.Image, server, place)
			problems = append(problems, Problem{Service: s.Name, Text: text + fmt.Sprintf(format, args...), Remedy: remedy})
		}
		if n := s.Replicas(); n > 1 {
			refuse("run one", "it is to have %d replicas", n)
		}
		if rollout.StartsFirst(s) {
			refuse("let it stop first", "a new one is to start before the old one stops")
		}
		if other, taken := at[place]; taken {
			refuse("give each a volume of its own", "service %s is one, too", other)
		}
		at[place] = s.Name
	}
	return problems
}

// dataOf is the server that a service runs, and the place of its data, in words; empty where it has none that outlives it.
func (w World) dataOf(s compose.Service) (server Server, place string) {
	image, here := w.Images[s.Image]
	server, known := serverOf(environment(s, image))
	if !here || !known || s.Replicas() == 0 {
		return server, ""
	}
	home := server.Home
	if home == "" {
		home = homes[server.Product]
	}
	for _, v := range s.Writes() {
		if _, inside := within(v.Target, home); inside {
			place = w.Place(v)
		}
	}
	return server, place
}
