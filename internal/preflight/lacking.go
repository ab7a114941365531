package preflight

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/platforms"

	"slipway/internal/compose"
)

// lacking is what the files ask of the engine and its host, and what is not there: drivers, platforms, containers, addresses, devices.
func lacking(model *compose.Model, w World) []Problem {
	return slices.Concat(drivers(model, w), otherPlatforms(model, w), absent(model, w), addresses(model, w), devices(model, w), logValues(model, w))
}

const localDriver = "local"

// wantsDriver reports whether a volume is to be made by a driver that is not the engine's own.
func wantsDriver(model *compose.Model) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(model.Volumes)), func(key string) bool { return foreignDriver(model, key) != "" })
}

func foreignDriver(model *compose.Model, key string) string {
	if v := model.Volumes[key]; !bool(v.External) && v.Driver != localDriver {
		return v.Driver
	}
	return ""
}

// drivers are those of volumes that the engine could not make.
func drivers(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(model.Volumes)) {
		driver := foreignDriver(model, key)
		has := slices.ContainsFunc(w.Drivers, func(name string) bool { return name == driver || name == driver+":latest" })
		if _, made := w.Volumes[model.Volumes[key].Name]; driver != "" && len(w.Drivers) > 0 && !has && !made {
			problems = append(problems, Problem{
				fmt.Sprintf("volume %s wants driver %s, which the engine does not have", model.Volumes[key].Name, driver),
				"install it, for example: docker plugin install " + driver + "; or change driver: it has " + strings.Join(w.Drivers, ", "),
			})
		}
	}
	return problems
}

// otherPlatforms are images that are here for another platform than the one that their service is to run on. The engine would
// not take them, and what is here is pulled only where pull_policy says so. The containerd store may have an image for several.
func otherPlatforms(model *compose.Model, w World) []Problem {
	var problems []Problem
	for _, s := range sorted(model) {
		if s.Platform == "" || s.Provider != nil {
			continue
		}
		wanted, err := platforms.Parse(s.Platform)
		if err != nil {
			problems = append(problems, Problem{fmt.Sprintf("service %s wants platform %q, which is none", s.Name, s.Platform), "write it as linux/amd64 or linux/arm64"})
			continue
		}
		image, has := w.Images[s.Image]
		if !has || s.Build != nil || s.AsksRegistry(image, time.Now()) || w.Engine.Images != "" || platforms.Only(wanted).Match(image.Platform) {
			continue
		}
		problems = append(problems, Problem{
			fmt.Sprintf("service %s wants platform %s, and image %s is here for %s", s.Name, s.Platform, s.Image, platforms.Format(image.Platform)),
			"docker pull --platform " + s.Platform + " " + s.Image + ", or change platform",
		})
	}
	return problems
}

// addresses are those that ports are published on and that this machine does not have, where the engine is on it: the engine would
// say so when the container starts.
func addresses(model *compose.Model, w World) []Problem {
	if name, err := os.Hostname(); !w.Engine.Local || err != nil || name != w.Engine.Host {
		return nil
	}
	var problems []Problem
	for _, s := range model.Up() {
		said := map[string]bool{}
		for _, port := range s.Ports {
			address := net.ParseIP(strings.Trim(port.HostIP, "[]"))
			if address == nil || said[port.HostIP] || s.Replicas() == 0 || bindable(address) {
				continue
			}
			said[port.HostIP] = true
			problems = append(problems, Problem{
				fmt.Sprintf("service %s publishes port %s on address %s, which this machine does not have", s.Name, port.Published, address),
				"correct the address, or leave it out to publish on all; look with: ip address",
			})
		}
	}
	return problems
}

// bindable reports whether one could listen on an address. It takes any port, and gives it back.
func bindable(address net.IP) bool {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: address})
	if err == nil {
		_ = socket.Close()
	}
	return !errors.Is(err, syscall.EADDRNOTAVAIL)
}
