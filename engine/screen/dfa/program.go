package dfa

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"

	binsyntax "rsc.io/binaryregexp/syntax"
)

// Mode says which matcher a DFA stands for.
type Mode uint8

const (
	// Runes is Go's regexp: the text is UTF-8, an invalid byte is one U+FFFD.
	Runes Mode = iota
	// Bytes is rsc.io/binaryregexp: each byte of the text is one rune, 0 to 0xff.
	Bytes
)

// maxInstructions bounds a program: positions are stored in 16 bits. The
// largest of CRS 4.25 has 6,000 instructions.
const maxInstructions = 1<<16 - 1

type opcode uint8

const (
	opFail   opcode = iota
	opJump          // go on at out
	opSplit         // go on at out and at arg
	opAssert        // go on at out where the assertion arg holds
	opRune          // consume one rune of ranges, go on at out
	opMatch
)

// instruction is one step of a program, in a form that both syntax packages
// translate to.
type instruction struct {
	op       opcode
	out, arg uint32
	ranges   []rune // sorted pairs lo, hi, case folding already expanded
}

type program struct {
	start uint32
	code  []instruction
}

// parse compiles a pattern to a program, with the syntax package of its mode.
func parse(pattern string, mode Mode) (program, error) {
	if mode == Bytes {
		return parseBytes(pattern)
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return program{}, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return program{}, err
	}
	p := program{start: uint32(prog.Start), code: make([]instruction, len(prog.Inst))}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		p.code[i] = translate(in.Op, in.Out, in.Arg, in.Rune)
	}
	return p, nil
}

// parseBytes is parse for binaryregexp. Its syntax package is a fork of an old
// regexp/syntax with the same instructions under the same numbers.
func parseBytes(pattern string) (program, error) {
	re, err := binsyntax.Parse(pattern, binsyntax.Perl)
	if err != nil {
		return program{}, err
	}
	prog, err := binsyntax.Compile(re.Simplify())
	if err != nil {
		return program{}, err
	}
	p := program{start: uint32(prog.Start), code: make([]instruction, len(prog.Inst))}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		p.code[i] = translate(syntax.InstOp(in.Op), in.Out, in.Arg, in.Rune)
	}
	return p, nil
}

// unite returns a program that matches where any of the programs does.
func unite(programs []program) (program, error) {
	if len(programs) == 1 && len(programs[0].code) <= maxInstructions {
		return programs[0], nil
	}
	united := program{code: []instruction{{op: opFail}}}
	for _, p := range programs {
		offset := uint32(len(united.code))
		for _, in := range p.code {
			in.out += offset
			if in.op == opSplit {
				in.arg += offset
			}
			united.code = append(united.code, in)
		}
		united.code = append(united.code, instruction{op: opSplit, out: p.start + offset, arg: united.start})
		united.start = uint32(len(united.code) - 1)
	}
	if n := len(united.code); n > maxInstructions {
		return program{}, fmt.Errorf("the pattern compiles to %d instructions, a DFA takes at most %d: use the regexp itself", n, maxInstructions)
	}
	return united, nil
}

func translate(op syntax.InstOp, out, arg uint32, runes []rune) instruction {
	switch op {
	case syntax.InstAlt, syntax.InstAltMatch:
		return instruction{op: opSplit, out: out, arg: arg}
	case syntax.InstCapture, syntax.InstNop:
		return instruction{op: opJump, out: out}
	case syntax.InstEmptyWidth:
		return instruction{op: opAssert, out: out, arg: arg}
	case syntax.InstMatch:
		return instruction{op: opMatch}
	case syntax.InstRune, syntax.InstRune1:
		fold := syntax.Flags(arg)&syntax.FoldCase != 0
		return instruction{op: opRune, out: out, ranges: expand(runes, fold)}
	case syntax.InstRuneAny:
		return instruction{op: opRune, out: out, ranges: []rune{0, unicode.MaxRune}}
	case syntax.InstRuneAnyNotNL:
		return instruction{op: opRune, out: out, ranges: []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}}
	}
	return instruction{op: opFail}
}

// expand turns the runes of an instruction into pairs. A single rune stands
// for itself and, when folding, for its whole orbit (k, K and the Kelvin sign).
func expand(runes []rune, fold bool) []rune {
	if len(runes) != 1 {
		return runes
	}
	orbit := []rune{runes[0]}
	if fold {
		for r := unicode.SimpleFold(runes[0]); r != runes[0]; r = unicode.SimpleFold(r) {
			orbit = append(orbit, r)
		}
	}
	slices.Sort(orbit)
	pairs := make([]rune, 0, 2*len(orbit))
	for _, r := range orbit {
		pairs = append(pairs, r, r)
	}
	return pairs
}
