package preflight

import (
	"net"
	"os"
	"testing"

	"github.com/containerd/platforms"

	"slipway/internal/compose"
)

func TestWhatTheEngineHasNotIsFound(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	here := World{Engine: compose.Info{Local: true, Host: host}}
	elsewhere := World{Engine: compose.Info{Local: true, Host: host + "-vm"}}
	driven := func(m *compose.Model) {
		v := m.Volumes["data"]
		v.Driver = "rexray/ebs"
		m.Volumes["data"] = v
	}
	imageFor := func(architecture, variant, store string) World {
		image := compose.Image{Platform: platforms.Platform{OS: "linux", Architecture: architecture, Variant: variant}}
		return World{Images: map[string]compose.Image{"x": image}, Engine: compose.Info{Images: store}}
	}
	const arm = `web: {image: x, platform: linux/arm64}`
	check(t, func(m *compose.Model, w World, _ bool) []Problem { return lacking(m, w) }, map[string]expectation{
		"a driver": {
			services: `web: {image: x, volumes: ["data:/d"]}`, change: driven, world: World{Drivers: []string{"local"}},
			want: []string{"volume p_data wants driver rexray/ebs, which the engine does not have"},
		},
		"a driver that is here":        {services: `web: {image: x, volumes: ["data:/d"]}`, change: driven, world: World{Drivers: []string{"local", "rexray/ebs:latest"}}},
		"the engine's own driver":      {services: `web: {image: x, volumes: ["data:/d"]}`, world: World{Drivers: []string{"local"}}},
		"another platform":             {services: arm, world: imageFor("amd64", "", ""), want: []string{"service web wants platform linux/arm64, and image x is here for linux/amd64"}},
		"the platform":                 {services: arm, world: imageFor("arm64", "v8", "")},
		"the platform by another name": {services: `web: {image: x, platform: linux/aarch64}`, world: imageFor("arm64", "", "")},
		"a store of several platforms": {services: arm, world: imageFor("amd64", "", "/var/lib/containerd")},
		"an image that is not here":    {services: arm},
		"an image that is pulled":      {services: `web: {image: x, platform: linux/arm64, pull_policy: always}`, world: imageFor("amd64", "", "")},
		"an image that is built":       {services: `web: {image: x, platform: linux/arm64, build: ./app}`, world: imageFor("amd64", "", "")},
		"no platform":                  {services: `web: {image: x, platform: nosuch}`, want: []string{`service web wants platform "nosuch", which is none`}},
		"an address of nobody": {
			services: `web: {image: x, ports: ["192.0.2.7:80:80", "192.0.2.7:443:443"]}`, world: here,
			want: []string{"service web publishes port 80 on address 192.0.2.7, which this machine does not have"},
		},
		"addresses of this machine":    {services: `web: {image: x, ports: ["80:80", "127.0.0.9:81:80", "0.0.0.0:82:80"]}`, world: here},
		"an address of another host":   {services: `web: {image: x, ports: ["192.0.2.7:80:80"]}`, world: elsewhere},
		"an address that nobody wants": {services: `web: {image: x, scale: 0, ports: ["192.0.2.7:80:80"]}`, world: here},
	})
	if !bindable(net.ParseIP("127.0.0.1")) {
		t.Error("127.0.0.1 is no address of this machine")
	}
}

func TestContainersThatTheFilesNameHaveToBeThere(t *testing.T) {
	named := func(name string, runs bool) World { return World{Named: map[string]bool{name: runs}} }
	const joined = `web: {image: x, network_mode: "container:vpn"}`
	check(t, func(m *compose.Model, w World, _ bool) []Problem { return absent(m, w) }, map[string]expectation{
		"runs":          {services: joined, world: named("vpn", true)},
		"does not run":  {services: joined, world: named("vpn", false), want: []string{"service web names container vpn in network_mode, and it does not run"}},
		"is not there":  {services: joined, want: []string{"service web names container vpn in network_mode, and there is none of that name"}},
		"is to be made": {services: joined + `, vpn: {image: x, container_name: vpn}`},
		"is a replica":  {services: `web: {image: x, ipc: "container:p-db-2"}, db: {image: x, scale: 2}`},
		"is not wanted": {services: `web: {image: x, scale: 0, pid: "container:vpn"}`},
		"gives volumes": {services: `web: {image: x, volumes_from: ["container:vpn:ro"]}`, world: named("vpn", false)},
		"gives none":    {services: `web: {image: x, volumes_from: ["container:vpn:ro"]}`, want: []string{"service web names container vpn in volumes_from, and there is none of that name"}},
		"is linked":     {services: `web: {image: x, external_links: ["vpn:v"]}`, want: []string{"service web names container vpn in external_links, and there is none of that name"}},
	})
}
