package zisk

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/proofline/proofline/sdk/text"
)

// Build is the device for which a cargo-zisk was compiled.
type Build string

// The builds. Only 0.18 and later print their build.
const (
	BuildUnknown Build = ""
	BuildCPU     Build = "cpu"
	BuildGPU     Build = "gpu"
)

// Version is the version that `cargo-zisk --version` prints.
type Version struct {
	Major, Minor, Patch int
	Pre                 string // "beta", "alpha.1"; empty for a release
	Build               Build
}

var versionPattern = regexp.MustCompile(
	`\b(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?(?:\s+\[([a-z-]+)\])?`)

// ParseVersion finds the version in the output of --version, for example
// "cargo-zisk 0.18.0 [gpu] (42ad4d0 2026-05-15T10:00:00Z)".
func ParseVersion(answer string) (Version, error) {
	m := versionPattern.FindStringSubmatch(answer)
	if m == nil {
		return Version{}, fmt.Errorf("%q names no version", text.Line(answer, 120))
	}
	var v Version
	for i, field := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*field, _ = strconv.Atoi(m[i+1])
	}
	v.Pre = m[4]
	switch m[5] {
	case "gpu":
		v.Build = BuildGPU
	case "cpu", "cpu-only":
		v.Build = BuildCPU
	}
	return v, nil
}

func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		text += "-" + v.Pre
	}
	return text
}

// Setup returns the version in the name of the proving key's archive that ziskup
// installs for this version: "0.14.0" for every 0.14.
func (v Version) Setup() string { return fmt.Sprintf("%d.%d.0", v.Major, v.Minor) }

// Family groups the versions that share one command line.
type Family int

// The families.
const (
	Family014 Family = iota // 0.14, 0.15
	Family016               // 0.16
	Family017               // 0.17, 0.18
	Family100               // 1.0 and later
)

func (f Family) String() string {
	return [...]string{"0.14/0.15", "0.16", "0.17/0.18", "1.0"}[f]
}

// Family returns the family of the version. It fails for a version before 0.14.
func (v Version) Family() (Family, error) {
	switch {
	case v.Major >= 1:
		return Family100, nil
	case v.Minor >= 17:
		return Family017, nil
	case v.Minor == 16:
		return Family016, nil
	case v.Minor >= 14:
		return Family014, nil
	}
	return 0, fmt.Errorf("ZisK %v is not supported; the oldest is 0.14.0", v)
}

// Tested reports whether the command line of this release is known from its source. A
// later release gets the command line of the last known one.
func (v Version) Tested() bool {
	return v.Major == 0 && v.Minor >= 14 && v.Minor <= 18 || v.Major == 1 && v.Minor == 0
}

// SurvivingServices reports whether the assembly services of this version stay
// alive, with their ports and shared memory, when cargo-zisk dies.
// Source: 0xPolygonHermez/zisk:emulator-asm/asm-runner/src/asm_services@v0.16.1
// against @v0.17.0.
func (v Version) SurvivingServices() bool { return v.Major == 0 && v.Minor <= 16 }
