// Package inspect shows what an SSZ StatelessInput contains, checks what a guest
// checks without executing the block, and compares two inputs.
package inspect
