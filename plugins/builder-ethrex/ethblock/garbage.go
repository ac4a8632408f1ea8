package ethblock

import "runtime"

// garbage estimates what converting transactions has left on the heap, in bytes, and has
// it collected in time: a block of the smallest ones, or of one with megabytes of call
// data, leaves several times its size otherwise. Blocks of mainnet stay below the limit.
type garbage int

const (
	garbageLimit = 4 << 20
	garbageEach  = 2 << 10 // of the smallest transaction
)

// left counts a transaction that was converted.
func (g *garbage) left(tx *Transaction) {
	*g += garbageEach + 3*garbage(len(tx.Data))
	for _, item := range tx.AccessList {
		*g += 96 * garbage(len(item.StorageKeys))
	}
	if *g > garbageLimit {
		runtime.GC()
		*g = 0
	}
}
