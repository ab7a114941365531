package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Settings is what the environment says. Without DATABASE_URL and DATABASE_HOST the database is the SQLite file at
// DATABASE_PATH; without REDIS_ADDR the database is the worker's queue, too.
type Settings struct {
	Listen       string          // LISTEN_ADDR; each role has its own default
	DatabasePath string          // DATABASE_PATH, /data/freshtrack.db
	Postgres     *pgx.ConnConfig // DATABASE_URL, or DATABASE_HOST, _PORT, _USER, _NAME and _PASSWORD_FILE; nil means SQLite
	RedisAddr    string          // REDIS_ADDR; empty means no Redis
	RedisSecret  string          // the content of REDIS_PASSWORD_FILE
	BackendURL   string          // BACKEND_URL, http://backend:3000
	JWTSecret    string          // the content of JWT_SECRET_FILE; empty means that the API asks for no key
	Provider     ProviderSettings
	MaxSensors   int // MAX_SENSORS; zero means 1000
}

// ProviderSettings are those of the auth provider, Stack Auth, which knows the people.
type ProviderSettings struct {
	URL            string // STACK_API_URL, https://api.stack-auth.com
	Project        string // STACK_PROJECT_ID; empty means that there are no people
	PublishableKey string // STACK_PUBLISHABLE_CLIENT_KEY
	SecretKey      string // STACK_SECRET_SERVER_KEY
}

const defaultMaxSensors = 1000

// ReadSettings reads the environment through getenv, and the files that hold the secrets.
func ReadSettings(getenv func(string) string) (Settings, error) {
	s := Settings{
		Listen:       getenv("LISTEN_ADDR"),
		DatabasePath: cmp.Or(getenv("DATABASE_PATH"), "/data/freshtrack.db"),
		RedisAddr:    getenv("REDIS_ADDR"),
		BackendURL:   strings.TrimRight(cmp.Or(getenv("BACKEND_URL"), "http://backend:3000"), "/"),
		Provider: ProviderSettings{
			URL:     strings.TrimRight(cmp.Or(getenv("STACK_API_URL"), "https://api.stack-auth.com"), "/"),
			Project: getenv("STACK_PROJECT_ID"), PublishableKey: getenv("STACK_PUBLISHABLE_CLIENT_KEY"), SecretKey: getenv("STACK_SECRET_SERVER_KEY"),
		},
	}
	var err error
	if text := getenv("MAX_SENSORS"); text != "" {
		if s.MaxSensors, err = strconv.Atoi(text); err != nil || s.MaxSensors < 1 {
			return Settings{}, errors.New("MAX_SENSORS is not a number from 1")
		}
	}
	if s.Postgres, err = postgresSettings(getenv); err != nil {
		return Settings{}, err
	}
	if file := getenv("REDIS_PASSWORD_FILE"); file != "" {
		if s.RedisSecret, err = readSecret(file); err != nil {
			return Settings{}, fmt.Errorf("read REDIS_PASSWORD_FILE: %w", err)
		}
	}
	if file := getenv("JWT_SECRET_FILE"); file != "" {
		if s.JWTSecret, err = readSecret(file); err != nil {
			return Settings{}, fmt.Errorf("read JWT_SECRET_FILE: %w", err)
		}
		if len(s.JWTSecret) < shortestSecret {
			return Settings{}, fmt.Errorf("JWT_SECRET_FILE: %s holds fewer than %d characters, which can be guessed", file, shortestSecret)
		}
	}
	return s, nil
}

// postgresSettings keeps the parser's errors to itself, because they quote the connection string.
func postgresSettings(getenv func(string) string) (*pgx.ConnConfig, error) {
	if address := getenv("DATABASE_URL"); address != "" {
		config, err := pgx.ParseConfig(address)
		if err != nil {
			return nil, errors.New("DATABASE_URL is not a valid PostgreSQL connection string")
		}
		return withTimeout(config), nil
	}
	host := getenv("DATABASE_HOST")
	if host == "" {
		return nil, nil
	}
	file := getenv("DATABASE_PASSWORD_FILE")
	if file == "" {
		return nil, errors.New("DATABASE_HOST is set, but DATABASE_PASSWORD_FILE is not")
	}
	password, err := readSecret(file)
	if err != nil {
		return nil, fmt.Errorf("read DATABASE_PASSWORD_FILE: %w", err)
	}
	address := url.URL{
		Scheme: "postgres",
		User:   url.User(cmp.Or(getenv("DATABASE_USER"), "freshtrack")),
		Host:   net.JoinHostPort(host, cmp.Or(getenv("DATABASE_PORT"), "5432")),
		Path:   "/" + cmp.Or(getenv("DATABASE_NAME"), "freshtrack"),
	}
	config, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, errors.New("DATABASE_HOST, DATABASE_PORT, DATABASE_USER and DATABASE_NAME do not make a valid address")
	}
	config.Password = password
	return withTimeout(config), nil
}

func withTimeout(config *pgx.ConnConfig) *pgx.ConnConfig {
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	return config
}

func readSecret(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(content), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}
