package ethnode

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

func TestUrgency(t *testing.T) {
	numbers := []uint64{1000, 990, 905, 873, 872, 890, 100, 1001}
	slices.SortFunc(numbers, func(a, b uint64) int { return compareUrgency(a, b, 1000, 128) })
	if want := []uint64{872, 873, 890, 1001, 1000, 990, 905, 100}; !slices.Equal(numbers, want) {
		t.Errorf("got %v, want %v", numbers, want)
	}
}

func TestFetchQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newFetchQueue(2)
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			if err := g.enter(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		var order []uint64
		for _, n := range []uint64{5, 99, 7, 98} {
			go func() {
				if err := g.enter(t.Context(), n); err != nil {
					t.Error(err)
				}
				order = append(order, n)
			}()
			synctest.Wait()
		}
		gone := make(chan error)
		go func() { gone <- g.enter(ctx, 100) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		for range 4 {
			g.leave(100, 96)
			synctest.Wait()
		}
		if want := []uint64{5, 7, 99, 98}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		g.leave(100, 96)
		g.leave(100, 96)
		if g.free != 2 || len(g.waiting) != 0 {
			t.Errorf("%d places are free, %d wait", g.free, len(g.waiting))
		}
	})
}
