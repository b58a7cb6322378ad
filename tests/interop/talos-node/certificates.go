package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// An authority as Talos makes its own: Ed25519, organisation "talos".
type authority struct {
	certificate *x509.Certificate
	key         any
	pem         string
}

func pemOf(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func newAuthority() (*authority, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{Organization: []string{"talos"}}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, private, pemOf("CERTIFICATE", der)}, err
}

// The authority of a machine config.
func authorityOf(crt, key []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	return &authority{certificate, pair.PrivateKey, string(crt)}, err
}

type leaf struct{ crt, key string }

func (l leaf) pair() (tls.Certificate, error) { return tls.X509KeyPair([]byte(l.crt), []byte(l.key)) }

// kind bends the life time: "expired", "not-yet"; anything else is valid for an hour.
func (ca *authority) sign(kind string, organizations []string, usage x509.ExtKeyUsage, addresses []net.IP) (leaf, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return leaf{}, err
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	switch kind {
	case "expired":
		from, to = from.AddDate(-1, 0, 0), from.AddDate(0, 0, -1)
	case "not-yet":
		from, to = to.AddDate(0, 0, 1), to.AddDate(1, 0, 0)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{Organization: organizations}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, public, ca.key)
	if err != nil {
		return leaf{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	return leaf{pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", pkcs8)}, err
}

func (h *house) identity(kind string, roles []string) (any, error) {
	ca, usage := h.ca, x509.ExtKeyUsageClientAuth
	switch kind {
	case "other-ca":
		ca = h.other
	case "not-client":
		usage = x509.ExtKeyUsageServerAuth
	}
	l, err := ca.sign(kind, roles, usage, nil)
	return map[string]string{"ca": h.ca.pem, "other_ca": h.other.pem, "crt": l.crt, "key": l.key}, err
}

// What apid asks of a client's chain: each leaf is for clients and for nothing else.
func onlyClients(_ [][]byte, chains [][]*x509.Certificate) error {
	if len(chains) == 0 {
		return fmt.Errorf("no verified chains")
	}
	for _, c := range chains[0] {
		if !c.IsCA && (len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth) {
			return fmt.Errorf("certificate %q is not for clients alone", c.Subject)
		}
	}
	return nil
}

// The server's side as apid has it: TLS from 1.2 on, h2, no tickets; secure mode wants a certificate of the CA.
func serverConfig(ca, other *authority, o options, maintenance bool, ip net.IP) (*tls.Config, error) {
	signer, addresses := ca, []net.IP{ip}
	switch o.Certificate {
	case "other-ca":
		signer = other
	case "address":
		addresses = []net.IP{net.ParseIP("2001:db8::bad")}
	case "no-address":
		addresses = nil
	}
	if maintenance && o.Certificate == "" {
		// A node without config has an authority of its own, made at boot.
		own, err := newAuthority()
		if err != nil {
			return nil, err
		}
		signer = own
	}
	usage := x509.ExtKeyUsageServerAuth
	if o.Certificate == "not-server" {
		usage = x509.ExtKeyUsageClientAuth
	}
	l, err := signer.sign(o.Certificate, nil, usage, addresses)
	if err != nil {
		return nil, err
	}
	pair, err := l.pair()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, SessionTicketsDisabled: true}
	switch o.TLS {
	case "1.2":
		config.MaxVersion = tls.VersionTLS12
	case "1.1":
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	if o.ALPN != nil {
		config.NextProtos = o.ALPN
	}
	if !maintenance {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AddCert(ca.certificate)
		config.VerifyPeerCertificate = onlyClients
	}
	return config, nil
}
