// Package pipeline reads pipeline.yaml. The text of the file goes in, a typed
// Pipeline and findings come out. It starts no plugin and changes no file.
//
//	text ──Load──► Pipeline ──Bind──► stages with kind, ──CheckTraits──► findings
//	               + findings         graph and config                   about facts
//	                                  + findings
//
// Reading does not stop at the first fault. Load returns every finding that needs
// the file alone: syntax, unknown and duplicate keys, wrong types, unset
// variables, values out of range. Bind needs the manifests of the plugins. It
// finds absent plugins, kinds in the wrong order, config blocks that do not fit
// the plugin's JSON Schema, and references between stages that are not possible.
// CheckTraits needs the traits that running plugins report about their
// configuration. A finding names the file, line and column of the value and,
// where there is one, the remedy. Each fault has one finding.
//
// The stages form a graph. The key needs joins working stages, confirm joins a
// prover with gates that run beside it, and proofs joins a reporter with provers.
// A stage can need only stages that stand before it in the file, so that the graph
// has no cycles.
//
// The table of keys (Reference) holds the type, default, bounds and meaning of
// every key. Both the reader and the reference for operators use this table.
//
// Variables are replaced in scalar values after parsing. So the positions stay
// right, and a value cannot inject YAML:
//
//	${NAME}            the variable; it is an error when it is not set
//	${NAME:-default}   the default when the variable is unset or empty
//	$${                a literal ${
//
// Keys are never replaced. No finding prints a value that came from a variable,
// because it may be a secret.
//
// A YAML value keeps its type: 7 is not text and "7" is not a number. A value that
// came from a variable is always text. Such a value is also accepted as a number,
// a boolean or a duration if it can be parsed as one.
package pipeline
