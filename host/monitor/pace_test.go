package monitor

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/proofline/proofline/host/live"
)

// TestLongHistory opens the page over 10,000 blocks of history and changes something
// sixty times a second. The CPU time of the page's thread and its memory are judged
// anywhere: a change takes less of it than a frame lasts, and the memory stays what
// it is. The first paint (100 ms) and the longest frame (100 ms) are judged where the
// machine has nothing else to do, and are told elsewhere.
func TestLongHistory(t *testing.T) {
	long(t)
	s := newScene(10_000, time.Now())
	s.begin()
	origin, _ := serve(t, s, "", func(c *live.Config) { c.Pause = time.Second / 60 })
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, false)
	b.open("/")
	b.until(`document.querySelector('#conn').textContent.trim() === 'live' && measured.paint > 0`)
	calm := load() < float64(runtime.NumCPU())
	paint := eval[float64](b, `measured.paint`)
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
	const changes = 600
	churn(changes)
	each := (b.threadTime() - used) / changes
	frame, task := eval[float64](b, `measured.frame`), eval[float64](b, `measured.long`)
	for range 20 { // blocks come and go
		s.end("")
		s.begin()
		churn(10)
	}
	eval[chromedp.Void](b, `gc()`)
	after := eval[float64](b, `performance.memory.usedJSHeapSize`)
	t.Logf("first paint %.0f ms; %v of CPU a change; longest frame %.0f ms, longest task %.0f ms; heap %.2f MB, then %.2f MB; load %.1f on %d CPUs",
		paint, each.Round(time.Microsecond), frame, task, before/1e6, after/1e6, load(), runtime.NumCPU())
	if each > time.Second/60 {
		t.Errorf("a change takes %v of the page's thread", each)
	}
	if after > before*1.2+1e6 {
		t.Errorf("the page's heap grows from %.2f to %.2f MB", before/1e6, after/1e6)
	}
	if !calm || load() >= float64(runtime.NumCPU()) {
		t.Log("the machine is busy: first paint and longest frame are not judged")
		return
	}
	if paint >= 100 {
		t.Errorf("the first paint comes after %.0f ms", paint)
	}
	if frame > 100 {
		t.Errorf("a frame takes %.0f ms", frame)
	}
}

// load is the machine's load average of the last minute (proc_loadavg(5)).
func load() float64 {
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

// threadTime is the CPU time that the main thread of the page has used.
func (b *tab) threadTime() (used time.Duration) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		if _, err := cdp.Call(ctx, to, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"}); err != nil {
			return err
		}
		got, err := cdp.Call(ctx, to, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return err
		}
		for _, m := range got.Metrics {
			if m.Name == "TaskDuration" {
				used = time.Duration(m.Value * float64(time.Second))
			}
		}
		return nil
	}))
	if used == 0 {
		b.t.Fatal("the browser does not tell how much CPU time the page uses")
	}
	return used
}

// BenchmarkScrape scrapes a pipeline with a day of blocks behind it.
func BenchmarkScrape(b *testing.B) {
	s := newScene(3000, time.Now())
	s.begin()
	c := s.config(&live.Log{})
	handler := Handler(c)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Model.Run(ctx) })
	b.Cleanup(func() { cancel(); running.Wait() })
	for len(c.Model.Overview().Stages) == 0 {
		time.Sleep(time.Millisecond)
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, ask("/metrics"))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// BenchmarkReaders compares what busy goroutines, in the engine's place, get done in
// a second of this process' CPU time while nobody and while 200 readers follow the
// events of a pipeline in which something changes at every look. The readers' ends of
// the connections are in this process: what they cost is counted, too.
func BenchmarkReaders(b *testing.B) {
	const readers, span = 200, 10 * time.Second
	for b.Loop() {
		alone := throughput(b, 0, span)
		watched := throughput(b, readers, span)
		b.ReportMetric(100*(1-watched/alone), "%lost")
	}
}

func throughput(b *testing.B, readers int, span time.Duration) float64 {
	b.Helper()
	s := newScene(700, time.Now())
	s.begin()
	c := s.config(&live.Log{})
	server := httptest.NewServer(Handler(c))
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Model.Run(ctx) })
	var got atomic.Int64
	for range readers {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		running.Go(func() { // the answer is read and not looked at
			defer conn.Close()
			n, _ := io.Copy(io.Discard, conn)
			got.Add(n)
		})
	}
	running.Go(func() {
		for ctx.Err() == nil {
			s.change(func(snap *statusSnapshot) { snap.Stages[7].QueueLength++ })
			time.Sleep(50 * time.Millisecond)
		}
	})
	var work atomic.Int64
	began := cpuTime()
	end := time.Now().Add(span)
	var busy sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			block := make([]byte, 4096)
			for time.Now().Before(end) {
				for range 100 {
					sum := sha256.Sum256(block)
					block[0] = sum[0]
				}
				work.Add(1)
			}
		})
	}
	busy.Wait()
	used := cpuTime() - began
	cancel()
	server.CloseClientConnections()
	server.Close()
	running.Wait()
	if readers > 0 && got.Load() == 0 {
		b.Fatal("the readers read nothing")
	}
	return float64(work.Load()) / used.Seconds()
}

// cpuTime is the CPU time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
