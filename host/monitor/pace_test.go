package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/proofline/proofline/host/live"
)

// TestLongHistory opens the page over 10,000 blocks of history and changes something
// sixty times a second. The CPU time of the page's thread and its memory are judged
// anywhere: a change takes less than a frame lasts on average and never 100 ms, and the
// memory stays what it is. The longest frame (100 ms) is judged where the machine has
// nothing else to do, and is told elsewhere.
func TestLongHistory(t *testing.T) {
	long(t)
	s := newScene(10_000, time.Now())
	s.begin()
	origin, _ := serve(t, s, "", func(c *live.Config) { c.Pause = time.Second / 60 })
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, false)
	b.open("/")
	b.until(`document.querySelector('#conn').textContent.trim() === 'live'`)
	calm := busy() < float64(runtime.NumCPU())
	churn := func(n int) {
		for range n {
			s.change(func(snap *statusSnapshot) {
				for i := range snap.Stages[3].Running {
					snap.Stages[3].Running[i].Fraction += 0.0001
				}
				snap.Stages[7].QueueLength++
			})
			time.Sleep(time.Second / 60)
		}
	}
	churn(60)
	eval[chromedp.Void](b, `measured.frame = measured.long = 0; gc()`)
	before, used := eval[float64](b, `performance.memory.usedJSHeapSize`), b.threadTime()
	const changes, spans = 600, 10
	var frames []float64 // the longest of each span
	for range spans {
		churn(changes / spans)
		frames = append(frames, eval[float64](b, `(() => { const f = measured.frame; measured.frame = 0; return f })()`))
	}
	each := (b.threadTime() - used) / changes
	worst, seen := time.Duration(0), b.threadTime()
	for range 180 {
		churn(1)
		now := b.threadTime()
		worst, seen = max(worst, now-seen), now
	}
	slices.Sort(frames)
	frame, task := frames[spans-1], eval[float64](b, `measured.long`)
	for range 20 { // blocks come and go
		s.end("")
		s.begin()
		churn(10)
	}
	eval[chromedp.Void](b, `gc()`)
	after := eval[float64](b, `performance.memory.usedJSHeapSize`)
	t.Logf("%v of CPU a change, at most %v; longest frame %.0f ms (of each second %.0f), longest task %.0f ms; heap %.2f MB, then %.2f MB; load %.1f on %d CPUs",
		each.Round(time.Microsecond), worst.Round(time.Microsecond), frame, frames, task, before/1e6, after/1e6, busy(), runtime.NumCPU())
	if each > time.Second/60 {
		t.Errorf("a change takes %v of the page's thread", each)
	}
	if worst > 100*time.Millisecond {
		t.Errorf("a change takes %v of the page's thread", worst)
	}
	if after > before*1.2+1e6 {
		t.Errorf("the page's heap grows from %.2f to %.2f MB", before/1e6, after/1e6)
	}
	if !calm || busy() >= float64(runtime.NumCPU()) {
		t.Log("the machine is busy: the longest frame is not judged")
		return
	}
	if frame > 100 {
		t.Errorf("a frame takes %.0f ms", frame)
	}
}

// TestPageStaysSmall follows a pipeline for PROOFLINE_BROWSER_MINUTES: ten changes a
// second, a block every two seconds, one in twenty of which fails, and lines of the log.
// The page's heap and its nodes, looked at once a minute, do not grow after the first
// minutes, in which tables and plots fill.
func TestPageStaysSmall(t *testing.T) {
	minutes, _ := strconv.Atoi(os.Getenv("PROOFLINE_BROWSER_MINUTES"))
	if minutes < 4 {
		t.Skip("PROOFLINE_BROWSER_MINUTES names no time of at least 4 minutes for the page's memory")
	}
	s := newScene(10_000, time.Now())
	s.begin()
	var lines *live.Log
	origin, _ := serve(t, s, "", func(c *live.Config) { lines, c.Pause = c.Log, 100*time.Millisecond })
	log := slog.New(lines.Handler(slog.DiscardHandler))
	b := newTab(t, browserFor(t, time.Duration(minutes+3)*time.Minute), origin)
	b.view(1440, 900, false)
	b.open("/")
	eval[chromedp.Void](b, `document.querySelector('#charts').scrollIntoView()`) // so that they are drawn, too
	var heaps, nodes []float64
	for minute := range minutes {
		for end, n := time.Now().Add(time.Minute), 0; time.Now().Before(end); n++ {
			s.change(func(snap *statusSnapshot) {
				snap.Stages[7].QueueLength = n % 100
				for i := range snap.Stages[3].Running {
					snap.Stages[3].Running[i].Fraction = float64(n%20) / 20
				}
			})
			if n%20 == 19 {
				failure := ""
				if n%400 == 399 {
					failure = "CUDA error 700"
				}
				s.end(failure)
				s.begin()
				log.Info("proved", "stage", "prove", "block", s.snapNumber(), "took", n)
			}
			time.Sleep(100 * time.Millisecond)
		}
		eval[chromedp.Void](b, `gc()`)
		of := b.metrics()
		heaps, nodes = append(heaps, of["JSHeapUsedSize"]/1e6), append(nodes, of["Nodes"])
		t.Logf("minute %d: heap %.2f MB, %.0f nodes, %.0f listeners", minute+1, heaps[minute], nodes[minute], of["JSEventListeners"])
	}
	half := minutes / 2
	if before, after := slices.Max(heaps[1:half]), slices.Min(heaps[half:]); after > before*1.05+0.2 {
		t.Errorf("the page's heap grows from %.2f to %.2f MB", before, after)
	}
	if before, after := slices.Max(nodes[1:half]), slices.Min(nodes[half:]); after > before*1.05+100 {
		t.Errorf("the page grows from %.0f to %.0f nodes", before, after)
	}
}

// busy is the machine's load average of the last minute (proc_loadavg(5)).
func busy() float64 {
	var one float64
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, err = fmt.Sscan(string(text), &one)
	}
	if err != nil {
		return math.Inf(1)
	}
	return one
}

// threadTime is the CPU time that the main thread of the page has used for the document
// that it shows.
func (b *tab) threadTime() time.Duration {
	b.t.Helper()
	used := time.Duration(b.metrics()["TaskDuration"] * float64(time.Second))
	if used == 0 {
		b.t.Fatal("the browser does not tell how much CPU time the page uses")
	}
	return used
}

// metrics are what the browser counts of the page (Chrome DevTools Protocol,
// Performance.getMetrics).
func (b *tab) metrics() map[string]float64 {
	b.t.Helper()
	of := map[string]float64{}
	b.do(chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		if _, err := cdp.Call(ctx, to, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"}); err != nil {
			return err
		}
		got, err := cdp.Call(ctx, to, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return err
		}
		for _, m := range got.Metrics {
			of[m.Name] = m.Value
		}
		return nil
	}))
	return of
}
