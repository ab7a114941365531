package scripts_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestADumpIsReadWhetherItIsCompressedOrNot: those of earlier versions are not.
func TestADumpIsReadWhetherItIsCompressedOrNot(t *testing.T) {
	t.Parallel()
	const plain = "CREATE TABLE `t` (\n  `id` int);\nINSERT INTO `t` VALUES\n(1),\n(2);\n-- Dump completed on 2026-11-30 12:00:00\n"
	for pipe, want := range map[string]string{
		"check_mariadb db":                                                     "2 t\n",
		"compressed | check_mariadb db":                                        "2 t\n",
		"compressed | head --bytes=-4 | check_mariadb db":                      "",
		"uncompressed":                                                         plain,
		"compressed | uncompressed":                                            plain,
		"gzip -9 | uncompressed":                                               plain,
		"tar --create lib/sqlite.sh lib/volume.sh | check_volume":              "2 files\n",
		"tar --create lib/sqlite.sh lib/volume.sh | compressed | check_volume": "2 files\n",
	} {
		cmd := exec.Command("bash", "-c", "set -euo pipefail; source lib/backup.sh; source lib/mariadb.sh; source lib/volume.sh; "+pipe)
		cmd.Stdin = strings.NewReader(plain)
		out, err := cmd.Output()
		if err != nil != (want == "") || err == nil && string(out) != want {
			t.Errorf("%s: %v, %q; want %q", pipe, err, out, want)
		}
	}
}

func TestADumpOfMariaDBIsReadToItsEndAndItsRowsAreCounted(t *testing.T) {
	t.Parallel()
	const (
		exec = "compose exec -T db bash -c "
		told = `{"server": "11.8.3-MariaDB", "main": "shop", "databases": [{"name": "shop", "create": "CHARACTER SET utf8mb4"}], "lacks": []}` + "\n"
		end  = "\n-- Dump completed on 2026-11-30 12:00:00\n"
	)
	for name, world := range map[string]struct {
		dump     string
		code     int
		sentence string
		rows     map[string]int
	}{
		"MariaDB's, a row a line": {
			"CREATE TABLE `a``b` (\n  `id` int\n);\nINSERT INTO `a``b` VALUES\n(1,'it\\'s (a) row),\\n(2'),\n(2,'b\\\\',NULL);\nCREATE TABLE `none` (\n  `id` int);\n" + end,
			0, "", map[string]int{"a``b": 2, "none": 0},
		},
		"MySQL's, all in a line, with the names of columns": {
			"CREATE TABLE `t` (\n  `id` int);\nINSERT INTO `t` (`id`, `VALUES`) VALUES (1,'('),(2,')'),(3,0x0A);\nINSERT INTO `t` (`id`) VALUES (4);\n" + end,
			0, "", map[string]int{"t": 4},
		},
		"a program is no data": {
			"CREATE TABLE `t` (\n  `id` int);\nDELIMITER ;;\nCREATE PROCEDURE `p`()\nBEGIN\nINSERT INTO `t` VALUES (1);\nUSE x;\nEND ;;\nDELIMITER ;\n" + end,
			0, "", map[string]int{"t": 0},
		},
		"cut short":            {"CREATE TABLE `t` (\n  `id` int);\nINSERT INTO `t` VALUES\n(1),\n", 1, "it is a dump that ends before its end", nil},
		"of several databases": {"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `live`;\n\nUSE `live`;\n" + end, 1, "it is a dump of whole databases", nil},
		"the tool leaves with what would mean that there is none": {"", 1, "the backup failed, with exit code 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(t.TempDir(), "state")
			dump := answer{Args: exec, Ends: " maria_dump shop", Stdout: world.dump}
			if world.dump == "" {
				dump.Code = 3
			}
			r := (&run{env: append(project(), "STATE_DIR="+state), answers: []answer{{Args: exec, Ends: " maria_survey", Stdout: told}, dump}}).
				do(t, "backup", "a.dump", "mariadb", "db")
			r.wantCode(t, world.code)
			r.wantSaid(t, world.sentence)
			if world.code != 0 {
				if found := kept(t, state); len(found) > 0 {
					t.Errorf("the backups are %v", found)
				}
				return
			}
			if dump := kept(t, state)["a.dump"]; !strings.HasPrefix(dump, "\x1f\x8b") {
				t.Errorf("the dump is not compressed: %q", dump)
			}
			if m := readManifest(t, state); len(m.Databases) != 1 || !maps.Equal(m.Databases[0].Rows, world.rows) {
				t.Errorf("the databases are %+v, want %v", m.Databases, world.rows)
			}
		})
	}
}
