// Package tool finds cargo-zisk on a machine, asks it for its version, and has
// it verify proofs. What it says and takes is said in package zisk.
package tool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// versionTimeout bounds `cargo-zisk --version`.
const versionTimeout = 30 * time.Second

// installRemedy is how to come by the tool.
const installRemedy = "install ZisK with ziskup (https://github.com/0xPolygonHermez/zisk), or set `bin` to the path of cargo-zisk"

// Locate finds the tool: a path as it is, a name in PATH and in ~/.zisk/bin.
func Locate(bin string) (string, error) {
	if path, err := exec.LookPath(bin); err == nil {
		return filepath.Abs(path)
	}
	if !strings.ContainsRune(bin, filepath.Separator) {
		if home, err := Home(); err == nil {
			path := filepath.Join(home, "bin", bin)
			if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
		return "", sdk.Environment(fmt.Errorf("%s is neither in PATH nor in ~/.zisk/bin", bin), installRemedy)
	}
	return "", sdk.Environment(fmt.Errorf("%s is no program that can be run", bin), installRemedy)
}

// Home is where ZisK keeps its things: ZISK_HOME, which 0.18 and later
// know, or ~/.zisk.
func Home() (string, error) {
	if dir := os.Getenv("ZISK_HOME"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".zisk"), nil
}

// Detect asks the tool for its version.
func Detect(ctx context.Context, bin string) (zisk.Version, error) {
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
