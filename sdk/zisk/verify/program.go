package verify

import (
	"fmt"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// The operators of a program.
const (
	opAdd = iota
	opSubtract
	opMultiply
)

// The kinds of operands in a table.
const (
	kindTemporary = 0
	kindEval      = 1
	kindChallenge = 2
	kindConstant  = 3
	kindBoundary  = 6 // 1/(x^n - 1)
	kindPublic    = 8
)

// program evaluates the constraints as straight-line code over the extension field.
// Its memory is one slice with temporaries, evaluations, challenges, constants, the
// boundary and public words, in this order. Operands are indices of that slice.
type program struct {
	ops        []operation
	result     int    // index of the result
	base       [9]int // first index of each kind of operand
	size       int    // length of the memory
	constants  []uint64
	maxPublics int // number of public words that it reads
}

type operation struct {
	op       uint8
	to, a, b int32
}

// maxProgram is the largest number of operations and of temporaries of a program. The
// largest program of a release has 6,644 operations.
const maxProgram = 1 << 16

// publicWords is the number of public words in the memory of a program.
const publicWords = 69

// compile checks a program of a table, which has eight numbers for each operation, and
// resolves its operands, so that running it cannot fail.
func compile(temporaries, result int, constants []uint64, evals int, flat []int) (*program, error) {
	if temporaries < 1 || temporaries > maxProgram || len(constants) > maxProgram || len(flat) > 8*maxProgram || len(flat)%8 != 0 {
		return nil, fmt.Errorf("a program of %d numbers with %d temporaries", len(flat), temporaries)
	}
	p := &program{constants: constants}
	limits := [9]int{kindTemporary: temporaries, kindEval: evals, kindChallenge: challenges, kindConstant: len(constants), kindBoundary: 1, kindPublic: publicWords}
	for kind, n := range limits {
		p.base[kind] = p.size
		p.size += n
	}
	written := make([]bool, temporaries)
	operand := func(kind, x int) (int32, error) {
		if kind < 0 || kind >= len(limits) || x < 0 || x >= limits[kind] {
			return 0, fmt.Errorf("operand %d of kind %d does not exist", x, kind)
		}
		if kind == kindTemporary && !written[x] {
			return 0, fmt.Errorf("temporary %d is read before it is written", x)
		}
		if kind == kindPublic {
			p.maxPublics = max(p.maxPublics, x+1)
		}
		return int32(p.base[kind] + x), nil
	}
	for i := 0; i < len(flat); i += 8 {
		o := flat[i : i+8]
		if o[0] < opAdd || o[0] > opMultiply || o[1] < 0 || o[1] >= temporaries {
			return nil, fmt.Errorf("operation %d: operator %d to temporary %d", i/8, o[0], o[1])
		}
		a, err := operand(o[2], o[3])
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i/8, err)
		}
		b, err := operand(o[5], o[6])
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i/8, err)
		}
		written[o[1]] = true
		p.ops = append(p.ops, operation{uint8(o[0]), int32(o[1]), a, b})
	}
	if result < 0 || result >= temporaries || !written[result] {
		return nil, fmt.Errorf("the result, temporary %d, is never written", result)
	}
	p.result = result
	return p, nil
}

// run evaluates the program. The caller gives as many evals and challenges as the program
// was compiled for, and at least maxPublics public words.
func (p *program) run(evals, challenges []goldilocks.Cubic, publics []uint64, boundary goldilocks.Cubic) goldilocks.Cubic {
	m := make([]goldilocks.Cubic, p.size)
	copy(m[p.base[kindEval]:], evals)
	copy(m[p.base[kindChallenge]:], challenges)
	for i, c := range p.constants {
		m[p.base[kindConstant]+i] = goldilocks.Base(c)
	}
	m[p.base[kindBoundary]] = boundary
	for i, w := range publics[:min(len(publics), publicWords)] {
		m[p.base[kindPublic]+i] = goldilocks.Base(w)
	}
	for _, o := range p.ops {
		a, b := m[o.a], m[o.b]
		switch o.op {
		case opAdd:
			m[o.to] = a.Add(b)
		case opSubtract:
			m[o.to] = a.Sub(b)
		default:
			m[o.to] = a.Mul(b)
		}
	}
	return m[p.result]
}
