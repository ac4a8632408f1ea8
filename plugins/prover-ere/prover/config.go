package prover

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/proofline/proofline/plugins/internal/command"
	"github.com/proofline/proofline/plugins/prover-ere/container"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Config is the config block of the stage.
type Config struct {
	Endpoints []string `json:"endpoints" doc:"Addresses of ere-servers, http://HOST:3000. All hold the same guest; each proves one block at a time." required:"true" min:"1" format:"url"`
	ZKVM      string   `json:"zkvm" doc:"zkVM of the servers; another one is refused. Needed for proof: ethproofs." enum:"zisk,sp1,openvm,risc0,airbender"`
	Version   string   `json:"version" doc:"Version of ere-server, for example 0.16 or 0.16.2; another one is refused. Unset means any."`
	GuestVK   string   `json:"guest_vk" doc:"Verification key of the guest: hexadecimal digits, or a file as ere-server keygen writes it. Another guest is refused. Unset means the one that a server holds at first."`

	Action string `json:"action" doc:"prove, or execute for a gate that proves nothing." default:"prove" enum:"prove,execute"`
	Input  string `json:"input" doc:"Form in which a server gets the guest input: raw, or behind its length in 32 bits. auto decides by the server's version: u32-length before 0.11. ZisK's own frame is taken off." default:"auto" enum:"auto,raw,u32-length"`
	Proof  string `json:"proof" doc:"Bytes that are reported: what EthProofs verifies (for zisk and sp1), or ere's container as it is." default:"ethproofs" enum:"ethproofs,ere"`
	Setup  string `json:"setup_vk" doc:"For zisk: key of the proving setup, 64 hexadecimal digits or a file (vadcop_final_compressed.verkey.bin). Unset means the published setup of the server's ZisK under which the proof verifies."`
	Cycles string `json:"cycles" doc:"Where the number of cycles is from when the proof does not tell it: execute runs the guest a second time beside the proof." default:"none" enum:"none,execute"`

	OnTimeout      []string     `json:"on_timeout" doc:"Command that restarts a server whose slot is lost to an abandoned proof, for example [docker, restart, ere-zisk]; {endpoint} is its address. Unset means to wait behind that proof."`
	RestartTimeout sdk.Duration `json:"restart_timeout" doc:"How long the command and the start of the server, which generates keys, may take." default:"15m" min:"1s"`
	ConnectTimeout sdk.Duration `json:"connect_timeout" doc:"Limit of connecting to a server." default:"5s" min:"10ms"`
	HealthInterval sdk.Duration `json:"health_interval" doc:"Time between two looks at the health of each server." default:"5s" min:"10ms"`
	InsecureRemote bool         `json:"insecure_remote" doc:"Do not warn about a server on another machine: ere-server knows neither encryption nor authentication."`
}

// MakesProof reports whether the stage makes proofs. With the action execute it is a gate.
func (c Config) MakesProof() bool { return c.Action == "prove" }

// Requires returns the forms of the guest input that the stage accepts. It removes ZisK's
// frame itself.
func (c Config) Requires() map[string][]string {
	return map[string][]string{sdk.TraitInputFraming: {"raw", "framed"}}
}

// Validate returns what is wrong with the values. It makes no request.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	report := func(pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	for i, endpoint := range c.Endpoints {
		at := fmt.Sprintf("/endpoints/%d", i)
		u, err := url.Parse(endpoint)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			report(at, "the address is not one of an ere-server", "write http://HOST:3000")
		case strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			report(at, "the address has more than host and port", "write http://HOST:3000")
		case slices.Contains(c.Endpoints[:i], endpoint):
			report(at, "the address is there twice", "a server proves one block at a time: name each once")
		case u.Scheme == "http" && !c.InsecureRemote && !loopback(u.Hostname()):
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: at,
				Summary: fmt.Sprintf("%s is another machine, and ere-server knows neither encryption nor authentication: whoever reaches its port can use the GPU", u.Host),
				Remedy:  "let only this machine reach the port, or go through a tunnel; `insecure_remote: true` ends this warning"})
		}
	}
	if c.Version != "" {
		if err := c.checkVersion(); err != nil {
			report("/version", err.Error(), "write for example 0.16, or leave it out")
		}
	}
	if c.Action == "prove" && c.Proof == "ethproofs" {
		if c.ZKVM == "" {
			report("/zkvm", "proof: ethproofs needs the name of the zkVM", "set `zkvm`, or `proof: ere` for containers as they are")
		} else if reason := container.Refused(c.ZKVM); reason != "" {
			report("/proof", fmt.Sprintf("a proof of %s cannot be rewritten to what EthProofs verifies: %s", c.ZKVM, reason), "set `proof: ere`, and do not report it to EthProofs")
		}
	}
	if c.Setup != "" && c.ZKVM != container.ZisK {
		report("/setup_vk", "only zisk has such a key", "set `zkvm: zisk`, or leave it out")
	}
	return append(findings, command.ValidateCommand("/on_timeout", c.OnTimeout, []string{"endpoint"})...)
}

// checkVersion returns an error unless the configured version is a supported version of
// ere-server, in two or three parts.
func (c Config) checkVersion() error {
	v, err := server.ParseVersion(c.Version + strings.Repeat(".0", max(0, 2-strings.Count(c.Version, "."))))
	if err != nil {
		return fmt.Errorf("%q is not a version of ere-server", c.Version)
	}
	if v.Before(server.Oldest.Major, server.Oldest.Minor) {
		return fmt.Errorf("ere-server %v is older than %v, the oldest version that this plugin supports", v, server.Oldest)
	}
	return nil
}

// wants reports whether the version is the configured one, or any where none is.
func (c Config) wants(v server.Version) bool {
	return c.Version == "" || v.String() == c.Version || strings.HasPrefix(v.String(), c.Version+".")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// guestVK returns the configured key of the guest, nil where none is configured.
func (c Config) guestVK() ([]byte, error) { return keyBytes(c.GuestVK) }

// setupKey returns the configured key of the proving setup, nil where none is configured.
func (c Config) setupKey() (*proof.Key, error) {
	data, err := keyBytes(c.Setup)
	if data == nil || err != nil {
		return nil, err
	}
	key, err := proof.KeyOf(data)
	return &key, err
}

// keyBytes returns a key from its hexadecimal digits or from a file, nil for an empty text.
func keyBytes(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	if data, err := hex.DecodeString(strings.TrimPrefix(text, "0x")); err == nil {
		return data, nil
	}
	data, err := os.ReadFile(text)
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("%s is empty", text)
	}
	return data, err
}
