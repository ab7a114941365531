package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestCertificateIsJudgedByItsNameItsChainAndItsEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, domain string
		left         time.Duration
		private      bool
		known        bool
		state, says  string
	}{
		{"good", "shop.test.org", 90 * 24 * time.Hour, false, true, StateOK, "90 days left"},
		{"should have renewed itself", "shop.test.org", 29 * 24 * time.Hour, false, true, StateWarn, "29 days"},
		{"expired", "shop.test.org", -time.Hour, false, true, StateFail, "expired"},
		{"another name", "other.test.org", 90 * 24 * time.Hour, false, true, StateFail, "not for other.test.org"},
		{"unknown authority", "shop.test.org", 90 * 24 * time.Hour, false, false, StateFail, "cannot be verified"},
		{"private authority", "shop.test.org", 12 * time.Hour, true, false, StateOK, "private"},
		{"private and expired", "shop.test.org", -time.Minute, true, false, StateFail, "expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			leaf := selfSigned(t, "shop.test.org", now.Add(-time.Hour*24*100), now.Add(test.left))
			roots := x509.NewCertPool()
			if test.known {
				roots.AddCert(leaf)
			}
			got := judgeCertificate([]*x509.Certificate{leaf}, test.domain, test.private, roots, now)
			if got.State != test.state || !strings.Contains(got.Detail, test.says) {
				t.Errorf("got %s %q, want %s with %q", got.State, got.Detail, test.state, test.says)
			}
		})
	}
}

func selfSigned(t *testing.T, name string, from, to time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
