package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/procfs"
)

var _ Pipeline = (*Client)(nil)

// Times within which a host must answer. A change waits for the disk and, when the source
// is asked for blocks, for a node.
const (
	readTimeout   = 5 * time.Second
	listTimeout   = time.Minute
	changeTimeout = 5 * time.Minute
)

// SilentError is the error of a call that a running host does not answer in time.
type SilentError struct {
	PID    int
	Within time.Duration // the timeout of the call
	State  string        // why the process does not answer, such as "stopped"; empty when not known
}

func (e *SilentError) Error() string {
	text := fmt.Sprintf("the proofline with pid %d has not answered within %v", e.PID, e.Within)
	if e.State != "" {
		text += ": its process is " + e.State
	}
	return text
}

// silent returns the error of a call that was not answered within its timeout.
func (c *Client) silent(timeout time.Duration) error {
	e := &SilentError{PID: c.record.PID, Within: timeout}
	remedy := "ask again; where it stays so, end it with kill -9: its work goes on after the next start"
	if stat, err := procfs.ReadStat(c.record.PID); err == nil && (stat.State == 'T' || stat.State == 't') {
		e.State, remedy = "stopped (Ctrl-Z, SIGSTOP or a debugger)", fmt.Sprintf("kill -CONT %d", c.record.PID)
	}
	return contract.Environment(e, remedy)
}

// Client calls the host that runs a pipeline. It is safe for concurrent use.
type Client struct {
	http   *http.Client
	record Record
}

// Dial finds the host that uses a data directory and checks that it answers. It returns
// ErrNotRunning when there is none, also when a killed host has left its record.
func Dial(ctx context.Context, data string) (*Client, error) {
	record, err := Find(data)
	if err != nil {
		return nil, err
	}
	c := &Client{record: record, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", record.Socket)
		},
	}}}
	if _, err := c.Snapshot(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Record returns the record that the host has written at its start.
func (c *Client) Record() Record { return c.record }

// Close closes idle connections. It never fails.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Snapshot returns the live state.
func (c *Client) Snapshot(ctx context.Context) (snap status.Snapshot, err error) {
	return snap, c.call(ctx, readTimeout, http.MethodGet, "/v1/status", nil, &snap)
}

// Blocks returns jobs, the newest block first.
func (c *Client) Blocks(ctx context.Context, query Query) (jobs []status.Job, err error) {
	values := url.Values{}
	for _, s := range query.States {
		values.Add("state", string(s))
	}
	if query.Limit > 0 {
		values.Set("limit", strconv.Itoa(query.Limit))
	}
	return jobs, c.call(ctx, listTimeout, http.MethodGet, "/v1/blocks?"+values.Encode(), nil, &jobs)
}

// ShowBlock returns every job of a block number.
func (c *Client) ShowBlock(ctx context.Context, number uint64) (jobs []status.Job, err error) {
	return jobs, c.call(ctx, listTimeout, http.MethodGet, "/v1/blocks/"+strconv.FormatUint(number, 10), nil, &jobs)
}

// Score returns the score by the rules of EthProofs.
func (c *Client) Score(ctx context.Context) (report score.Report, err error) {
	return report, c.call(ctx, listTimeout, http.MethodGet, "/v1/score", nil, &report)
}

// ScoreRecord returns the record from which the score is computed.
func (c *Client) ScoreRecord(ctx context.Context) (record score.Record, err error) {
	return record, c.call(ctx, listTimeout, http.MethodGet, "/v1/score/record", nil, &record)
}

// AddBlocks queues blocks for the whole pipeline.
func (c *Client) AddBlocks(ctx context.Context, numbers []uint64) (results []status.AddResult, err error) {
	return results, c.call(ctx, changeTimeout, http.MethodPost, "/v1/blocks", addRequest{Numbers: numbers}, &results)
}

// ProveBlock queues a block whose guest input exists already.
func (c *Client) ProveBlock(ctx context.Context, request ProveRequest) (result status.AddResult, err error) {
	return result, c.call(ctx, changeTimeout, http.MethodPost, "/v1/prove", request, &result)
}

// Retry queues a finished job again.
func (c *Client) Retry(ctx context.Context, request RetryRequest) error {
	return c.call(ctx, changeTimeout, http.MethodPost, "/v1/retry", request, &struct{}{})
}

// Report sends the proofs of a job once more.
func (c *Client) Report(ctx context.Context, job, reporter string) (count int, err error) {
	return count, c.call(ctx, changeTimeout, http.MethodPost, "/v1/report", reportRequest{Job: job, Reporter: reporter}, &count)
}

// Skip cancels an unfinished job.
func (c *Client) Skip(ctx context.Context, job string) error {
	return c.call(ctx, changeTimeout, http.MethodPost, "/v1/jobs/"+url.PathEscape(job)+"/skip", struct{}{}, &struct{}{})
}

// Backup makes the host write a copy of its checkpoint to an absolute path at which no
// file exists.
func (c *Client) Backup(ctx context.Context, to string) error {
	return c.call(ctx, changeTimeout, http.MethodPost, "/v1/backup", backupRequest{To: to}, &struct{}{})
}

// Drain makes the host finish its blocks and end.
func (c *Client) Drain(ctx context.Context, afterCurrent bool) (left int, err error) {
	return left, c.call(ctx, changeTimeout, http.MethodPost, "/v1/drain", drainRequest{AfterCurrent: afterCurrent}, &left)
}

// Reload makes the host read its pipeline file again.
func (c *Client) Reload(ctx context.Context) (r Reloaded, err error) {
	return r, c.call(ctx, changeTimeout, http.MethodPost, "/v1/reload", struct{}{}, &r)
}

// call makes one request. A nil body sends none. The answer is decoded into a value.
func (c *Client) call(ctx context.Context, timeout time.Duration, method, path string, body, into any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, method, "http://proofline"+path, reader)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return otherUser(c.record.Socket, err)
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		return c.silent(timeout)
	case err != nil:
		return fmt.Errorf("ask the proofline with pid %d: %w", c.record.PID, errors.Unwrap(err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return c.silent(timeout)
	}
	if err != nil {
		return fmt.Errorf("ask the proofline with pid %d: %w", c.record.PID, err)
	}
	if res.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(text, &f) != nil || f.Error == "" {
			return fmt.Errorf("the proofline with pid %d answers %s %s with %s; are host and command of the same version?", c.record.PID, method, path, res.Status)
		}
		return &contract.Error{Class: f.Class, Err: errors.New(f.Error), Remedy: f.Remedy}
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer of the proofline with pid %d: %w", c.record.PID, err)
	}
	return nil
}
