// Package tool finds cargo-zisk on a machine, runs it to get its version and to verify
// proofs, and classifies failures of the provers of ZisK. Package zisk describes the
// arguments and the output of cargo-zisk.
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

// versionTimeout is the time limit of `cargo-zisk --version`.
const versionTimeout = 30 * time.Second

// installRemedy is the remedy where cargo-zisk is not found.
const installRemedy = "install ZisK with ziskup (https://github.com/0xPolygonHermez/zisk), or set `bin` to the path of cargo-zisk"

// Locate returns the absolute path of the tool. bin is a path, or a name that is
// searched in PATH and in ~/.zisk/bin.
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

// Home returns the directory of the ZisK installation: ZISK_HOME, which 0.18 and later
// use, or ~/.zisk.
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

// Detect runs the tool with --version and returns the version. It fails for a version
// that no Family has.
func Detect(ctx context.Context, bin string) (zisk.Version, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, versionTimeout, fmt.Errorf("no answer within %v", versionTimeout))
	defer cancel()
	var output strings.Builder
	cmd := process.Command{Path: bin, Args: []string{"--version"}, Env: os.Environ(),
		Stdout: func(line string) { output.WriteString(line + "\n") }}
	if _, err := cmd.Run(ctx); err != nil {
		return zisk.Version{}, sdk.Environment(fmt.Errorf("%s --version: %w", bin, err), "run it by hand; a library may be missing (`ldd "+bin+"`)")
	}
	v, err := zisk.ParseVersion(output.String())
	if err == nil {
		_, err = v.Family()
	}
	if err != nil {
		return v, sdk.Environment(fmt.Errorf("%s --version: %w", bin, err), "install ZisK 0.14 to 1.0 with ziskup, or correct `bin`")
	}
	return v, nil
}
