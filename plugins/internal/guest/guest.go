// Package guest knows the guest programs of ethrex that operators run: which
// input format each of them reads, and for which ZisK version it was built,
// which decides about the framing of the input file. It is the only place with
// this knowledge.
//
// Sources: the version-bump commits of lambdaclass/ethrex, the manifests of
// 0xPolygonHermez/zisk-eth-client at the tags named, and eth-act/ere-guests.
package guest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Format names a layout of the guest input.
type Format string

// The formats. G5 and G6 existed on the main branch for days and were in no
// release.
const (
	G4   Format = "g4"   // ProgramInput of ethrex v7 to v9
	G7   Format = "g7"   // ProgramInput of ethrex main, 2026-01-30 to 2026-03-15
	G8   Format = "g8"   // ProgramInput of ethrex main from 2026-03-16 on
	Zec7 Format = "zec7" // EthrexInput of zisk-eth-client, with the witness of G7
	Zec  Format = "zec"  // EthrexInput of zisk-eth-client, with the witness of G8
)

// Formats lists the formats that can be written.
func Formats() []Format { return []Format{G4, G7, G8, Zec7, Zec} }

// ParseFormat checks the name of a format.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	if name == "g5" || name == "g6" {
		return "", fmt.Errorf("format %s was in no release of ethrex and is not written: want one of %v", name, Formats())
	}
	return "", fmt.Errorf("unknown format %q: want one of %v", name, Formats())
}

// Framing says what surrounds the guest input in the file for cargo-zisk -i.
type Framing string

// The framings.
const (
	Raw    Framing = "raw"    // nothing: ZisK up to 0.15
	Framed Framing = "framed" // u64 length, input, zero bytes to a multiple of 8: ZisK 0.16 and later
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

// FramingOf returns the framing that a ZisK version reads, for example of
// "0.14.0" or "v1.1.0-alpha".
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

// Program is one guest program.
type Program struct {
	Name    string  `json:"name"`
	Format  Format  `json:"format"` // empty where the format cannot be written
	ZisK    string  `json:"zisk"`   // version that it was built with
	Framing Framing `json:"framing"`
	Note    string  `json:"note,omitempty"`
}

const (
	ssz      = "reads SSZ, and Amsterdam blocks only"
	unproven = "layout known from published types only, not compared with a file"
)

// programs is the table, oldest first.
var programs = []Program{
	{"ethrex-v7.0.0", G4, "≤ 0.14", Raw, ""},
	{"ethrex-891528d", G4, "0.14.0", Raw, "main, 2025-12-10"},
	{"ethrex-24d4b6404", G4, "0.14.0", Raw, "published in lambdaclass/ethrex-ethproofs"},
	{"ethrex-v8.0.0", G4, "0.14.0", Raw, ""},
	{"ethrex-v9.0.0", G4, "0.15.0", Raw, ""},
	{"ethrex-93a7b16d", G7, "≥ 0.16", Framed, "main, 2026-02"},
	{"zisk-eth-client-f95b4aa", Zec7, "≥ 0.16", Framed, "ethrex 93a7b16d, 2026-03-13"},
	{"ethrex-52e4b646", G8, "0.16.1", Framed, "main, 2026-04-02"},
	{"zisk-eth-client-v0.8.0", Zec, "0.17.0", Framed, "ethrex 283ae1a5"},
	{"zisk-eth-client-v0.9.0", Zec, "0.18.0", Framed, "ethrex 283ae1a5"},
	{"ethrex-v12.0.0", G8, "≥ 0.16", Framed, ""},
	{"ethrex-v15.0.0", G8, "0.18.0", Framed, "eth-act/ere-guests 0.12.0; " + unproven},
	{"zisk-eth-client-v0.10.0", Zec, "1.0.0-alpha", Framed, "ethrex v12.0.0"},
	{"ethrex-v20.0.0", G8, "≥ 0.18", Framed, unproven},
	{"zisk-eth-client-v0.11.0", Zec, "1.1.0-alpha", Framed, "ethrex v20.0.0; " + unproven},
	{"ethrex-v23.0.0", "", "1.0.0-alpha", Framed, ssz},
	{"ethrex-v24.0.0", "", "≥ 1.0", Framed, ssz},
	{"ethrex-v26.0.0", "", "1.1.0-alpha", Framed, ssz},
	{"ethrex-v29.0.0", "", "1.2.0-alpha", Framed, ssz},
}

// Programs returns the known guest programs, oldest first.
func Programs() []Program { return slices.Clone(programs) }

// Lookup returns the program with this name. Its error names those that exist,
// or says why the program's format cannot be written.
func Lookup(name string) (Program, error) {
	for _, p := range programs {
		if p.Name != name {
			continue
		}
		if p.Format == "" {
			return p, fmt.Errorf("guest %s %s: that needs the block access list and the execution requests, which eth_getBlockByNumber and debug_executionWitness do not have", name, p.Note)
		}
		return p, nil
	}
	var names []string
	for _, p := range programs {
		if p.Format != "" {
			names = append(names, p.Name)
		}
	}
	return Program{}, fmt.Errorf("unknown guest %q: want one of %s, or a format", name, strings.Join(names, ", "))
}

// DefaultFraming returns the framing that goes with a format where neither the
// guest nor the ZisK version is known: every guest of g4 was built for ZisK up
// to 0.15, all others for later ones.
func DefaultFraming(f Format) Framing {
	if f == G4 {
		return Raw
	}
	return Framed
}
