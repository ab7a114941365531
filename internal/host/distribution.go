package host

import (
	"cmp"
	"context"
	"fmt"

	"github.com/joho/godotenv"
)

// supported are the distributions Slipway installs on by itself, with the
// oldest release of each.
var supported = map[string]string{"ubuntu": "20.04", "debian": "11"}

// Distribution checks which system this is. osRelease is the path of
// os-release(5), usually /etc/os-release. Another system is a warning: a stack
// runs wherever Docker runs, but there the operator installs it.
func Distribution(osRelease string) Check {
	return Check{Name: "distribution", Late: StateWarn, Look: func(context.Context) Finding {
		// os-release is a list of shell assignments, as an env file is.
		facts, err := godotenv.Read(osRelease)
		if err != nil {
			return Warn("unknown: "+osRelease+" cannot be read",
				"install Docker and its Compose plugin by hand: https://docs.docker.com/engine/install/")
		}
		return judgeDistribution(facts)
	}}
}

func judgeDistribution(facts map[string]string) Finding {
	name := cmp.Or(facts["PRETTY_NAME"], facts["NAME"], facts["ID"], "unknown")
	oldest, known := supported[facts["ID"]]
	switch {
	case !known:
		return Warn(name+": only Ubuntu and Debian are installed on automatically",
			"install Docker and its Compose plugin by hand: https://docs.docker.com/engine/install/")
	case facts["VERSION_ID"] == "": // Debian testing and unstable have no number
		return Warn(name+": the release has no number, so it may be newer than what was tested", "none, if Docker runs well")
	case Older(facts["VERSION_ID"], oldest):
		return Fail(fmt.Sprintf("%s: at least %s is needed", name, oldest), "upgrade the system: it no longer gets Docker's packages")
	}
	return OK(name)
}
