package scripts_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// dockersRepository has a fake curl answer as Docker's repository does, with this for its key.
func (m *bareMachine) dockersRepository(key string) {
	m.write("key", key)
	m.command("curl", `cat "$SYSTEM_ROOT/key"; mkdir -p "$CANDIDATES"
for p in docker-ce docker-compose-plugin; do printf 'Package: %s\nVersion: 5:28.2.2-1\n' "$p" >"$CANDIDATES/$p.there"; done`)
	// The packages of a repository are there once it is listed and the lists are fetched.
	m.command("apt-get", `if [[ $* == *update* && -e $SYSTEM_ROOT/etc/apt/sources.list.d/docker.sources ]]; then
    for p in "$CANDIDATES"/*.there; do cp "$p" "${p%.there}"; done
fi
for package in "$@"; do
    [[ ! -d $MACHINE/packages/$package ]] || cp "$MACHINE/packages/$package/"* "${0%/*}/"
done`)
}

// newKey makes a key that signs, and returns it with its fingerprint.
func newKey(t *testing.T) (key, fingerprint string) {
	t.Helper()
	home := t.TempDir()
	gpg := func(args ...string) string {
		out, err := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet"}, args...)...).Output()
		if err != nil {
			t.Fatalf("gpg %s: %v", args[0], err)
		}
		return string(out)
	}
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
	gpg("--passphrase", "", "--quick-gen-key", "A test <test@example.com>", "ed25519", "sign,cert", "1d")
	for line := range strings.Lines(gpg("--with-colons", "--list-keys")) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			fingerprint = fields[9]
		}
	}
	return gpg("--armor", "--export"), fingerprint
}

// scriptsTrusting is a copy of the scripts in which the fingerprint stands for Docker's.
func scriptsTrusting(t *testing.T, fingerprint string) string {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".sh" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		copied := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(copied), 0o700); err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "9DC858229FC7DD38854AE2D88D81803C0EBFCD88", fingerprint)
		return os.WriteFile(copied, []byte(text), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "prerequisites.sh")
}

func TestOnlyTheKeyWithDockersFingerprintIsInstalled(t *testing.T) {
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Fatal("gpg is missing: apt-get install gnupg")
	}
	right, fingerprint := newKey(t)
	wrong, _ := newKey(t)
	script := scriptsTrusting(t, fingerprint)
	for name, c := range map[string]struct {
		key       string
		installed bool
	}{
		"the right one":                 {right, true},
		"another one":                   {wrong, false},
		"the right one and another":     {right + wrong, false},
		"another one and the right":     {wrong + right, false},
		"the right one, cut off":        {right[:len(right)/2], false},
		"a page that is no key":         {"<html>log in to this network</html>\n", false},
		"nothing":                       {"", false},
		"the fingerprint, in a comment": {"# " + fingerprint + "\n" + wrong, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newBareMachine(t)
			m.dockersRepository(c.key)
			m.packageFile("gnupg", "gpg", "#!/usr/bin/env bash\nexec "+gpg+" \"$@\"\n")
			r := m.bash(t.Context(), &watched{}, script, "engine")
			r.exits(t, 0)
			asc := filepath.Join(m.root, "etc/apt/keyrings/docker.asc")
			if c.installed {
				m.called(t, "apt-get", "install docker-ce docker-ce-cli containerd.io")
				if m.read("etc/apt/keyrings/docker.asc") != c.key {
					t.Error("it is not what was downloaded")
				}
				return
			}
			m.called(t, "apt-get", "install docker.io")
			for _, path := range []string{asc, filepath.Join(m.root, "etc/apt/sources.list.d/docker.sources")} {
				if _, err := os.Stat(path); err == nil {
					t.Errorf("%s was written", path)
				}
			}
			if c.key != "" {
				r.says(t, "is not the one with the fingerprint "+fingerprint)
			}
		})
	}
}
