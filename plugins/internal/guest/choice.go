package guest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Choice holds the keys of a builder's config that choose the guest. Keys that determine
// the same property must agree.
type Choice struct {
	SSZ                                bool // the guest reads the SSZ StatelessInput, not an rkyv format
	Format, Guest, ZKVM, ZisK, Framing string
}

// Target is the input that a Choice asks for.
type Target struct {
	Guest   string // the chosen guest, or the format where no guest is chosen
	Format  Format
	Forks   Forks // zero for rkyv formats
	Framing Framing
	Note    string // note of the guest program
}

// Target resolves the keys. pointer is the JSON pointer to the key that is at fault where
// err is not nil.
func (c Choice) Target() (t Target, pointer string, err error) {
	if c.Format == "" && c.Guest == "" {
		return t, "", errors.New("neither format nor guest is set")
	}
	lookup, parse := Lookup, ParseFormat
	if c.SSZ {
		// A config with a format alone does not tell the forks of the guest.
		t.Forks = Forks{Paris, Amsterdam}
		lookup, parse = LookupSSZ, ParseDialect
	}
	t.Guest = cmp.Or(c.Guest, c.Format)
	if c.Format != "" {
		if t.Format, err = parse(c.Format); err != nil {
			return t, "/format", err
		}
	}
	if c.Guest != "" {
		program, err := lookup(c.Guest)
		if err != nil {
			return t, "/guest", err
		}
		if t.Format != "" && t.Format != program.Format {
			return t, "/format", fmt.Errorf("format %s, but guest %s reads %s", t.Format, c.Guest, program.Format)
		}
		if c.ZKVM != "" && !slices.Contains(program.ZKVMs, c.ZKVM) {
			return t, "/zkvm", fmt.Errorf("guest %s is built for %s, not for %s", c.Guest, strings.Join(program.ZKVMs, ", "), c.ZKVM)
		}
		t.Format, t.Forks, t.Framing, t.Note = program.Format, program.Forks, program.Framing, program.Note
	}
	if c.ZKVM != "" && c.ZKVM != ZisK {
		if c.ZisK != "" {
			return t, "/zisk", fmt.Errorf("zisk is set, but zkvm is %s", c.ZKVM)
		}
		// The provers of other zkVMs add a frame themselves where one is needed.
		t.Framing = Framing(cmp.Or(c.Framing, string(Raw)))
	}
	if c.ZisK != "" {
		framing, err := FramingOf(c.ZisK)
		if err != nil {
			return t, "/zisk", err
		}
		if t.Framing != "" && t.Framing != framing {
			return t, "/zisk", fmt.Errorf("ZisK %s reads %s files, but guest %s was built for one that reads %s files", c.ZisK, framing, c.Guest, t.Framing)
		}
		t.Framing = framing
	}
	if c.Framing != "" {
		framing, err := ParseFraming(c.Framing)
		if err != nil {
			return t, "/framing", err
		}
		if t.Framing != "" && t.Framing != framing {
			owner := c.Guest
			if c.ZisK != "" {
				owner = "ZisK " + c.ZisK
			}
			return t, "/framing", fmt.Errorf("framing %s, but %s needs %s", framing, owner, t.Framing)
		}
		t.Framing = framing
	}
	if t.Framing == "" {
		t.Framing = DefaultFraming(t.Format)
	}
	return t, "", nil
}
