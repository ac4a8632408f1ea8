package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/verify"
)

// The verdicts of a verification.
const (
	verdictVerified = "verified"
	verdictRefused  = "refused"
	verdictUnknown  = "not established"
)

// verifyReport is what is known of a proof after its verification.
type verifyReport struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"` // why the proof is not verified
	File    string `json:"file,omitempty"`
	Bytes   int    `json:"bytes"`

	Layout    proof.Layout `json:"layout,omitempty"`
	Minimal   bool         `json:"minimal"`
	Releases  []string     `json:"releases,omitempty"` // the releases with these constraints
	Family    proof.Family `json:"family,omitempty"`
	WireBytes int          `json:"wire_bytes,omitempty"` // size of the form for verifiers

	Setup          *proof.Key `json:"setup_key,omitempty"`
	Published      string     `json:"setup_published,omitempty"` // the release with this setup key
	Program        *proof.Key `json:"program_key,omitempty"`
	ProgramChecked bool       `json:"program_checked"`
	Outputs        string     `json:"outputs,omitempty"` // hexadecimal
	Text           string     `json:"outputs_text,omitempty"`

	BindsPublics bool           `json:"binds_publics"`
	Hollow       bool           `json:"hollow_setup"`
	Notes        []string       `json:"notes,omitempty"`
	Hashes       map[string]int `json:"hashes,omitempty"`
	Took         time.Duration  `json:"took_ns,omitempty"`
}

// describe fills in what the proof contains.
func (r *verifyReport) describe(p *proof.Proof) {
	program := p.Program()
	r.Layout, r.Minimal, r.Family, r.Program = p.Layout, p.Minimal, p.Family, &program
	outputs := p.Outputs()
	r.Outputs = hex.EncodeToString(outputs)
	r.Text = printable(outputs)
	if p.IsTest() {
		r.Notes = append(r.Notes, "made by a test double of the prover: it proves nothing")
	}
}

// accepted fills in the result of the verification.
func (r *verifyReport) accepted(v *verify.Result, programChecked bool) {
	r.Releases, r.Family, r.ProgramChecked = v.Table.Releases, v.Table.Family, programChecked
	r.BindsPublics, r.Hollow, r.Hashes, r.Took = v.Table.BindsPublics(), v.Hollow, v.Hashes, v.Time
	if v.Known != nil {
		r.Published = v.Known.Version
	}
	if !r.BindsPublics {
		r.Notes = append(r.Notes, "the constraints of this release do not read the public words: a change of them after the proof was made is noticed, but a dishonest prover could have chosen others; the proof does not bind a block hash against him")
	}
	if r.Hollow {
		r.Notes = append(r.Notes, "the constant columns of this published setup are all zero: its constraints hold without a run of any program, so that this proof shows nothing against a dishonest prover")
	}
	if !programChecked {
		r.Notes = append(r.Notes, "the program key was not compared: give the expected one with --program")
	}
}

// printable returns the text in a guest's outputs. The outputs must be its length, as one
// byte or eight, and its characters. It returns "" for other outputs.
func printable(outputs []byte) string {
	for _, skip := range []int{8, 1} {
		if len(outputs) <= skip || outputs[0] == 0 || skip == 8 && strings.Trim(string(outputs[1:8]), "\x00") != "" {
			continue
		}
		n := int(outputs[0])
		if skip+n > len(outputs) || strings.Trim(string(outputs[skip+n:]), "\x00") != "" {
			continue
		}
		text := string(outputs[skip : skip+n])
		if strings.IndexFunc(text, func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsPrint(c) }) < 0 {
			return text
		}
	}
	return ""
}

// requestProof returns the proof in the body of a request to EthProofs. It returns other
// bytes unchanged.
func requestProof(data []byte) []byte {
	if len(data) == 0 || data[0] != '{' {
		return data
	}
	var body struct {
		Proof string `json:"proof"`
	}
	if json.Unmarshal(data, &body) != nil || body.Proof == "" {
		return data
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(body.Proof, "="))
	if err != nil {
		return data
	}
	return decoded
}

// writeVerified prints the report for people.
func writeVerified(to io.Writer, r verifyReport) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("verdict", "%s", r.Verdict)
	if r.Reason != "" {
		row("reason", "%s", r.Reason)
	}
	if r.File != "" {
		row("file", "%s, %d bytes", r.File, r.Bytes)
	}
	if r.Layout != "" {
		kind := "final"
		if r.Minimal {
			kind = "minimal"
		}
		row("proof", "%s, layout %s", kind, r.Layout)
		if len(r.Releases) > 0 {
			row("release", "ZisK %s, %s", strings.Join(r.Releases, ", "), r.Family)
		}
	}
	if r.Setup != nil {
		known := "not published"
		if r.Published != "" {
			known = "published for ZisK " + r.Published
		}
		if r.Verdict != verdictVerified && r.Published == "" {
			known = "expected"
		}
		row("setup key", "%v, %s", r.Setup, known)
	}
	if r.Program != nil {
		row("program key", "%v", r.Program)
		if r.Text != "" {
			row("outputs", "%q", r.Text)
		} else {
			row("outputs", "%s", strings.TrimRight(r.Outputs, "0"))
		}
	}
	if r.Took > 0 {
		var hashes []string
		for _, name := range slices.Sorted(maps.Keys(r.Hashes)) {
			hashes = append(hashes, fmt.Sprintf("%d × %s", r.Hashes[name], name))
		}
		row("took", "%v, %s", r.Took.Round(100*time.Microsecond), strings.Join(hashes, ", "))
	}
	for _, note := range r.Notes {
		row("note", "%s", note)
	}
	return w.Flush()
}
