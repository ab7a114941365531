package targets

import (
	"context"
	"fmt"
	"time"

	"slipway/internal/console"
	"slipway/internal/health"
)

// summarize says at the end of a deployment when it ran, where the stack answers, how its services are and what comes
// next. Credentials are named, masked, to a terminal only.
func (s *session) summarize(context.Context) error {
	s.console.Line(console.OK, "deploy", fmt.Sprintf("%s at %s", s.project.Name, s.dest.Name), time.Since(s.started))
	s.console.Below(fmt.Sprintf("started %s, ended %s", stamp(s.started), stamp(time.Now())))
	values, err := s.values()
	if err != nil {
		return err
	}
	for _, link := range s.dest.Links {
		url, err := expand(link.URL, values)
		if err != nil {
			return fmt.Errorf("link %s: %w", link.Name, err)
		}
		s.console.Below(fmt.Sprintf("%-12s %s", link.Name, url))
	}
	if s.found != nil {
		states := map[health.State]int{}
		var words []health.State
		for _, v := range s.found.Services {
			if states[v.State] == 0 {
				words = append(words, v.State)
			}
			states[v.State]++
		}
		for _, word := range words {
			s.console.Below(fmt.Sprintf("%-12s %d", word, states[word]))
		}
	}
	if s.console.Terminal() {
		for _, setting := range s.dest.Settings {
			if setting.IsSecret() {
				s.console.Below(fmt.Sprintf("%-28s ******** (%s)", setting.Key, s.where(setting.File)))
			}
		}
	}
	s.console.Below("next         "+command("status"), "             "+command("logs")+" SERVICE")
	return nil
}

// where says in which file a secret is kept.
func (s *session) where(file string) string {
	if file != "" {
		return file
	}
	return s.dest.envFile()
}
