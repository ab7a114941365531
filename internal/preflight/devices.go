package preflight

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"slipway/internal/compose"
)

// cdi is the driver of devices that are described by the Container Device Interface.
const cdi = "cdi"

// devices are requests for devices that the engine could not serve: it looks for a driver of them only when it starts a container.
func devices(model *compose.Model, w World) []Problem {
	if w.Engine.Host == "" {
		return nil // nobody could ask it
	}
	var problems []Problem
	for _, s := range sorted(model) {
		if s.Provider != nil || s.Replicas() == 0 {
			continue
		}
		for _, r := range requests(s) {
			switch {
			case r.Driver == cdi && len(w.Engine.CDI) == 0:
				problems = append(problems, Problem{fmt.Sprintf("service %s wants devices of driver cdi, which the engine does not have", s.Name), "engines have it from 25 on: enable the feature cdi in daemon.json"})
			case (r.Driver == "" || r.Driver == "nvidia") && slices.Contains(r.Capabilities, "gpu") && noGPUs(w.Engine, "dockerd", gpuFiles):
				problems = append(problems, Problem{
					fmt.Sprintf("service %s wants a GPU, and the engine has no driver for one: there was no nvidia-container-runtime-hook in its PATH", s.Name),
					"install the nvidia-container-toolkit and restart the engine",
				})
			}
		}
	}
	return problems
}

// requests are the devices that a service asks for.
func requests(s compose.Service) []types.DeviceRequest {
	all := slices.Clone(s.Gpus)
	for i := range all {
		all[i].Capabilities = append(slices.Clone(all[i].Capabilities), "gpu") // as Compose does
	}
	if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
		all = append(all, s.Deploy.Resources.Reservations.Devices...)
	}
	return all
}

// gpuFiles are the programs whose presence makes an engine take requests for GPUs.
var gpuFiles = []string{"nvidia-container-runtime-hook", "amd-container-runtime"}

// noGPUs reports whether it is certain that an engine on this machine has no driver for GPUs: none of the programs is where its
// process looks for them, no runtime of it is one for GPUs, and none is described by CDI.
func noGPUs(engine compose.Info, daemon string, programs []string) bool {
	name, err := os.Hostname()
	if !engine.Local || err != nil || name != engine.Host {
		return false
	}
	if slices.ContainsFunc(engine.Runtimes, func(runtime string) bool {
		return strings.Contains(runtime, "nvidia") || strings.Contains(runtime, "amd")
	}) {
		return false
	}
	for _, folder := range engine.CDI {
		if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
			return false
		}
	}
	process, err := only(daemon)
	if err != nil {
		return false
	}
	environment, err := os.ReadFile(filepath.Join(process, "environ"))
	if err != nil {
		return false
	}
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		path, is := strings.CutPrefix(variable, "PATH=")
		if !is {
			continue
		}
		for _, folder := range filepath.SplitList(path) {
			for _, program := range programs {
				if _, err := os.Stat(filepath.Join(process, "root", folder, program)); !os.IsNotExist(err) {
					return false
				}
			}
		}
		return true
	}
	return false
}

// only is the folder in /proc of the one process of a name.
func only(name string) (string, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return "", err
	}
	var found []string
	for _, folder := range folders {
		if comm, err := os.ReadFile(filepath.Join(folder, "comm")); err == nil && strings.TrimSpace(string(comm)) == name {
			found = append(found, folder)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d processes are called %s", len(found), name)
	}
	return found[0], nil
}
