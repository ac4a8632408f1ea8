package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Config is the stage's config block.
type Config struct {
	Coordinator string `json:"coordinator" doc:"The coordinator's address for clients, http:// or https://." default:"http://localhost:7000" format:"url"`
	ELF         string `json:"elf" doc:"Guest program that is proved: an ELF file built for the cluster's ZisK." required:"true" format:"file"`
	ProgramName string `json:"program_name" doc:"Name of the program in the coordinator's logs." default:"proofline"`
	Minimal     bool   `json:"minimal" doc:"Make the smaller STARK proof, which is what EthProofs verifies." default:"true"`

	Encoding   string `json:"encoding" doc:"Bytes that are reported: words as verifiers take them (auto does the same), or those under zstd." default:"auto" enum:"auto,zstd,words"`
	VerifyKey  string `json:"verify_key" doc:"Verification key of the proving setup, 32 bytes (vadcop_final_compressed.verkey.bin): proofs of another setup are refused." format:"file"`
	ProgramKey string `json:"program_key" doc:"Verification key of the program, 64 hexadecimal digits: proofs of another program are refused. Unset means the key that the set-up reported."`

	ZiskVersion string `json:"zisk_version" doc:"Version of ZisK that the cluster runs, for example 1.3.2. Unset means to find it out from each proof, by its setup key or by the constraints that it fulfils."`
	Verifier    string `json:"verifier" doc:"What verifies a proof before it is reported, unless the stage has verify: false. auto does it in this process, on the bytes that are sent, and by verify_bin as well where that is set; tool leaves it to verify_bin." default:"auto" enum:"auto,tool"`
	VerifyBin   string `json:"verify_bin" doc:"cargo-zisk of the cluster's version, a path or a name, that verifies each proof, too."`

	CapacityTimeout  sdk.Duration `json:"capacity_timeout" doc:"How long to wait for a free worker." default:"10m" min:"0s"`
	CapacityPause    sdk.Duration `json:"capacity_pause" doc:"Time between two tries to find a free worker." default:"5s" min:"10ms"`
	ReconnectTimeout sdk.Duration `json:"reconnect_timeout" doc:"How long to go on without an answer of the coordinator while a job runs." default:"5m" min:"0s"`
	JobTimeout       sdk.Duration `json:"job_timeout" doc:"How long a job may take from its submission on; then it is cancelled. A coordinator can lose the end of a job. 0 never does." default:"1h" min:"0s"`
	SetupTimeout     sdk.Duration `json:"setup_timeout" doc:"Limit of the program's set-up on the workers." default:"30m" min:"1s"`
}

// Requires returns the framing of the input. Every release that has a coordinator reads
// framed input.
func (c Config) Requires() map[string][]string {
	return map[string][]string{contract.TraitInputFraming: {string(guest.Framed)}}
}

// Validate judges the values without asking the coordinator.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	report := func(pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	u, err := url.Parse(c.Coordinator)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		report("/coordinator", fmt.Sprintf("%q is no address of a coordinator", c.Coordinator), "write http://HOST:7000")
	case strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "":
		report("/coordinator", "the address has more than host and port", "write http://HOST:7000")
	}
	if c.ZiskVersion != "" {
		if r, err := c.release(); err != nil {
			report("/zisk_version", err.Error(), "write the version that zisk-coordinator --version prints, or leave it out")
		} else if _, err := r.Wire(); err != nil {
			report("/zisk_version", err.Error(), "leave it out")
		}
	}
	if c.Verifier == "tool" && c.VerifyBin == "" {
		report("/verifier", "there is no tool: verify_bin is not set", "set `verify_bin`, or `verifier: auto`; verify: false of the stage verifies nothing")
	}
	if c.ProgramKey != "" {
		if _, err := proof.ParseKey(c.ProgramKey); err != nil {
			report("/program_key", err.Error(), "take it from the log of the set-up, or from `prover-zisk inspect PROOF`")
		}
	}
	return findings
}

// checkTimeout is the longest time that Check waits for the coordinator.
const checkTimeout = 10 * time.Second

// Check checks whether the coordinator answers and the files can be read.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	var findings []sdk.Finding
	add := func(severity sdk.Severity, pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: severity, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	if info, err := os.Stat(c.ELF); err == nil && info.Size() > maxMessage-1<<20 {
		add(sdk.SeverityError, "/elf", fmt.Sprintf("%s has %d MiB; the coordinator takes messages of 128", c.ELF, info.Size()>>20), "strip the program of its debug information")
	}
	if _, err := c.setupKey(); err != nil {
		add(sdk.SeverityError, "/verify_key", err.Error(), "set `verify_key` to vadcop_final_compressed.verkey.bin of the cluster's proving key, or leave it out")
	}
	if c.VerifyBin != "" {
		if bin, version, err := c.verifier(ctx); err != nil {
			add(sdk.SeverityError, "/verify_bin", err.Error(), "install the cluster's version of ZisK with ziskup --verifykey, or leave `verify_bin` out")
		} else {
			add(sdk.SeverityInfo, "/verify_bin", fmt.Sprintf("ZisK %v at %s", version, bin), "")
		}
	}
	conn, err := dial(c.Coordinator, nil)
	if err != nil {
		add(sdk.SeverityError, "/coordinator", err.Error(), "write http://HOST:7000")
		return findings
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errors.New("no answer within 10 s"))
	defer cancel()
	if err := probe(ctx, conn); err != nil {
		add(sdk.SeverityError, "/coordinator", fmt.Sprintf("the coordinator at %s does not answer: %v", c.Coordinator, err),
			"start zisk-coordinator of ZisK 0.17 or later there, or open its client port (7000); `curl http://HOST:9090/health` asks it by hand")
	} else {
		add(sdk.SeverityInfo, "/coordinator", "the coordinator at "+c.Coordinator+" answers", "")
	}
	return findings
}

// release returns the release of the cluster's ZisK. It is zero if it is not configured.
func (c Config) release() (proof.Release, error) {
	if c.ZiskVersion == "" {
		return proof.Release{}, nil
	}
	return proof.ParseRelease(c.ZiskVersion)
}

// setupKey reads the configured key of the proving setup. It is nil if none is configured.
func (c Config) setupKey() (*proof.Key, error) {
	if c.VerifyKey == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.VerifyKey)
	if err != nil {
		return nil, err
	}
	key, err := proof.KeyOf(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.VerifyKey, err)
	}
	return &key, nil
}

// verifier finds the tool that verifies proofs, and its version.
func (c Config) verifier(ctx context.Context) (bin string, version zisk.Version, err error) {
	if bin, err = tool.Locate(c.VerifyBin); err != nil {
		return "", zisk.Version{}, err
	}
	version, err = tool.Detect(ctx, bin)
	return bin, version, err
}
