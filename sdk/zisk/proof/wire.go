package proof

import (
	"errors"
	"fmt"
)

// WireLayout returns the layout in which a verifier takes the proof. A file of
// 1.1, 1.2 or 1.3 does not state its release, and the wire forms of these releases
// differ. For such a file the release must be given, or the setup key must be that of a
// published setup. For the other layouts the zero release is enough. The setup may be nil.
func (p *Proof) WireLayout(r Release, setup *Key) (Layout, error) {
	own := p.ownWire()
	if setup == nil {
		setup = p.Setup
	}
	if r == (Release{}) && own == "" && setup != nil {
		if s := FindSetup(*setup); s != nil {
			r = s.Release()
		}
	}
	if r == (Release{}) {
		if own == "" {
			return "", fmt.Errorf("a proof in the layout %s may be of ZisK 1.1 to 1.3, whose verifiers take different forms: state the version", p.Layout)
		}
		return own, nil
	}
	form, err := r.Wire()
	if err != nil {
		return "", err
	}
	if own != "" && own != form {
		return "", fmt.Errorf("a proof in the layout %s is not one of ZisK %v", p.Layout, r)
	}
	return form, nil
}

// ownWire returns the wire layout that follows from the proof's own layout, or "" if none
// does.
func (p *Proof) ownWire() Layout {
	switch p.Layout {
	case Words, Flat, Tagged:
		return p.Layout
	case Bincode016, Bincode017, Bincode018, Bincode100:
		return Flat
	case Bincode140:
		return Tagged
	case Bincode110:
		if p.Family == Blake3 { // from 1.3 on
			return Tagged
		}
	case Ere:
		if p.Family == "" { // before 1.0
			return Flat
		}
	}
	return ""
}

// Wire returns the bytes that a verifier takes. The setup is the key of the proving setup.
// It is required if the proof does not hold the key, and must be the same or nil if the
// proof does. The release may be zero where WireLayout allows it.
//
// Source: get_proof_u64 in crates.io zisk-common 1.2.0-alpha, 1.3.0-alpha and
// 0xPolygonHermez/zisk:common/src/proof.rs@v0.18.0; prepare_send_proof in
// sdk/src/prover/backend.rs@v0.16.1.
func (p *Proof) Wire(r Release, setup *Key) ([]byte, error) {
	layout, err := p.WireLayout(r, setup)
	if err != nil {
		return nil, err
	}
	words := make([]uint64, 0, 3+len(p.Publics)+len(p.Body)+KeyWords)
	if layout != Words {
		switch {
		case p.Setup != nil && setup != nil && *p.Setup != *setup:
			return nil, fmt.Errorf("the proof was made with the proving key %v, not %v", p.Setup, setup)
		case p.Setup != nil:
			setup = p.Setup
		case setup == nil:
			return nil, errors.New("the proof does not hold the key of its proving setup; give the verification key")
		}
		words = append(words, 0)
		if p.Minimal {
			words[0] = 1
		}
		if last := setup[KeyWords-1]; layout == Flat && looksLikeTag(last) {
			return nil, fmt.Errorf("the setup key %v ends in the word %#x, which a verifier would take for the tag of a later release", setup, last)
		}
	}
	words = append(words, uint64(len(p.Publics)))
	words = append(append(words, p.Publics...), p.Body...)
	if layout != Words {
		words = append(words, setup[:]...)
	}
	if layout == Tagged {
		if p.Family == "" {
			return nil, fmt.Errorf("a proof in the layout %s does not say its family of hash functions, which verifiers of ZisK 1.3 and later ask for", p.Layout)
		}
		words = append(words, p.Family.Tag())
	}
	return appendWords(make([]byte, 0, 8*len(words)), words), nil
}
