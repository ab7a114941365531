package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"slipway/scripts"
)

// EngineFacts is what the docker command, its plugins and the engine answer. An empty Client
// means that there is no docker command, an empty Engine that no engine
// answered, an empty Compose or Buildx that the plugin is not there.
type EngineFacts struct {
	Client, Engine, API, MinAPI, Compose, Buildx string
}

// engineLimit is longer than that of the other checks: on a busy machine the engine is slow, and no network is in it.
const engineLimit = 30 * time.Second

// Engine checks Docker and its Compose and buildx plugins: three checks over one
// question. missing is the state of what is not there: [StateWarn] where the
// prerequisites come next and install it, [StateFail] where nothing does.
func Engine(ask func(context.Context) (EngineFacts, error), missing string) []Check {
	var once sync.Once
	var facts EngineFacts
	var failure error
	judged := func(judge func(EngineFacts, error, string) Finding) func(context.Context) Finding {
		return func(ctx context.Context) Finding {
			once.Do(func() { facts, failure = ask(ctx) })
			return judge(facts, failure, missing)
		}
	}
	return []Check{
		{Name: "docker", Limit: engineLimit, Look: judged(judgeEngine)},
		{Name: "compose", Limit: engineLimit, Look: judged(judgeCompose)},
		{Name: "buildx", Limit: engineLimit, Look: judged(judgeBuildx)},
	}
}

func judgeEngine(f EngineFacts, err error, missing string) Finding {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Fail("docker does not answer in time", "look with: docker version; journalctl -u docker")
	case f.Client == "":
		return Finding{State: missing, Detail: because("docker is not installed", err), Remedy: Command("prerequisites")}
	case f.Engine == "":
		return Finding{State: missing, Detail: because("the engine does not answer", err),
			Remedy: "systemctl start docker; without root: sudo usermod -aG docker $USER, then log in again"}
	case Older(f.Engine, scripts.Oldest().Engine):
		return Fail(fmt.Sprintf("engine %s, at least %s is needed", f.Engine, scripts.Oldest().Engine),
			"upgrade Docker: https://docs.docker.com/engine/install/")
	}
	return OK(fmt.Sprintf("engine %s, API %s (client %s, engine accepts %s and newer)", f.Engine, f.API, f.Client, f.MinAPI))
}

func judgeCompose(f EngineFacts, err error, missing string) Finding {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Fail("docker does not answer in time", "look with: docker compose version")
	case f.Compose == "":
		return Finding{State: missing, Detail: "the Compose plugin is not installed", Remedy: Command("prerequisites")}
	case Older(f.Compose, scripts.Oldest().Compose):
		return Finding{State: missing, Detail: fmt.Sprintf("Compose %s, at least %s is needed", f.Compose, scripts.Oldest().Compose),
			Remedy: Command("prerequisites")}
	}
	return OK("Compose " + f.Compose)
}

// judgeBuildx knows what a pair of Compose and buildx needs. Without the plugin, a newer Compose uses the engine's classic
// builder, and with one that is too old it refuses to build. A Compose that is not there yet will be a new one.
func judgeBuildx(f EngineFacts, _ error, missing string) Finding {
	oldest := scripts.Oldest()
	switch {
	case f.Compose != "" && Older(f.Compose, oldest.ComposeWithBuildx):
		return OK(fmt.Sprintf("Compose %s builds by itself", f.Compose))
	case f.Buildx == "":
		return Warn("the buildx plugin is not installed, images are built by the classic builder", Command("prerequisites"))
	case Older(f.Buildx, oldest.Buildx):
		return Finding{State: missing, Detail: fmt.Sprintf("buildx %s, Compose %s builds with %s and newer only", f.Buildx, f.Compose, oldest.Buildx),
			Remedy: Command("prerequisites")}
	}
	return OK("buildx " + f.Buildx)
}

func because(what string, err error) string {
	if err == nil {
		return what
	}
	return fmt.Sprintf("%s: %v", what, err)
}
