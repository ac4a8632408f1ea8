package ethnode

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// slotChain is a Chain that has each block some time after the begin of its slot, and counts
// the reads of its head. It answers at once.
type slotChain struct {
	began time.Time // of slot 0
	every time.Duration
	late  func(number uint64) time.Duration // negative for a slot without a block

	mu    sync.Mutex
	reads int
}

func (c *slotChain) ChainID(context.Context) (uint64, error) { return 1, nil }

func (c *slotChain) header(number uint64) Header {
	var h, parent contract.Hash
	binary.BigEndian.PutUint64(h[:], number)
	binary.BigEndian.PutUint64(parent[:], number-1)
	return Header{Number: number, Hash: h, Parent: parent, Time: c.began.Add(time.Duration(number) * c.every)}
}

func (c *slotChain) Head(context.Context) (Header, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	number := uint64(time.Since(c.began) / c.every)
	for number > 1 && time.Since(c.header(number).Time) < c.late(number) {
		number--
	}
	return c.header(number), nil
}

func (c *slotChain) Headers(_ context.Context, numbers []uint64) ([]*Header, error) {
	list := make([]*Header, len(numbers))
	for i, n := range numbers {
		h := c.header(n)
		list[i] = &h
	}
	return list, nil
}

// delays polls for blocks and returns the time from the arrival of each block to the response.
func (c *slotChain) delays(t *testing.T, f *Follower, blocks int) (found []time.Duration) {
	t.Helper()
	f.Chain = c
	var cursor []byte
	for len(found) < blocks {
		r, err := f.Poll(t.Context(), contract.PollRequest{Selection: contract.Selection{Every: 1}, Cursor: cursor, Max: 1, Wait: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		cursor = r.NextCursor
		for _, b := range r.Blocks {
			found = append(found, time.Since(b.Time)-c.late(b.Number))
		}
	}
	return found
}

// TestSlotClock checks that, after a few blocks, the head of a node that announces nothing is
// read densely when the next block is due, and rarely otherwise. The head of a chain without
// slots, and of a public node, is read every interval.
func TestSlotClock(t *testing.T) {
	uneven := func(n uint64) time.Duration {
		return 1500*time.Millisecond + time.Duration(n*n%7)*90*time.Millisecond
	}
	for _, c := range []struct {
		name    string
		every   time.Duration
		closely bool
		late    func(uint64) time.Duration
		most    time.Duration // of the delays after the first eight
		looks   int           // a slot, at most
	}{
		{"closely", slot, true, uneven, denseInterval, 30},
		{"closely, one in ten is late", slot, true, func(n uint64) time.Duration {
			if n%10 == 9 {
				return 6 * time.Second
			}
			return uneven(n)
		}, 2 * time.Second, 60},
		{"late in the slot", slot, true, func(n uint64) time.Duration { return 8*time.Second + uneven(n) }, denseInterval, 40},
		{"far away", slot, false, uneven, 2 * time.Second, 8},
		{"no slots", 5 * time.Second, true, func(uint64) time.Duration { return time.Second }, 2 * time.Second, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chain := &slotChain{began: time.Now().Add(-time.Hour), every: c.every, late: c.late}
				found := chain.delays(t, &Follower{Interval: 2 * time.Second, PollDense: c.closely}, 48)[8:]
				slices.Sort(found)
				looks := chain.reads / 48
				t.Logf("delay %v median, %v most; %d looks a slot", found[len(found)/2], found[len(found)-1], looks)
				if c.name == "closely" {
					t.Attr("slot-delay-ms", fmt.Sprint(found[len(found)/2].Milliseconds()))
					t.Attr("looks-per-slot", fmt.Sprint(looks))
				}
				if found[len(found)-1] > c.most || looks > c.looks {
					t.Errorf("want at most %v, and %d looks", c.most, c.looks)
				}
				if c.most > denseInterval && c.closely && c.every == slot && found[len(found)/2] > denseInterval {
					t.Errorf("half of the blocks are found later than %v", denseInterval)
				}
			})
		})
	}
}

// TestSlotClockWithAnnouncements checks that the head of a node that announces its blocks is
// not read more often.
func TestSlotClockWithAnnouncements(t *testing.T) {
	looks := map[bool]int{}
	for _, closely := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			chain := &slotChain{began: time.Now().Add(-time.Hour), every: slot, late: func(uint64) time.Duration { return 1300 * time.Millisecond }}
			bell := newSignal()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() {
				for ctx.Err() == nil {
					select {
					case <-ctx.Done():
					case <-time.After(slot - time.Since(chain.began)%slot + 1300*time.Millisecond):
						bell.send()
					}
				}
			}()
			found := chain.delays(t, &Follower{Interval: 2 * time.Second, PollDense: closely, Wake: bell.wait, LastWake: bell.lastSent}, 20)[2:]
			if most := slices.Max(found); most > 0 {
				t.Errorf("found after %v at most", most)
			}
			looks[closely] = chain.reads
		})
	}
	// A read and an announcement at one instant may come in either order.
	if looks[true] > looks[false]+20 {
		t.Errorf("%d looks, and %d without the clock", looks[true], looks[false])
	}
}
