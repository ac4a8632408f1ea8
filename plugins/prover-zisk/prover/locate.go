package prover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/proof"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// versionTimeout bounds `cargo-zisk --version`.
const versionTimeout = 30 * time.Second

// installRemedy is how to come by the tool.
const installRemedy = "install ZisK with ziskup (https://github.com/0xPolygonHermez/zisk), or set `bin` to the path of cargo-zisk"

// locate finds the tool: a path as it is, a name in PATH and in ~/.zisk/bin.
func locate(bin string) (string, error) {
	if path, err := exec.LookPath(bin); err == nil {
		return filepath.Abs(path)
	}
	if !strings.ContainsRune(bin, filepath.Separator) {
		if home, err := ziskHome(); err == nil {
			path := filepath.Join(home, "bin", bin)
			if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
		return "", sdk.Environment(fmt.Errorf("%s is neither in PATH nor in ~/.zisk/bin", bin), installRemedy)
	}
	return "", sdk.Environment(fmt.Errorf("%s is no program that can be run", bin), installRemedy)
}

// ziskHome is where ZisK keeps its things: ZISK_HOME, which 0.18 and later
// know, or ~/.zisk.
func ziskHome() (string, error) {
	if dir := os.Getenv("ZISK_HOME"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".zisk"), nil
}

// detect asks the tool for its version.
func detect(ctx context.Context, bin string) (zisk.Version, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, versionTimeout, fmt.Errorf("no answer within %v", versionTimeout))
	defer cancel()
	var said strings.Builder
	cmd := process.Command{Path: bin, Args: []string{"--version"}, Env: os.Environ(),
		Stdout: func(line string) { said.WriteString(line + "\n") }}
	if _, err := cmd.Run(ctx); err != nil {
		return zisk.Version{}, sdk.Environment(fmt.Errorf("%s --version: %w", bin, err), "run it by hand; a library may be missing (`ldd "+bin+"`)")
	}
	v, err := zisk.ParseVersion(said.String())
	if err == nil {
		_, err = v.Family()
	}
	if err != nil {
		return v, sdk.Environment(fmt.Errorf("%s --version: %w", bin, err), "install ZisK 0.14 to 1.0 with ziskup, or correct `bin`")
	}
	return v, nil
}

// fingerprint returns the SHA-256 of a file in hexadecimal.
func fingerprint(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// provingKeyDir returns the directory of the proving key that the tool uses.
func (c Config) provingKeyDir() string {
	if c.ProvingKey != "" {
		return c.ProvingKey
	}
	home, err := ziskHome()
	if err != nil {
		return ""
	}
	return filepath.Join(home, "provingKey")
}

// setupKeyFile returns the file with the key of the proving setup: the pinned
// one, or the one inside the proving key.
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
