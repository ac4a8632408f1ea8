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
// certificate for one process of the plugin, and trusts only the certificate of the other
// side. The host's certificate travels in the environment, as with go-plugin; the
// plugin's travels on its standard output, which only the host reads.
//
// go-plugin's own certificates use P-521, which costs each process some 20 ms of CPU time,
// and the host as much again for each plugin. These use P-256, which Go implements in
// assembly.
const (
	// ClientCertificateVariable is the environment variable with the host's certificate in
	// PEM. The name is go-plugin's (hashicorp/go-plugin:server.go@v1.8.0).
	ClientCertificateVariable = "PLUGIN_CLIENT_CERT"

	// CertificateLineVariable is the environment variable which a host sets to
	// CertificateLine if it reads a line with the plugin's certificate before the
	// handshake. Other hosts do not set it and read the certificate in the handshake;
	// plugins that do not know it ignore it.
	CertificateLineVariable = "PROOFLINE_CERTIFICATE"
	CertificateLine         = "line"

	certificatePrefix = "certificate|"
	certificateName   = "localhost" // the name that go-plugin gives both sides
)

// NewCertificate makes a new key and its self-signed certificate, for one plugin process.
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

// ClientTLS returns the host's TLS configuration. It trusts no plugin until its RootCAs
// are set, from the plugin's handshake or its certificate line. The second value is the
// host's certificate in PEM, for ClientCertificateVariable.
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

// ServerTLS returns the plugin's TLS configuration. It accepts only the host whose
// certificate is given in PEM. It writes the certificate line to w.
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

// IsCertificateLine reports whether a line of a plugin's standard output has the form that
// ServerTLS writes.
func IsCertificateLine(line string) bool { return strings.HasPrefix(line, certificatePrefix) }

// ParseCertificateLine returns a pool that trusts only the plugin's certificate in a
// certificate line.
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
