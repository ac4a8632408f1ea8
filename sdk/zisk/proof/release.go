package proof

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Release is a release of ZisK, by the two numbers that determine the form of its
// proofs. The zero value stands for an unknown release.
type Release struct{ Major, Minor int }

// newestRelease is the newest release whose forms of proof are known.
var newestRelease = Release{1, 4}

var releasePattern = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:[.+-][0-9A-Za-z.+-]*)?$`)

// ParseRelease reads a version such as 0.18.0, v1.1.0-alpha or 1.3. It also accepts
// releases that this package does not know.
func ParseRelease(text string) (Release, error) {
	m := releasePattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Release{}, fmt.Errorf("%q is no version of ZisK: write it as 1.1.0-alpha or 1.1", text)
	}
	var r Release
	r.Major, _ = strconv.Atoi(m[1])
	r.Minor, _ = strconv.Atoi(m[2])
	if r == (Release{}) {
		return r, errors.New("there is no ZisK 0.0")
	}
	return r, nil
}

// String returns the two numbers, such as "1.1".
func (r Release) String() string {
	if r == (Release{}) {
		return "of an unknown release"
	}
	return fmt.Sprintf("%d.%d", r.Major, r.Minor)
}

// before reports whether the release is older than major.minor.
func (r Release) before(major, minor int) bool {
	return slices.Compare([]int{r.Major, r.Minor}, []int{major, minor}) < 0
}

// isUnknown reports whether the release is newer than newestRelease.
func (r Release) isUnknown() bool { return newestRelease.before(r.Major, r.Minor) }

// check fails for releases whose forms of proof are not known.
func (r Release) check() error {
	switch {
	case r == (Release{}):
		return errors.New("the release of ZisK is unknown")
	case r.before(0, 14):
		return fmt.Errorf("ZisK %v is older than 0.14, the first whose proofs are known", r)
	case r.isUnknown():
		return fmt.Errorf("ZisK %v is newer than %v, the last whose proofs are known", r, newestRelease)
	case r.Major == 0 && r.Minor > 18:
		return fmt.Errorf("there is no ZisK %v", r)
	}
	return nil
}

// Saved returns the layout of the proof files of the release. It fails for a release whose
// form of proof is not known.
func (r Release) Saved() (Layout, error) {
	switch err := r.check(); {
	case err != nil:
		return "", err
	case r.before(0, 16):
		return Words, nil
	case r.before(0, 17):
		return Bincode016, nil
	case r.before(0, 18):
		return Bincode017, nil
	case r.before(1, 0):
		return Bincode018, nil
	case r.before(1, 1):
		return Bincode100, nil
	case r.before(1, 4):
		return Bincode110, nil
	}
	return Tagged, nil
}

// Wire returns the layout that the verifiers of the release take. It fails for the same
// releases as Saved.
func (r Release) Wire() (Layout, error) {
	switch err := r.check(); {
	case err != nil:
		return "", err
	case r.before(0, 16):
		return Words, nil
	case r.before(1, 3):
		return Flat, nil
	}
	return Tagged, nil
}

// PublicWords returns the number of public words that a proof of the release has in its
// wire form. For final proofs from 1.1 on they include the flag "is final". It returns 0
// up to 0.15, where the file states the number.
func (r Release) PublicWords(minimal bool) int {
	switch {
	case r.before(0, 16):
		return 0
	case minimal || r.before(1, 1):
		return KeyWords + OutputWords
	}
	return 1 + KeyWords + OutputWords
}

// Family is the family of hash functions with which a proof was made.
type Family string

// The families. Up to 0.18 there is only Poseidon2.
const (
	Poseidon1 Family = "poseidon1"
	Poseidon2 Family = "poseidon2"
	Blake3    Family = "blake3"
)

// families is in the order of the tags in the wire form and of the modes in bincode.
var families = []Family{Poseidon1, Poseidon2, Blake3}

// ParseFamily reads the name of a family, in upper or lower case.
func ParseFamily(name string) (Family, error) {
	f := Family(strings.ToLower(name))
	if !slices.Contains(families, f) {
		return "", fmt.Errorf("unknown family of hash functions %q", name)
	}
	return f, nil
}

// Name returns the name that ZisK writes into its files.
func (f Family) Name() string {
	switch f {
	case Poseidon1:
		return "Poseidon1"
	case Poseidon2:
		return "Poseidon2"
	}
	return string(f)
}

// Tag returns the family's tag in the wire form and its mode in bincode.
func (f Family) Tag() uint64 { return uint64(slices.Index(families, f)) }

// familyOf returns the family of a tag.
func familyOf(tag uint64) (Family, error) {
	if tag >= uint64(len(families)) {
		return "", fmt.Errorf("unknown tag of a family of hash functions %#x", tag)
	}
	return families[tag], nil
}
