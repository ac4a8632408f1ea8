package ethproofs

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// unlimited ends a request of a key without a limit.
func unlimited(p *Pace) { p.Answered(&Limit{Remaining: -1}) }

func TestPaceOfAKeyWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := NewPace(50, 5)
		for range 105 {
			if err := p.Wait(t.Context(), Normal); err != nil {
				t.Fatal(err)
			}
			unlimited(p)
		}
		if took := time.Since(began); took != 100*time.Minute/50 {
			t.Errorf("105 requests took %s, want 2 minutes", took)
		}

		time.Sleep(time.Minute) // full again
		p.Hold(30 * time.Second)
		began = time.Now()
		if err := p.Wait(t.Context(), Urgent); err != nil || time.Since(began) != 30*time.Second+settleTime {
			t.Errorf("held for %s, %v", time.Since(began), err)
		}
	})
}

func TestPaceServesTheUrgentFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(60, 1)
		_ = p.Wait(t.Context(), Normal)
		unlimited(p)
		order := make(chan string, 5)
		wait := func(name string, priority Priority) {
			go func() {
				if p.Wait(t.Context(), priority) == nil {
					order <- name
					unlimited(p)
				}
			}()
			synctest.Wait()
		}
		wait("look", Background)
		wait("status 1", Normal)
		wait("status 2", Normal)
		wait("proof 1", Urgent)
		wait("proof 2", Urgent)
		if !p.Busy() {
			t.Error("five requests wait, and the pace is not busy")
		}
		got := []string{<-order, <-order, <-order, <-order, <-order}
		if want := []string{"proof 1", "proof 2", "status 1", "status 2", "look"}; !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
		if p.Busy() {
			t.Error("nothing waits, and the pace is busy")
		}
	})
}

func TestPaceForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(60, 1)
		_ = p.Wait(t.Context(), Normal)
		unlimited(p)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := p.Wait(ctx, Urgent); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		began := time.Now()
		if err := p.Wait(t.Context(), Normal); err != nil || time.Since(began) != 500*time.Millisecond {
			t.Errorf("the next waited %s, %v: the place of who gave up was not passed on", time.Since(began), err)
		}
	})
}

// TestPaceFollowsTheServersCount: what the answers say, and how old that is, sets
// the time until the next request.
func TestPaceFollowsTheServersCount(t *testing.T) {
	for name, c := range map[string]struct {
		remaining int
		age       time.Duration // of the answer when the next request comes
		want      time.Duration // from the request that was answered
	}{
		"plenty":                   {59, 0, window / (gain * (59 - reserve))},
		"few":                      {reserve + 5, 0, 3 * time.Second},
		"one":                      {reserve + 1, 0, window / gain},
		"none: after the window":   {reserve, 0, 40*time.Second + settleTime},
		"many, from an old answer": {40, time.Second, time.Second},
		"many, from an older one":  {40, freshAge, freshAge},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := NewPace(6000, 100)
			if err := p.Wait(t.Context(), Normal); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			p.Answered(&Limit{Remaining: c.remaining, Reset: began.Add(40 * time.Second)})
			time.Sleep(c.age)
			if err := p.Wait(t.Context(), Normal); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < c.want || took > c.want+2*time.Millisecond {
				t.Errorf("%s: the next request after %s, want %s", name, took, c.want)
			}
		})
	}
}

// TestAHungRequestHoldsUpNobody: the first request never ends.
func TestAHungRequestHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(50, 5)
		_ = p.Wait(t.Context(), Normal)
		began := time.Now()
		if err := p.Wait(t.Context(), Urgent); err != nil || time.Since(began) > blindInterval {
			t.Errorf("the next waited %s, %v", time.Since(began), err)
		}
	})
}

func TestBackgroundNeedsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(50, 5)
		_ = p.Wait(t.Context(), Normal)
		p.Answered(&Limit{Remaining: backgroundMin - 1, Reset: time.Now().Add(time.Minute)})
		began := time.Now()
		if err := p.Wait(t.Context(), Background); err != nil || time.Since(began) < window {
			t.Errorf("a look at a stored proof went out after %s with %d requests left, %v", time.Since(began), backgroundMin-1, err)
		}
		p.Answered(&Limit{Remaining: backgroundMin + 1, Reset: time.Now().Add(time.Minute)})
		began = time.Now()
		if err := p.Wait(t.Context(), Background); err != nil || time.Since(began) > time.Second {
			t.Errorf("it waited %s with room, %v", time.Since(began), err)
		}
	})
}

// slidingWindow is the limiter of the site: the requests of the current minute and
// the share of the one before that still lies within 60 s. It is written after
// @upstash/ratelimit's slidingWindow as the site's answers show it: the 61st
// request of a minute is refused, and the counter of a minute ends with it.
type slidingWindow struct{ count map[int64]int }

func (w slidingWindow) take(now time.Time) (Limit, bool) {
	minute := now.UnixMilli() / 60_000
	passed := float64(now.UnixMilli()%60_000) / 60_000
	used := w.count[minute] + int(float64(w.count[minute-1])*(1-passed))
	reset := time.UnixMilli((minute + 1) * 60_000)
	if used >= 60 {
		return Limit{0, reset}, false
	}
	w.count[minute]++
	return Limit{60 - used - 1, reset}, true
}

// TestProcessesThatShareAKey: several processes that do not know of each other send
// as fast as they may for half an hour, start anew every minute or so, and lose four
// in ten answers. The site refuses no request of one or two processes; of four,
// whose first requests come upon each other, it may refuse one in a hundred.
func TestProcessesThatShareAKey(t *testing.T) {
	for processes, share := range map[int]int64{1: 0, 2: 0, 4: 1} {
		synctest.Test(t, func(t *testing.T) {
			server := slidingWindow{map[int64]int{}}
			lock := make(chan struct{}, 1)
			var sent, refused atomic.Int64
			random := rand.New(rand.NewPCG(1, uint64(processes)))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
			defer cancel()
			for range processes {
				lives := make([]time.Duration, 0, 64)
				for total := time.Duration(0); total < 30*time.Minute; total += lives[len(lives)-1] {
					lives = append(lives, time.Duration(5+random.IntN(90))*time.Second)
				}
				go func() {
					for _, life := range lives {
						p := NewPace(50, 5)
						alive, end := context.WithTimeout(ctx, life)
						for range 8 { // concurrent deliveries
							go func() {
								for p.Wait(alive, Normal) == nil {
									lock <- struct{}{}
									limit, ok := server.take(time.Now())
									lost, delay := random.IntN(10) < 4, time.Duration(random.IntN(400))*time.Millisecond
									<-lock
									time.Sleep(delay)
									sent.Add(1)
									switch {
									case !ok:
										refused.Add(1)
										p.Answered(&limit)
										p.Hold(time.Until(limit.Reset))
									case lost:
										p.Answered(nil)
									default:
										p.Answered(&limit)
									}
								}
							}()
						}
						<-alive.Done()
						end()
					}
				}()
			}
			<-ctx.Done()
			synctest.Wait()
			time.Sleep(time.Minute) // let the deliveries end
			t.Logf("%d processes: %d requests in 30 minutes, %d refused", processes, sent.Load(), refused.Load())
			if 100*refused.Load() > share*sent.Load() {
				t.Errorf("%d processes: %d of %d requests were refused", processes, refused.Load(), sent.Load())
			}
			if sent.Load() < 30*40 {
				t.Errorf("%d processes: only %d requests in 30 minutes", processes, sent.Load())
			}
		})
	}
}
