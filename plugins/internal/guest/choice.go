package guest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Choice is what a builder's config says about the guest: its entries of these
// names. What is said twice must agree.
type Choice struct {
	SSZ                                bool // a guest of the SSZ StatelessInput is meant, not one of an rkyv format
	Format, Guest, ZKVM, ZisK, Framing string
}

// Target is what a Choice asks for.
type Target struct {
	Guest   string // as chosen; the format where none is
	Format  Format
	Forks   Forks // zero for rkyv formats
	Framing Framing
	Note    string // of the guest program
}

// Target resolves the entries. An error comes with the pointer to the entry that is
// at fault.
func (c Choice) Target() (t Target, pointer string, err error) {
	if c.Format == "" && c.Guest == "" {
		return t, "", errors.New("neither format nor guest is set")
	}
	lookup, parse := Lookup, ParseFormat
	if c.SSZ {
		// Who names the format answers for what the guest accepts.
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
		// The prover of such a zkVM makes the frame, where it has one.
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
			why := c.Guest
			if c.ZisK != "" {
				why = "ZisK " + c.ZisK
			}
			return t, "/framing", fmt.Errorf("framing %s, but %s needs %s", framing, why, t.Framing)
		}
		t.Framing = framing
	}
	if t.Framing == "" {
		t.Framing = DefaultFraming(t.Format)
	}
	return t, "", nil
}
