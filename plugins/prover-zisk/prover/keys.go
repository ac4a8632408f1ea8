package prover

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// fingerprint returns the SHA-256 of a file in hexadecimal.
func fingerprint(path string) (string, error) {
	_, sum, err := files.Digest(path)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum[:]), nil
}

// provingKeyDir returns the directory of the proving key that the tool uses.
func (c Config) provingKeyDir() string {
	if c.ProvingKey != "" {
		return c.ProvingKey
	}
	home, err := tool.Home()
	if err != nil {
		return ""
	}
	return filepath.Join(home, "provingKey")
}

// setupKeyFile returns the path of the file with the key of the proving setup. It is the
// configured file, or the one in the directory of the proving key.
// Source: 0xPolygonHermez/pil2-proofman:proofman/src/proofman.rs@v0.18.0.
func (c Config) setupKeyFile(minimal bool) string {
	if c.VerifyKey != "" {
		return c.VerifyKey
	}
	name := "vadcop_final"
	if minimal {
		name = "vadcop_final_compressed"
	}
	return filepath.Join(c.provingKeyDir(), "zisk", name, name+".verkey.bin")
}

// setupKey reads the key of the proving setup.
func (c Config) setupKey(minimal bool) (proof.Key, error) {
	path := c.setupKeyFile(minimal)
	data, err := os.ReadFile(path)
	if err != nil {
		return proof.Key{}, err
	}
	key, err := proof.KeyOf(data)
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}
