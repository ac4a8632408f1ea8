package ethblock

import "runtime"

// garbage estimates the garbage that converting transactions has made, in bytes, and runs
// the collector in time. Otherwise the garbage of a block with very many small transactions,
// or with megabytes of call data, grows to several times the block's size. Blocks of mainnet
// stay below the limit.
type garbage int

const (
	garbageLimit = 4 << 20
	garbageEach  = 2 << 10 // garbage of the smallest transaction
)

// count adds the garbage of a converted transaction.
func (g *garbage) count(tx *Transaction) {
	*g += garbageEach + 3*garbage(len(tx.Data))
	for _, item := range tx.AccessList {
		*g += 96 * garbage(len(item.StorageKeys))
	}
	if *g > garbageLimit {
		runtime.GC()
		*g = 0
	}
}
