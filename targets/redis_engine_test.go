//go:build engine

package targets_test

import (
	"strings"
	"testing"

	"slipway"
)

var redisImages = serverImages("redis-8")

// cache is a stack with a Redis whose password is in a secret, and a service that writes to it; how it keeps its data is up to options.
func cache(t *testing.T, options string) *demo {
	t.Helper()
	redisImages(t)
	d := newDemo(t, map[string]string{
		"compose.yaml": `
services:
  db:
    image: slipway-test/redis:8
    user: "999:999"
    command: [sh, -c, 'exec docker-entrypoint.sh redis-server --requirepass "$$(cat /run/secrets/password)" ` + options + `']
    environment: {REDIS_PASSWORD_FILE: /run/secrets/password}
    secrets: [password]
    volumes: ["db:/data"]
    healthcheck: {test: [CMD-SHELL, 'REDISCLI_AUTH=$$(cat /run/secrets/password) redis-cli ping | grep PONG'], interval: 1s, timeout: 10s, start_period: 60s}
  web:
    image: @P/demo:1
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
volumes: {db: {}}
secrets: {password: {file: password}}
`,
		"password": "not-a-secret-7",
	})
	d.image("demo:1")
	d.stack.Destinations[0].Database = slipway.Database{Kind: "redis", Service: "db", Volume: "db", Writers: []string{"web"}}
	return d
}

// redis is what the server of the cache answers.
func (d *demo) redis(args ...string) string {
	d.t.Helper()
	return strings.TrimSpace(d.docker(append([]string{"exec", "--env=REDISCLI_AUTH=not-a-secret-7", d.project + "-db-1", "redis-cli"}, args...)...))
}

// redisContent is all that is in it.
func (d *demo) redisContent() string {
	d.t.Helper()
	return d.redis("EVAL", `local lines = {} for _, db in ipairs({0, 7}) do redis.call("SELECT", db)
		local keys = redis.call("KEYS", "*") table.sort(keys)
		for _, key in ipairs(keys) do table.insert(lines, key .. " " .. redis.sha1hex(redis.call("DUMP", key)) .. " " .. math.min(1, redis.call("TTL", key))) end
		end return table.concat(lines, "\n")`, "0")
}

func TestARedisIsRestoredOnANewServerAndAllOfItOrNothing(t *testing.T) {
	t.Run("dump", func(t *testing.T) { redisIsRestored(t, "", 0) })
	t.Run("append-only log", func(t *testing.T) { redisIsRestored(t, "--appendonly yes", 0) })
}

// redisIsRestored backs a Redis up and restores it, and kills a backup and a restore at some instants.
func redisIsRestored(t *testing.T, options string, instants int) {
	t.Helper()
	d := cache(t, options)
	d.deploy(0, straight)
	d.redis("EVAL", `for n = 1, 5000 do redis.call("SET", "key " .. n, "value " .. n) end redis.call("RPUSH", "a list", "one", "two\n\0three")
		redis.call("SET", "short", "1", "EX", 100000) redis.call("SELECT", 7) redis.call("HSET", "a hash", "field", "ä") return 1`, "0")
	want := d.redisContent()
	got := d.says(d.mage("backup"), 0, "redis 8.", "5003 keys; without the users and the configuration of the server")
	id, _, _ := strings.Cut(got.stdout, " ")

	d.redis("FLUSHALL")
	d.redis("SET", "later", "1")
	d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
	if now := d.redisContent(); now != want {
		t.Fatalf("restored: %s\nwant: %s", shortened(now), shortened(want))
	}
	d.redis("SET", "key 2", "other")
	d.comesToNothing(id, `"server": "8`, `"server": "42`, d.redisContent, 3, "it is a backup of Redis 42", " -foreign")
	d.comesToNothing(id, `"keys": 5003`, `"keys": 6003`, d.redisContent, 4, "the server has loaded 5003 of the 6003 keys")

	d.emptied()
	d.says(d.mage("restore", "-backup="+id, "-yes"), 0)
	if now := d.redisContent(); now != want {
		t.Fatalf("restored on a new server: %s\nwant: %s", shortened(now), shortened(want))
	}
	if instants > 0 {
		killing{
			d: d, id: id, instants: instants, content: d.redisContent,
			change: func() {
				d.redis("EVAL", `for n = 1, 100 do redis.call("INCR", "count " .. n) end redis.call("SET", "key 1", "x") return 1`, "0")
			},
		}.run()
	}
	if left := d.docker("exec", d.project+"-db-1", "sh", "-c", "cd /data && ls -A . appendonlydir/ 2>/dev/null | grep -i slipway || true"); left != "" {
		t.Errorf("left in the volume: %s", left)
	}
}

func shortened(text string) string { return text[:min(len(text), 500)] }
