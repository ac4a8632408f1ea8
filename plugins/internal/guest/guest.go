// Package guest describes the guest programs that operators run. For each program it
// holds the input format, the forks whose blocks it accepts, the zkVMs that it runs on,
// the ZisK version that it was built for, the framing of its input file, which follows
// from that version, and the public values that it commits to. No other package holds
// this knowledge.
//
// Sources: the version-bump commits of lambdaclass/ethrex, the crates
// ethrex-common 22.0.0 to 31.0.0, the manifests of 0xPolygonHermez/zisk-eth-client
// at the tags named, paradigmxyz/stateless at 0aa0c19d and 3e430006, and
// eth-act/ere-guests. The layouts of ethrex-common 17.0.0 to 23.0.0 are checked with its
// types (make oracle). The layouts of other rkyv releases are known only from sources.
package guest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Format names a layout of the guest input.
type Format string

// The formats. G5 and G6 existed only on the main branch for some days and were in no
// release.
const (
	G4   Format = "g4"   // ProgramInput of ethrex v7 to v9
	G7   Format = "g7"   // ProgramInput of ethrex main, 2026-01-30 to 2026-03-15
	G8   Format = "g8"   // ProgramInput of ethrex main from 2026-03-16 on, v12 to v20
	G9   Format = "g9"   // ProgramInput of ethrex v21 and v22
	Zec7 Format = "zec7" // EthrexInput of zisk-eth-client, with the witness of G7
	Zec  Format = "zec"  // EthrexInput of zisk-eth-client, with the witness of G8
)

// The formats of the SSZ StatelessInput (ethereum/execution-specs:
// src/ethereum/forks/amsterdam/stateless.py). All dialects have the same schema id, so
// only the release of a guest determines the dialect that it reads.
const (
	SSZD1 Format = "ssz-d1" // tests-zkevm v0.6: with the chain configuration; no builder writes it
	SSZD3 Format = "ssz-d3" // tests-zkevm v0.8: with the public keys of the senders
	SSZD4 Format = "ssz-d4" // tests-zkevm v21.0.1 to v21.0.5: without public keys
)

// Formats lists the rkyv formats that can be written.
func Formats() []Format { return []Format{G4, G7, G8, G9, Zec7, Zec} }

// Dialects lists the dialects of the SSZ StatelessInput that can be written.
func Dialects() []Format { return []Format{SSZD3, SSZD4} }

// SSZ reports whether the format is a dialect of the SSZ StatelessInput.
func (f Format) SSZ() bool { return f == SSZD1 || f == SSZD3 || f == SSZD4 }

// ParseFormat checks the name of an rkyv format.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	if name == "g5" || name == "g6" {
		return "", fmt.Errorf("format %s was in no release of ethrex and is not written: want one of %v", name, Formats())
	}
	return "", fmt.Errorf("unknown format %q: want one of %v", name, Formats())
}

// ParseDialect checks the name of a dialect.
func ParseDialect(name string) (Format, error) {
	if f := Format(name); slices.Contains(Dialects(), f) {
		return f, nil
	}
	return "", fmt.Errorf("unknown dialect %q: want one of %v", name, Dialects())
}

// Framing is the form of the guest input in the file for cargo-zisk -i.
type Framing string

// The framings.
const (
	Raw    Framing = "raw"    // the input alone: ZisK up to 0.15, which adds the length itself
	Framed Framing = "framed" // u64 little-endian length, input, zero bytes to a multiple of 8: ZisK 0.16 and later
)

// Framings lists the framings.
func Framings() []Framing { return []Framing{Raw, Framed} }

// ParseFraming checks the name of a framing.
func ParseFraming(name string) (Framing, error) {
	if f := Framing(name); slices.Contains(Framings(), f) {
		return f, nil
	}
	return "", fmt.Errorf("unknown framing %q: want one of %v", name, Framings())
}

// FramingOf returns the framing that a ZisK version reads. zisk is for example "0.14.0"
// or "v1.1.0-alpha".
func FramingOf(zisk string) (Framing, error) {
	parts := strings.SplitN(strings.TrimPrefix(zisk, "v"), ".", 3)
	if len(parts) >= 2 {
		major, err1 := strconv.ParseUint(parts[0], 10, 16)
		minor, err2 := strconv.ParseUint(parts[1], 10, 16)
		if err1 == nil && err2 == nil {
			if major == 0 && minor < 16 {
				return Raw, nil
			}
			return Framed, nil
		}
	}
	return "", fmt.Errorf("%q is no ZisK version: want for example 0.14.0", zisk)
}

// DefaultFraming returns the framing of a format where neither the guest nor the ZisK
// version is known. Every guest of g4 was built for ZisK up to 0.15, all others for
// later versions.
func DefaultFraming(f Format) Framing {
	if f == G4 {
		return Raw
	}
	return Framed
}
