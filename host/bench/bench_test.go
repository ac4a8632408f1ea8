package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// jobs returns n jobs. Job i takes i times 10 ms of fetching, 5 ms of waiting, and 20 ms of
// proving with 15 ms of work.
func jobs(n int) (jobs []status.Job) {
	for i := 1; i <= n; i++ {
		at := time.Unix(1000*int64(i), 0)
		unit := time.Duration(i) * time.Millisecond
		j := status.Job{Block: contract.Block{Number: uint64(i), Hash: contract.Hash{byte(i)}, GasUsed: 100}, State: status.JobDone, Created: at, Finished: at.Add(35 * unit)}
		j.Stages = []status.JobStage{
			{Stage: "source", Kind: contract.KindSource, State: "done", Attempt: 1, Started: at, Ended: at.Add(10 * unit)},
			{Stage: "prove", Kind: contract.KindProver, State: "done", Attempt: 1, Started: at.Add(15 * unit), Ended: at.Add(35 * unit), WorkTime: 15 * unit},
		}
		j.Reports = []status.Report{{State: "sent", At: j.Finished.Add(3 * unit)}}
		jobs = append(jobs, j)
	}
	return jobs
}

var needs = map[string][]string{"prove": {"source"}}

func TestOf(t *testing.T) {
	failed := status.Job{Block: contract.Block{Number: 9}, State: status.JobFailed}
	r := Of(append(jobs(3), failed), needs)
	if len(r.Blocks) != 4 || r.Blocks[3].State != "failed" || r.TookMS != 2000*1000+3*35 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(Stage{Name: "prove", WaitMS: 10, RunMS: 40, WorkMS: 30, HostMS: 10, Attempts: 1}, r.Blocks[1].Stages[1], cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "start" }, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	if r.Blocks[1].TotalMS != 70 || r.Blocks[1].ReportMS != 6 {
		t.Errorf("%+v", r.Blocks[1])
	}
	want := []Summary{
		{Name: "source", Kind: contract.KindSource, Wait: Figures{Count: 3}, Run: Figures{3, 10, 20, 30, 30, 20}, Work: Figures{3, 10, 20, 30, 30, 20}, Host: Figures{Count: 3}},
		{Name: "prove", Kind: contract.KindProver, Wait: Figures{3, 5, 10, 15, 15, 10}, Run: Figures{3, 20, 40, 60, 60, 40}, Work: Figures{3, 15, 30, 45, 45, 30}, Host: Figures{3, 5, 10, 15, 15, 10}},
	}
	if diff := cmp.Diff(want, r.Stages); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Figures{3, 35, 70, 105, 105, 70}, r.Total); diff != "" {
		t.Error(diff)
	}
}

func TestCompare(t *testing.T) {
	a := Of(jobs(3), needs)
	slower := jobs(2)
	for i := range slower {
		s := &slower[i].Stages[1]
		s.Ended = s.Started.Add(2 * s.Duration())
	}
	// What is read back from a file is compared, as the command does.
	text, err := json.Marshal(Of(slower, needs))
	if err != nil {
		t.Fatal(err)
	}
	var b Report
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	c := Compare(a, b)
	if c.Paired != 2 || len(c.Stages) != 2 || c.Stages[0].Run.Ratio != 1 || c.Stages[1].Run.Ratio != 2 || c.Stages[1].Run.A != 20 || c.Stages[1].Run.B != 40 {
		t.Errorf("%+v", c)
	}
	if none := Compare(a, Report{}); none.Paired != 0 || none.Total.Ratio != 0 {
		t.Errorf("%+v", none)
	}
}

func TestWrite(t *testing.T) {
	r := Of(jobs(3), needs)
	r.Pipeline, r.Archive = "<b>", "kept"
	r.Memory["prove"] = 3 << 20
	var table, page bytes.Buffer
	if err := r.CSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 1+3*2 || rows[2][7] != "prove" || rows[2][9] != "20.000" {
		t.Errorf("%v, %v", rows, err)
	}
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if strings.Count(text, "<rect ") != 6 || strings.Contains(text, "<b>") || strings.Contains(text, "http") || strings.Contains(text, "ZgotmplZ") || !strings.Contains(text, "3.0") {
		t.Error(text)
	}
}

func TestResident(t *testing.T) {
	if own := Resident(os.Getpid()); own < 1<<20 {
		t.Errorf("this process has %d bytes", own)
	}
	if ended := Resident(1 << 30); ended != 0 {
		t.Errorf("a process that does not exist has %d bytes", ended)
	}
}

// TestDescendantsOfEveryThread checks that children count which another thread than the
// first has started, as a Go program starts them.
func TestDescendantsOfEveryThread(t *testing.T) {
	child := exec.Command("sleep", "60")
	started, end := make(chan error), make(chan struct{})
	var thread func()
	thread = func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if syscall.Gettid() == os.Getpid() {
			go thread() // this goroutine keeps the first thread
		} else {
			started <- child.Start()
		}
		<-end
	}
	go thread()
	defer close(end)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	if all := descendants(os.Getpid()); !slices.Contains(all, child.Process.Pid) {
		t.Errorf("%d is not among the descendants %v", child.Process.Pid, all)
	}
}
