package sdk

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// BenchmarkOutput writes, hashes, syncs and publishes 16 MiB, in pieces of an
// encoder's size and of a copy's.
func BenchmarkOutput(b *testing.B) {
	const size = 16 << 20
	for _, piece := range []int{64, 32 << 10} {
		b.Run(fmt.Sprint(piece), func(b *testing.B) {
			task, err := OpenTask(contract.Task{Dir: b.TempDir()}, slog.New(slog.DiscardHandler), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer task.Close()
			data := make([]byte, piece)
			b.SetBytes(size)
			for n := 0; b.Loop(); n++ {
				out, err := task.Create(fmt.Sprint(n))
				if err != nil {
					b.Fatal(err)
				}
				for range size / piece {
					if _, err := out.Write(data); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := out.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
