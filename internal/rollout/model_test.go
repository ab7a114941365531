package rollout

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"slipway/internal/compose"
)

// inFolder writes files of these contents below a folder.
func inFolder(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// modelIn is the model of the compose file in a folder.
func modelIn(t *testing.T, dir string) *compose.Model {
	t.Helper()
	model, err := compose.Project{Name: "p", Dir: dir, Files: []string{"compose.yaml"}}.Model(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// modelOf is the model of project p with this compose file.
func modelOf(t *testing.T, text string) *compose.Model {
	t.Helper()
	dir := t.TempDir()
	inFolder(t, dir, map[string]string{"compose.yaml": text})
	return modelIn(t, dir)
}

// withoutRights calls f on a thread that has no more rights to files than anybody, also where the tests run as root.
func withoutRights(t *testing.T, dir string, f func()) {
	t.Helper()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // of t.TempDir
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its rights
		if os.Geteuid() == 0 {
			const nobody = 65534
			if _, err := unix.SetfsuidRetUid(nobody); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}
