// Package pipeline reads pipeline.yaml: text in, a typed Pipeline and findings
// out.
//
// It never stops at the first problem. Load answers with every finding that the
// file alone allows (syntax, unknown and duplicate keys, wrong types, unset
// variables, values out of range); Bind adds what only the plugins know (a
// plugin that is not there, kinds out of order, a config block that does not
// fit the plugin's JSON Schema, edges between stages that mean nothing);
// CheckTraits compares what the plugins tell of their configuration. A finding
// names file, line and column of the value it is about and, where there is one,
// the remedy; one fault is told once.
//
// The stages form a graph: needs join the working stages, confirm joins a prover
// with gates beside it, proofs joins a reporter with provers. Needs point to
// stages before in the file, so that there are no cycles.
//
// The table of keys (Reference) holds type, default, bounds and meaning of every
// key: the reader takes them from it, and so does the reference for operators.
//
// Variables are replaced in scalar values after parsing, so that positions stay
// right and a value cannot inject YAML:
//
//	${NAME}            the variable; it is an error when it is not set
//	${NAME:-default}   the default when the variable is unset or empty
//	$${                a literal ${
//
// Keys are never replaced. A value that came from a variable may be a secret:
// no finding prints it.
//
// A YAML value keeps its type: 7 is no text and "7" is no number. Only a value
// that came from a variable, which is always text, counts as a number, a
// boolean or a duration when it reads as one.
package pipeline
