// Package inputbuilder holds the code that all builders of guest inputs share: the keys of
// their config that choose guest and chain, reading block and witness, the classes of
// their errors, and their commands build, inspect, diff and guests.
package inputbuilder
