package host

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestEngineIsJudgedByItsVersions(t *testing.T) {
	good := EngineFacts{Client: "28.2.2", Engine: "20.10.24", API: "1.41", MinAPI: "1.12", Compose: "5.6.0", Buildx: "0.38.1"}
	noEngine := good
	noEngine.Engine = ""
	old := EngineFacts{Client: "19.03", Engine: "19.03.13", Compose: "2.19.1"}
	refused := errors.New("connection refused")
	compare(t, []expectation{
		{"good engine", judgeEngine(good, nil, StateFail), StateOK, "engine 20.10.24, API 1.41 (client 28.2.2, engine accepts 1.12 and newer)"},
		{"good compose", judgeCompose(good, nil, StateFail), StateOK, "Compose 5.6.0"},
		{"good buildx", judgeBuildx(good, nil, StateFail), StateOK, "buildx 0.38.1"},
		{"engine down", judgeEngine(noEngine, refused, StateWarn), StateWarn, "the engine does not answer: connection refused"},
		{"engine down, compose there", judgeCompose(noEngine, refused, StateFail), StateOK, "Compose 5.6.0"},
		{"nothing", judgeEngine(EngineFacts{}, nil, StateFail), StateFail, "docker is not installed"},
		{"nothing, but prerequisites follow", judgeCompose(EngineFacts{}, nil, StateWarn), StateWarn, "not installed"},
		{"no buildx", judgeBuildx(EngineFacts{}, nil, StateFail), StateWarn, "classic builder"},
		{"old engine", judgeEngine(old, nil, StateWarn), StateFail, "engine 19.03.13, at least 20.10"},
		{"old compose", judgeCompose(old, nil, StateFail), StateFail, "Compose 2.19.1, at least 2.26"},
		{"Debian 13's pair", judgeBuildx(EngineFacts{Compose: "2.26.1-4", Buildx: "0.13.1+ds1"}, nil, StateFail), StateOK, "Compose 2.26.1-4 builds by itself"},
		{"Debian 13 without buildx", judgeBuildx(EngineFacts{Compose: "2.26.1-4"}, nil, StateFail), StateOK, "builds by itself"},
		{"a newer Compose beside its buildx", judgeBuildx(EngineFacts{Compose: "5.6.0", Buildx: "0.13.1+ds1"}, nil, StateFail), StateFail,
			"buildx 0.13.1+ds1, Compose 5.6.0 builds with 0.17 and newer only"},
		{"the same, but prerequisites follow", judgeBuildx(EngineFacts{Compose: "2.37.0", Buildx: "0.16.2"}, nil, StateWarn), StateWarn, "0.17 and newer"},
		{"hanging engine", judgeEngine(EngineFacts{}, context.DeadlineExceeded, StateWarn), StateFail, "does not answer in time"},
	})
}

func TestDockerIsAskedOnce(t *testing.T) {
	var asked atomic.Int32
	findings := Run(context.Background(), Engine(func(context.Context) (EngineFacts, error) {
		asked.Add(1)
		return EngineFacts{Client: "28", Engine: "28", Compose: "5", Buildx: "1"}, nil
	}, StateFail))
	if n := asked.Load(); n != 1 || len(Failed(findings)) != 0 {
		t.Errorf("asked %d times: %+v", n, findings)
	}
}
