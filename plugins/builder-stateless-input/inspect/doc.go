// Package inspect reads the file of an SSZ StatelessInput, describes its content, makes the
// checks of a guest that need no execution, and compares two inputs.
package inspect
