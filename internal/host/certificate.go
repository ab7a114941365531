package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"time"
)

// renewalDays is when a certificate that renews itself should have done so: Caddy renews with a third of the lifetime
// left, 30 of 90 days.
const renewalDays = 30

// logs is where to look for the reason of what is wrong with a certificate.
const logs = "the log of the service that answers for the domain"

// Certificate checks the certificate that via (host:port) shows for a domain: its name, its chain and the days it has
// left. One of a private authority is short-lived and signed by nobody the system knows; of it, name and end are checked.
func Certificate(domain, via string, private bool) Check {
	return Check{Name: "certificate", Look: func(ctx context.Context) Finding {
		dialer := tls.Dialer{Config: &tls.Config{ServerName: domain, InsecureSkipVerify: true}} //nolint:gosec // it is verified below, with reasons
		connection, err := dialer.DialContext(ctx, "tcp", via)
		if err != nil {
			return Fail("no certificate: "+err.Error(), logs)
		}
		defer func() { _ = connection.Close() }()
		chain := connection.(*tls.Conn).ConnectionState().PeerCertificates
		return judgeCertificate(chain, domain, private, nil, time.Now())
	}}
}

// judgeCertificate judges what a server showed. roots are the authorities that are believed; the system's when nil.
func judgeCertificate(chain []*x509.Certificate, domain string, private bool, roots *x509.CertPool, now time.Time) Finding {
	leaf := chain[0]
	days := int(math.Floor(leaf.NotAfter.Sub(now).Hours() / 24))
	if now.After(leaf.NotAfter) {
		return Fail("expired on "+leaf.NotAfter.UTC().Format(time.DateOnly), "see why it is not renewed: "+logs)
	}
	if err := leaf.VerifyHostname(domain); err != nil {
		return Fail(fmt.Sprintf("is for %v, not for %s", leaf.DNSNames, domain), "set the domain to the name that the stack is reached by")
	}
	if private {
		return OK("of a private authority, ends " + leaf.NotAfter.UTC().Format("2006-01-02 15:04Z"))
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now}); err != nil {
		return Fail("cannot be verified: "+err.Error(), "see what the authority said: "+logs)
	}
	if days < renewalDays {
		return Warn(fmt.Sprintf("ends in %d days", days), "it should have renewed itself: "+logs)
	}
	return OK(fmt.Sprintf("%d days left", days))
}
