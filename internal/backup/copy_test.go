package backup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACopyElsewhereIsABackupOfItsOwn(t *testing.T) {
	b, dir := take(t, Store{t.TempDir()}, noon, ByHand), t.TempDir()
	write(t, filepath.Join(dir, b.Name()+".partial", "0000.dump"), "left by a copy that was killed")
	path, err := b.CopyTo(dir)
	if err != nil || path != filepath.Join(dir, b.Name()) {
		t.Fatalf("%s, %v", path, err)
	}
	there, err := Store{dir}.Find(b.ID)
	if err != nil || there.Check() != nil || there.String() != b.String() {
		t.Errorf("the copy is %+v, %v, %v", there, err, there.Check())
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "0000.dump": 0o600, manifestName: 0o600} {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
	if _, err := b.CopyTo(dir); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second time: %v", err)
	}
}

func TestACopyOfWhatIsNotWhatWasWrittenIsNone(t *testing.T) {
	b, dir := take(t, Store{t.TempDir()}, noon, ByHand), t.TempDir()
	write(t, filepath.Join(b.Path, "0000.dump"), "cintent")
	if _, err := b.CopyTo(dir); err == nil || !strings.Contains(err.Error(), "is not what was written") {
		t.Errorf("copied: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
