//go:build engine && soak

package targets_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheDataOfAStackThatBeganAsRootGoesOn deploys the stack as it was when its services began as root, and then as it is.
func TestTheDataOfAStackThatBeganAsRootGoesOn(t *testing.T) {
	s := newProduction(t)
	s.env["COMPOSE_PROFILES"] = ""
	const stepsDown = "cap_add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID]"
	edits := [][2]string{
		{`user: &secrets-reader "999:999"`, `user: &secrets-reader "0:0"`},
		{"postgres:16.14}\n    user: *secrets-reader", "postgres:16.14}\n    " + stepsDown},
		{"redis:8.6.0-alpine}\n    user: *secrets-reader", "redis:8.6.0-alpine}\n    " + stepsDown},
		{"user: *secrets-reader\n    entrypoint:", "cap_add: [DAC_OVERRIDE]\n    entrypoint:"},
	}
	for _, edit := range edits {
		s.edit("stack/compose.production.yaml", edit[0], edit[1])
	}
	s.deploy(0, "-skip=firewall,fail2ban")
	s.rootIsOnly("backend", "worker", "frontend", "caddy", "minio")
	volumes := s.volumes()
	if code, text := s.https(s.key("-sensor", "old"), "POST", "/readings", `{"sensor":"old","celsius":-18}`); code != http.StatusCreated {
		t.Fatalf("POST /readings: %d %s", code, text)
	}

	for _, edit := range edits {
		s.edit("stack/compose.production.yaml", edit[1], edit[0])
	}
	s.deploy(0, "-skip=firewall,fail2ban")
	s.rootIsOnly("caddy", "minio")
	if now := s.volumes(); now != volumes {
		t.Errorf("the volumes were\n%s\nand are\n%s", volumes, now)
	}
	if code, text := s.https(s.key("-reader", "test"), "GET", "/readings", ""); code != http.StatusOK || !strings.Contains(text, `"old"`) {
		t.Errorf("GET /readings: %d %s", code, text)
	}
	if code, text := s.https(s.key("-sensor", "new"), "POST", "/readings", `{"sensor":"new","celsius":-18}`); code != http.StatusCreated {
		t.Errorf("POST /readings: %d %s", code, text)
	}
	folder, err := os.Stat(filepath.Join(s.dir, "stack/secrets"))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the secrets: %v, %v", folder.Mode(), err)
	}
}

// volumes are the project's, each with the inode of its folder: another one of the same name has another.
func (s *site) volumes() string {
	s.t.Helper()
	names := strings.Fields(s.output("docker", "volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+s.project))
	folders := strings.Fields(s.output("docker", append([]string{"volume", "inspect", "--format", "{{.Mountpoint}}"}, names...)...))
	return s.output("stat", append([]string{"--format", "%n %i"}, folders...)...)
}
