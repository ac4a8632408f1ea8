package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// Mutual TLS between a host and a plugin. Each side makes a key and a self-signed
// certificate for one process of the plugin, and trusts the other's alone. The host's
// travels in the environment, as go-plugin has it; the plugin's on its standard output,
// which only the host reads.
//
// go-plugin makes its own for P-521, which costs each process some 20 ms of computing
// and the host as much again for each plugin. These are for P-256, which Go has in
// assembly.
const (
	// ClientCertificateVariable holds the host's certificate, in PEM. It is go-plugin's
	// (hashicorp/go-plugin:server.go@v1.8.0).
	ClientCertificateVariable = "PLUGIN_CLIENT_CERT"

	// CertificateLineVariable says, where a host sets it to CertificateLine, that the host
	// reads a line with the plugin's certificate before the handshake. To other plugins it
	// means nothing, and under other hosts it is absent: the handshake has the certificate
	// then.
	CertificateLineVariable = "PROOFLINE_CERTIFICATE"
	CertificateLine         = "line"

	certificatePrefix = "certificate|"
	certificateName   = "localhost" // the name that go-plugin gives both sides
)

// NewCertificate makes a key and its certificate, for one connection and as long as it
// lasts.
func NewCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: certificateName}, DNSNames: []string{certificateName}, SerialNumber: serial,
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(30, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// ClientTLS is the host's side. It trusts nobody until its RootCAs are set, from the
// plugin's handshake or its certificate line. The second value is the host's certificate
// for ClientCertificateVariable.
func ClientTLS() (config *tls.Config, certificate string, err error) {
	own, err := NewCertificate()
	if err != nil {
		return nil, "", err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	return &tls.Config{
		Certificates: []tls.Certificate{own}, RootCAs: x509.NewCertPool(),
		ServerName: certificateName, MinVersion: tls.VersionTLS12,
	}, string(text), nil
}

// ServerTLS is the plugin's side: it speaks with whoever has the key of the host's
// certificate, given in PEM. It writes the certificate line to w.
func ServerTLS(host string, w io.Writer) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(host)) {
		return nil, fmt.Errorf("%s holds no certificate", ClientCertificateVariable)
	}
	own, err := NewCertificate()
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", certificatePrefix, base64.RawStdEncoding.EncodeToString(own.Certificate[0])); err != nil {
		return nil, fmt.Errorf("tell the certificate to the host: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}, nil
}

// IsCertificateLine reports whether a line of a plugin's standard output is one that
// ServerTLS writes.
func IsCertificateLine(line string) bool { return strings.HasPrefix(line, certificatePrefix) }

// ParseCertificateLine is the pool that trusts the plugin of a certificate line alone.
func ParseCertificateLine(line string) (*x509.CertPool, error) {
	text, is := strings.CutPrefix(line, certificatePrefix)
	if !is {
		return nil, errors.New("it is no certificate line")
	}
	der, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("its certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("its certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool, nil
}
