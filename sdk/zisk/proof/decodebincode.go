package proof

import (
	"errors"
	"fmt"
)

func decodeEre(data []byte) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: Ere, Body: r.words(r.u64())}
	if r.err == nil && len(r.data) == 8*KeyWords+4*OutputWords { // 0.16: the program's key, then the outputs
		program, outputs := r.bytes(8*KeyWords), r.bytes(4*OutputWords)
		return p.fromBytes(nil, program, outputs)
	}
	p.Publics = r.words(r.u64())
	p.Minimal = r.flag()
	if r.err == nil && len(r.data) > 0 {
		p.Family = r.family(r.u64())
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if n := len(p.Publics); n != KeyWords+OutputWords && (p.Minimal || n != 1+KeyWords+OutputWords) {
		return nil, fmt.Errorf("%d public words", n)
	}
	return validated(p)
}

func decodeBincode016(data []byte) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: Bincode016}
	switch tag := r.u32(); tag {
	case 1:
	case 2:
		p.Minimal = true
	default:
		return nil, fmt.Errorf("proof kind %d is no STARK proof", tag)
	}
	body := r.bytes(r.u64())
	outputs := r.bytes(r.u64())
	r.u64() // skip the read position of the outputs
	program := r.bytes(r.u64())
	if err := r.end(); err != nil {
		return nil, err
	}
	return p.fromBytes(body, program, outputs)
}

func decodeBincode017(data []byte) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: Bincode017}
	switch tag := r.u32(); tag {
	case 0:
	case 1:
		p.Minimal = true
	default:
		return nil, fmt.Errorf("proof kind %d is no STARK proof", tag)
	}
	body := r.bytes(r.u64())
	outputs := r.bytes(r.u64())
	program := r.bytes(r.u64())
	setup := r.bytes(r.u64())
	if err := r.end(); err != nil {
		return nil, err
	}
	key, err := KeyOf(setup)
	if err != nil {
		return nil, fmt.Errorf("setup key: %w", err)
	}
	p.Setup = &key
	return p.fromBytes(body, program, outputs)
}

// fromBytes completes a proof with its program key, its outputs and, unless it is nil,
// its body.
func (p *Proof) fromBytes(body, program, outputs []byte) (*Proof, error) {
	var err error
	if body != nil {
		if p.Body, err = wordsOf(body); err != nil {
			return nil, err
		}
	}
	key, err := KeyOf(program)
	if err != nil {
		return nil, fmt.Errorf("program key: %w", err)
	}
	if err := p.setPublics(key, outputs); err != nil {
		return nil, err
	}
	return validated(p)
}

func decodeBincode018(data []byte) (*Proof, error) {
	return decodeMinimal(data, Bincode018, func(*reader, *Proof) {}, func(*reader, *Proof) {})
}

func decodeBincode100(data []byte) (*Proof, error) {
	return decodeMinimal(data, Bincode100,
		func(r *reader, p *Proof) { p.Family = r.family(r.varint()) },
		func(r *reader, p *Proof) { r.mode(p.Family) })
}

// decodeMinimal reads the layouts of 0.18 and 1.0. They state by a flag whether the proof
// is minimal, and store the outputs as bytes. The functions afterFlag and last read the
// fields that only one of the layouts has.
func decodeMinimal(data []byte, layout Layout, afterFlag, last func(*reader, *Proof)) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: layout}
	setup := r.stark(p)
	p.Minimal = r.flag()
	afterFlag(&r, p)
	outputs := r.bytes(r.varint())
	program := r.varints(r.varint())
	last(&r, p)
	if err := r.end(); err != nil {
		return nil, err
	}
	var err error
	if p.Setup, err = setupOf(setup); err != nil {
		return nil, err
	}
	key, err := keyOfWords(program)
	if err != nil {
		return nil, fmt.Errorf("program key: %w", err)
	}
	if err := p.setPublics(key, outputs); err != nil {
		return nil, err
	}
	return validated(p)
}

func decodeBincode110(data []byte) (*Proof, error) {
	return decodeKind(data, Bincode110, func(*reader, *Proof) {})
}

func decodeBincode140(data []byte) (*Proof, error) {
	return decodeKind(data, Bincode140, func(r *reader, p *Proof) {
		if p.Seeded = r.flag(); p.Seeded {
			r.bytes(uint64(8 * seedWords))
		}
	})
}

// decodeKind reads the layouts of 1.1 and later. They state the kind of the proof, and
// store the public words without the flag before them. The function last reads the fields
// that only one of the layouts has.
func decodeKind(data []byte, layout Layout, last func(*reader, *Proof)) (*Proof, error) {
	const final, aggregate, minimal = 0, 1, 2
	r := reader{data: data}
	p := &Proof{Layout: layout}
	setup := r.stark(p)
	kind := r.varint()
	p.Family = r.family(r.varint())
	publics := r.varints(r.varint())
	program := r.varints(r.varint())
	r.mode(p.Family)
	last(&r, p)
	if err := r.end(); err != nil {
		return nil, err
	}
	var err error
	if p.Setup, err = setupOf(setup); err != nil {
		return nil, err
	}
	if len(publics) != KeyWords+OutputWords {
		return nil, fmt.Errorf("%d public words, want %d", len(publics), KeyWords+OutputWords)
	}
	if key, err := keyOfWords(program); err != nil || key != Key(publics[:KeyWords]) {
		return nil, errors.New("the public words name a different program than the proof")
	}
	switch kind {
	case final:
		p.Publics = append([]uint64{1}, publics...)
	case aggregate:
		p.Publics = append([]uint64{0}, publics...)
	case minimal:
		p.Minimal, p.Publics = true, publics
	default:
		return nil, fmt.Errorf("unknown kind of proof %d", kind)
	}
	return validated(p)
}

// stark reads the beginning of the layouts of bincode 2: the tag of a STARK proof, the
// body, and the words of the setup key, which it returns.
func (r *reader) stark(p *Proof) []uint64 {
	if tag := r.varint(); tag != 0 {
		r.fail(fmt.Errorf("proof kind %d is no STARK proof", tag))
	}
	p.Body = r.varints(r.varint())
	return r.varints(r.varint())
}

func setupOf(words []uint64) (*Key, error) {
	key, err := keyOfWords(words)
	if err != nil {
		return nil, fmt.Errorf("setup key: %w", err)
	}
	return &key, nil
}

// flag reads a boolean of one byte.
func (r *reader) flag() bool {
	b := r.u8()
	if b > 1 {
		r.fail(fmt.Errorf("a flag is %d and neither 0 nor 1", b))
	}
	return b == 1
}

// family reads the name of a hash family, which has n bytes.
func (r *reader) family(n uint64) Family {
	name := r.text(n)
	if r.err != nil {
		return ""
	}
	f, err := ParseFamily(name)
	if err != nil {
		r.fail(err)
	}
	return f
}

// mode reads the hash mode of the program key, which must be that of the proof.
func (r *reader) mode(f Family) {
	if mode := r.varint(); r.err == nil && mode != f.Tag() {
		r.fail(fmt.Errorf("the program key has the hash mode %d, but the proof is of the family %s", mode, f))
	}
}
