package guest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Program is one guest program. Forks is zero for the programs of rkyv formats,
// which accept every fork before Amsterdam that the format has fields for.
type Program struct {
	Name    string   `json:"name"`
	Format  Format   `json:"format"`
	Forks   Forks    `json:"forks,omitzero"`
	ZKVMs   []string `json:"zkvms"`
	ZisK    string   `json:"zisk"`    // version of ZisK that it was built with
	Framing Framing  `json:"framing"` // framing that this version reads
	Note    string   `json:"note,omitempty"`
}

// Names of zkVMs.
const (
	ZisK   = "zisk"
	SP1    = "sp1"
	OpenVM = "openvm"
)

// ZKVMs lists the zkVMs that programs of an SSZ format are built for.
func ZKVMs() []string { return []string{ZisK, SP1, OpenVM} }

const (
	fromTypes       = "layout known from published types only, not compared with a file"
	fromDescription = "dialect known from texts only, not from its source"
)

var (
	zisk      = []string{ZisK}
	anyZKVM   = ZKVMs()
	amsterdam = Forks{Amsterdam, Amsterdam}
	fromParis = Forks{Paris, Amsterdam}
)

// programs lists the known programs, the oldest first. A name that ends after the major
// version stands for all releases of that version.
var programs = []Program{
	{"ethrex-v7.0.0", G4, Forks{}, zisk, "≤ 0.14", Raw, ""},
	{"ethrex-891528d", G4, Forks{}, zisk, "0.14.0", Raw, "main, 2025-12-10"},
	{"ethrex-24d4b6404", G4, Forks{}, zisk, "0.14.0", Raw, "published in lambdaclass/ethrex-ethproofs"},
	{"ethrex-v8.0.0", G4, Forks{}, zisk, "0.14.0", Raw, ""},
	{"ethrex-v9.0.0", G4, Forks{}, zisk, "0.15.0", Raw, ""},
	{"ethrex-93a7b16d", G7, Forks{}, zisk, "≥ 0.16", Framed, "main, 2026-02"},
	{"zisk-eth-client-f95b4aa", Zec7, Forks{}, zisk, "≥ 0.16", Framed, "ethrex 93a7b16d, 2026-03-13"},
	{"ethrex-52e4b646", G8, Forks{}, zisk, "0.16.1", Framed, "main, 2026-04-02"},
	{"zisk-eth-client-v0.8.0", Zec, Forks{}, zisk, "0.17.0", Framed, "ethrex 283ae1a5"},
	{"zisk-eth-client-v0.9.0", Zec, Forks{}, zisk, "0.18.0", Framed, "ethrex 283ae1a5"},
	{"ethrex-v12.0.0", G8, Forks{}, zisk, "≥ 0.16", Framed, ""},
	{"ethrex-v15.0.0", G8, Forks{}, zisk, "0.18.0", Framed, "eth-act/ere-guests 0.12.0; " + fromTypes},
	{"zisk-eth-client-v0.10.0", Zec, Forks{}, zisk, "1.0.0-alpha", Framed, "ethrex v12.0.0"},
	{"ethrex-v20.0.0", G8, Forks{}, zisk, "≥ 0.18", Framed, ""},
	{"zisk-eth-client-v0.11.0", Zec, Forks{}, zisk, "1.1.0-alpha", Framed, "ethrex v20.0.0"},
	{"ethrex-v21", G9, Forks{}, zisk, "1.0.0-alpha", Framed, ""},
	{"ethrex-v22", G9, Forks{}, zisk, "1.0.0-alpha", Framed, "without the feature eip-8025, with which it reads dialect D1 of the SSZ StatelessInput"},

	{"ethrex-v23", SSZD1, amsterdam, anyZKVM, "1.0.0-alpha", Framed, "eth-act/ere-guests 0.15 and 0.16"},
	{"ethrex-v24", SSZD1, amsterdam, anyZKVM, "≥ 1.0", Framed, ""},
	{"ethrex-v25", SSZD3, amsterdam, anyZKVM, "1.1.0-alpha", Framed, ""},
	{"ethrex-v26", SSZD3, amsterdam, anyZKVM, "1.1.0-alpha", Framed, ""},
	{"ethrex-v27", SSZD3, amsterdam, anyZKVM, "1.1.0-alpha", Framed, "eth-act/ere-guests 0.17"},
	{"ethrex-v28", SSZD3, amsterdam, anyZKVM, "1.1.0-alpha", Framed, ""},
	{"reth-0.1.0-rc.2", SSZD3, fromParis, anyZKVM, "1.1.0-alpha", Framed, ""},
	{"reth-0.1.0-rc.3", SSZD3, fromParis, anyZKVM, "1.1.0-alpha", Framed, "eth-act/ere-guests 0.17"},
	{"ethrex-v29", SSZD4, amsterdam, anyZKVM, "1.2.0-alpha", Framed, "eth-act/ere-guests 0.18"},
	{"ethrex-v30", SSZD4, amsterdam, anyZKVM, "≥ 1.2", Framed, ""},
	{"ethrex-v31", SSZD4, amsterdam, anyZKVM, "≥ 1.2", Framed, ""},
	{"reth-0.1.0-rc.4", SSZD4, fromParis, anyZKVM, "≥ 1.1", Framed, fromDescription},
}

// Programs returns the known guest programs, oldest first.
func Programs() []Program { return slices.Clone(programs) }

// releaseName matches the name of a release of ethrex. Its first group is the name up to
// the major version.
var releaseName = regexp.MustCompile(`^(ethrex-v[0-9]+)(\.[0-9]+){1,2}$`)

// find returns the program with this name, or with the name of its major version.
func find(name string) (Program, bool) {
	names := []string{name}
	if match := releaseName.FindStringSubmatch(name); match != nil {
		names = append(names, match[1])
	}
	for _, name := range names {
		if i := slices.IndexFunc(programs, func(p Program) bool { return p.Name == name }); i >= 0 {
			return programs[i], true
		}
	}
	return Program{}, false
}

// namesOf lists the names of the programs that read one of the formats.
func namesOf(formats []Format) string {
	var names []string
	for _, p := range programs {
		if slices.Contains(formats, p.Format) {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// Lookup returns the program with this name that reads an rkyv format. The error names
// the programs that exist, or the builder that writes the program's format.
func Lookup(name string) (Program, error) {
	p, ok := find(name)
	switch {
	case !ok:
		return p, fmt.Errorf("unknown guest %q: want one of %s, or a format", name, namesOf(Formats()))
	case p.Format == SSZD1:
		return p, d1Error(name)
	case p.Format.SSZ():
		return p, fmt.Errorf("guest %s reads the SSZ StatelessInput (%s, %v), which builder-stateless-input writes: use that plugin for this stage", name, p.Format, p.Forks)
	}
	return p, nil
}

// LookupSSZ returns the program with this name that reads a dialect of the SSZ
// StatelessInput. The error names the programs that exist, or the builder that writes
// the program's format.
func LookupSSZ(name string) (Program, error) {
	p, ok := find(name)
	switch {
	case !ok:
		return p, fmt.Errorf("unknown guest %q: want one of %s, or a dialect", name, namesOf(Dialects()))
	case p.Format == SSZD1:
		return p, d1Error(name)
	case !p.Format.SSZ():
		return p, fmt.Errorf("guest %s reads the rkyv format %s, which builder-ethrex writes: use that plugin for this stage", name, p.Format)
	}
	return p, nil
}

func d1Error(name string) error {
	return fmt.Errorf("guest %s reads dialect D1 of the SSZ StatelessInput, made for the rules of a devnet, which no builder writes: use ethrex-v25 or later", name)
}
