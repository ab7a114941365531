package buildinput

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asStranger runs f as a user whom no file of this machine belongs to.
func asStranger(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			_ = unix.Setfsgid(54321)
			_ = unix.Setfsuid(54321)
		}
		f()
	}()
	<-done
}

func TestCaseB6AnIgnoredFolderOfAnotherUserIsNotEntered(t *testing.T) {
	layout := files{compose: "services: {web: {build: app}}", "shop/app/Dockerfile": "", "shop/app/data/pg/x": "", "shop/app/a": ""}
	for ignored, want := range map[string]string{
		"data":              "",
		"data/":             "",
		"*\n!a":             "",
		"data\n!**/*.md":    "", // entered if possible, for BuildKit would too
		"data\n!data/pg/x":  "",
		"data/*":            "data: permission denied: make it readable, or add it to ",
		"nothing":           "data: permission denied: make it readable, or add it to ",
		"data\n!data":       "data: permission denied: make it readable, or add it to ",
		"**/pg\n!data/keep": "data: permission denied: make it readable, or add it to ",
	} {
		root, project := checkout(t, layout)
		open(t, root)
		plant(t, root, files{"shop/app/.dockerignore": ignored})
		data := filepath.Join(root, "shop", "app", "data")
		if err := os.Chmod(data, 0); err != nil {
			t.Fatal(err)
		}
		var err error
		asStranger(t, func() { _, err = Inputs(project, []string{"web"}, root) })
		if err := os.Chmod(data, 0o755); err != nil {
			t.Fatal(err)
		}
		switch ignoreFile := filepath.Join(root, "shop/app/.dockerignore"); {
		case want == "" && err != nil:
			t.Errorf("%q: %v", ignored, err)
		case want != "" && (err == nil || !strings.HasSuffix(err.Error(), want+ignoreFile) || !strings.HasPrefix(err.Error(), "build of web: ")):
			t.Errorf("%q: %v, want …%s", ignored, err, want)
		}
	}
	root, project := checkout(t, layout)
	open(t, root)
	secret := filepath.Join(root, "shop/app/a")
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	asStranger(t, func() {
		if _, err := Inputs(project, []string{"web"}, root); err == nil || !strings.Contains(err.Error(), secret+": permission denied: make it readable") {
			t.Errorf("an unreadable file: %v", err)
		}
	})
}

// open lets a stranger reach a test's folder.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
