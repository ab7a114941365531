package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func settingsOf(t *testing.T, environment map[string]string) (Settings, error) {
	t.Helper()
	return ReadSettings(func(key string) string { return environment[key] })
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDatabaseIsSQLiteUnlessAHostIsNamed(t *testing.T) {
	s, err := settingsOf(t, nil)
	if err != nil || s.Postgres != nil || s.DatabasePath != "/data/freshtrack.db" || s.RedisAddr != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestDatabaseSettingsTakeTheSecretFromItsFile(t *testing.T) {
	s, err := settingsOf(t, map[string]string{
		"DATABASE_HOST": "postgres", "DATABASE_PORT": "6000", "DATABASE_USER": "u/s er", "DATABASE_NAME": "na me",
		"DATABASE_PASSWORD_FILE": secretFile(t, "p@ss:w/rd 1\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := s.Postgres
	if p.Host != "postgres" || p.Port != 6000 || p.User != "u/s er" || p.Database != "na me" || p.Password != "p@ss:w/rd 1" {
		t.Errorf("host %s port %d user %s database %s", p.Host, p.Port, p.User, p.Database)
	}
}

func TestDatabaseSettingsHaveDefaults(t *testing.T) {
	s, err := settingsOf(t, map[string]string{"DATABASE_HOST": "db", "DATABASE_PASSWORD_FILE": secretFile(t, "p")})
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Postgres; p.Port != 5432 || p.User != "freshtrack" || p.Database != "freshtrack" {
		t.Errorf("port %d user %s database %s", p.Port, p.User, p.Database)
	}
}

func TestWrongSettingsAreRefusedWithoutTellingTheSecret(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		names       string
	}{
		{map[string]string{"DATABASE_URL": "postgres://u:hunter2@host:notaport/db"}, "DATABASE_URL"},
		{map[string]string{"DATABASE_HOST": "db"}, "DATABASE_PASSWORD_FILE"},
		{map[string]string{"DATABASE_HOST": "db", "DATABASE_PASSWORD_FILE": "/nonexistent"}, "DATABASE_PASSWORD_FILE"},
		{map[string]string{"DATABASE_HOST": "db", "DATABASE_PASSWORD_FILE": secretFile(t, "\n")}, "empty"},
		{map[string]string{"DATABASE_HOST": "db", "DATABASE_PORT": "x", "DATABASE_PASSWORD_FILE": secretFile(t, "hunter2")}, "DATABASE_PORT"},
		{map[string]string{"REDIS_ADDR": "r:6379", "REDIS_PASSWORD_FILE": "/nonexistent"}, "REDIS_PASSWORD_FILE"},
		{map[string]string{"JWT_SECRET_FILE": "/nonexistent"}, "JWT_SECRET_FILE"},
		{map[string]string{"JWT_SECRET_FILE": secretFile(t, "hunter2")}, "JWT_SECRET_FILE"},
		{map[string]string{"MAX_SENSORS": "none"}, "MAX_SENSORS"},
	} {
		_, err := settingsOf(t, c.environment)
		if err == nil || !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", c.names, err)
		}
	}
}
