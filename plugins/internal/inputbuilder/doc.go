// Package inputbuilder holds what the builders of guest inputs have in common: what
// their stages tell of their config, how they read block and witness, which fault is
// whose, and the commands by which they are tools.
package inputbuilder
