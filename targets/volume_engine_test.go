//go:build engine

package targets_test

import (
	"os/exec"
	"strings"
	"testing"

	"slipway"
)

// uploads is a stack of two services that write to a volume; one of them has an image with sh and tar.
func uploads(t *testing.T) *demo {
	t.Helper()
	redisImages(t)
	d := newDemo(t, map[string]string{
		"compose.yaml": `
services:
  files:
    image: slipway-test/redis:8
    entrypoint: [sleep, 1d]
    stop_signal: SIGKILL
    volumes: ["db:/files"]
  web:
    image: @P/demo:1
    stop_grace_period: 1s
    volumes: ["db:/files"]
  reader:
    image: @P/demo:1
    stop_grace_period: 1s
    volumes: ["db:/files:ro"]
volumes: {db: {}}
`,
	})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Kind: "volume", Volume: "db", Writers: []string{"files", "web"}}
	return d
}

// shell is what a shell of the uploads says.
func (d *demo) shell(command string) string {
	d.t.Helper()
	return d.docker("exec", d.project+"-files-1", "sh", "-euc", "cd /files; "+command)
}

// files is all that is in the volume, but for times.
func (d *demo) files() string {
	d.t.Helper()
	return d.shell(`find . | sort | while read -r file; do stat -c '%n %u:%g %a %h %F' "$file"
		if [ -L "$file" ]; then readlink "$file"; elif [ -f "$file" ]; then md5sum <"$file"; fi; done`)
}

func TestAPlainVolumeIsRestoredWithItsServicesStoppedAndAllOfItOrNothing(t *testing.T) {
	volumeIsRestored(t, 1)
}

// volumeIsRestored backs a volume up and restores it, and kills a backup and a restore at some instants.
func volumeIsRestored(t *testing.T, instants int) {
	t.Helper()
	d := uploads(t)
	d.deploy(0, straight)
	d.shell(`mkdir -p deep/er empty .hidden; head -c 3000000 /dev/urandom >deep/er/noise; echo one >'two words'; echo x >-dash; echo secret >.hidden/..file
		ln -s deep/er 'a link'; ln -s /nowhere broken; ln 'two words' deep/same; chmod 2770 empty; chown -R 1000:33 deep; chmod 600 deep/er/noise; chmod 3755 .`)
	want := d.files()
	before := d.ids()
	got := d.says(d.mage("backup"), 0, "volume; 11 files; without extended attributes and access control lists")
	id, _, _ := strings.Cut(got.stdout, " ")
	if replaced := d.replaced(before); len(replaced) > 0 {
		t.Errorf("a backup replaced %v", replaced)
	}

	d.shell(`rm -r deep .hidden; echo two >'two words'; mkdir broken-too; echo later >later; chmod 700 .`)
	d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
	if now := d.files(); now != want {
		t.Fatalf("restored:\n%s\nwant:\n%s", now, want)
	}

	d.shell("rm -r deep")
	d.comesToNothing(id, `"files": 11`, `"files": 12`, d.files, 4, "there are 11 files, and 12 in the backup")

	// Whoever else may write is none of ours to stop.
	d.docker("run", "-d", "--name", d.project+"-stranger", "-v", d.project+"_db:/x", "--entrypoint", "sleep", "slipway-test/redis:8", "1d")
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", d.project+"-stranger").Run() })
	running := d.all()
	d.says(d.mage("backup"), 4, "container @P-stranger has db, too, and may write: stop it first")
	if now := d.all(); now != running {
		t.Errorf("refused, and yet touched:\n%s\nbefore:\n%s", now, running)
	}
	d.docker("rm", "-f", d.project+"-stranger")

	d.emptied()
	d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
	if now := d.files(); now != want {
		t.Fatalf("restored on a new server:\n%s\nwant:\n%s", now, want)
	}
	killing{
		d: d, id: id, instants: instants, content: d.files,
		change: func() { d.shell(`echo more >>'two words'; echo x >>later; rm -rf .hidden; mkdir -p .hidden`) },
	}.run()

	d.shell(`mkdir .slipway.old .slipway.ready; mv deep .slipway.old; mkdir .slipway.ready/new; echo whole >.slipway.ready/new/file`)
	d.halfRestored("volume db")
	if now := d.shell("find . | sort"); now != ".\n./new\n./new/file\n" {
		t.Errorf("an exchange that was cut short came to %q", now)
	}
}
