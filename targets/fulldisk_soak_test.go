//go:build engine && soak

package targets_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// growing is a stack with data that has been backed up, and has grown since.
type growing struct {
	d       *demo
	grow    func() // more than a small disk takes
	content func() string
	freed   func() // has it work again once there is room
}

// TestABackupOfAnyKindOnAFullDiskIsNone needs root, for it mounts small file systems: that of the backups.
func TestABackupOfAnyKindOnAFullDiskIsNone(t *testing.T) {
	for name, of := range map[string]func(t *testing.T) growing{
		"MariaDB": func(t *testing.T) growing {
			d := mariaShop(t, "11.8")
			return growing{d, func() {
				d.maria("USE shop; CREATE TABLE large AS SELECT seq, CONCAT(MD5(seq), MD5(seq + 1)) noise FROM seq_1_to_200000")
			}, func() string { return d.maria("CHECKSUM TABLE shop.large") }, nil}
		},
		"Redis": func(t *testing.T) growing {
			d := cache(t, "")
			return growing{d, func() {
				d.redis("EVAL", `for n = 1, 200000 do redis.call("SET", redis.sha1hex(n), redis.sha1hex(n + 1)) end return 1`, "0")
			}, func() string { return d.redis("DBSIZE") }, nil}
		},
		"a volume": func(t *testing.T) growing {
			d := uploads(t)
			return growing{d, func() { d.shell("head -c 9000000 /dev/urandom >noise") }, d.files, func() {}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := of(t)
			d := f.d
			d.state = filepath.Join(smallDisk(t, "4m"), "state")
			d.env = []string{"STATE_DIR=" + d.state}
			d.deploy(0, straight)
			d.says(d.mage("backup"), 0)
			good := d.backups()[0]
			f.grow()
			want, running := f.content(), d.all()
			for _, args := range [][]string{{"backup"}, {"restore", "-backup=" + good, "-yes"}} {
				d.says(d.mage(args...), 4, "o space left on device")
				if now := f.content(); now != want || len(d.backups()) != 1 || d.all() != running {
					t.Errorf("%v on a full disk: %s, want %s; the backups are %v\n%s", args, shortened(now), shortened(want), d.backups(), d.all())
				}
			}
			d.says(d.mage("restore", "-check"), 0, "ok    "+good)
		})
	}
}

// TestARestoreIntoAFullDiskIsNone has the data itself on a small file system, in a folder of the host.
func TestARestoreIntoAFullDiskIsNone(t *testing.T) {
	for name, of := range map[string]func(t *testing.T) growing{
		"Redis": func(t *testing.T) growing {
			d := cache(t, "")
			return growing{d, func() {
				d.redis("EVAL", `for n = 1, 20000 do redis.call("SET", redis.sha1hex(n), redis.sha1hex(n + 1)) end return 1`, "0")
				d.redis("SAVE")
			}, d.redisContent, func() { d.redis("SAVE") }}
		},
		"a volume": func(t *testing.T) growing {
			d := uploads(t)
			return growing{d, func() { d.shell("head -c 1200000 /dev/urandom >noise") }, d.files, func() {}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := of(t)
			d := f.d
			folder := filepath.Join(smallDisk(t, "4m"), "data")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(folder, 999, 999); err != nil {
				t.Fatal(err)
			}
			compose, err := os.ReadFile(filepath.Join(d.dir, "compose.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			d.write("compose.yaml", strings.ReplaceAll(strings.ReplaceAll(string(compose), "volumes: {db: {}}", ""), `"db:`, `"`+folder+`:`))
			d.stack.Destinations[0].Database.Volume = folder
			d.deploy(0, straight)
			f.grow()
			d.says(d.mage("backup"), 0)
			good := d.backups()[0]
			free := (&site{t: t, state: filepath.Dir(folder)}).fill()
			want := f.content()
			d.says(d.mage("restore", "-backup="+good, "-yes"), 4)
			if now := f.content(); now != want {
				t.Errorf("restored into a full disk: %s, want %s", shortened(now), shortened(want))
			}
			free()
			f.freed()
			d.deploy(0, straight)
			d.says(d.mage("restore", "-backup="+good, "-yes"), 0)
			if now := f.content(); now != want {
				t.Errorf("restored with room: %s, want %s", shortened(now), shortened(want))
			}
		})
	}
}
