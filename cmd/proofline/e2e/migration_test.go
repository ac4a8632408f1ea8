package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/docs"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
)

// sections returns the rows of the tables of a page, by the heading above them.
func sections(t *testing.T, page string) map[string][][]string {
	t.Helper()
	topic, err := docs.Find(page)
	if err != nil {
		t.Fatal(err)
	}
	tables, heading := map[string][][]string{}, ""
	for line := range strings.Lines(topic.Text) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			heading = title
		}
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			tables[heading] = append(tables[heading], cells)
		}
	}
	return tables
}

var quoted = regexp.MustCompile("`([^`]+)`")

// TestMigrationTable checks what the page on migration calls the same: the preset uses every
// variable, and a running pipeline has every path, with the keys of the health that
// operators parse. Those of ethrex-ethproofs are taken from its README
// (lambdaclass/ethrex-ethproofs:README.md@136aea7).
func TestMigrationTable(t *testing.T) {
	tables := sections(t, "migration")
	preset, err := pipeline.Preset("zisk")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, row := range tables["Variables"][1:] {
		for _, name := range quoted.FindAllStringSubmatch(row[0], -1) {
			named[name[1]] = true
			if !strings.Contains(string(preset), "${"+name[1]) {
				t.Errorf("the preset does not take %s", name[1])
			}
		}
	}
	for _, name := range []string{"ETH_RPC_URL", "ELF_PATH", "ETHPROOFS_RPC_URL", "ETHPROOFS_API_KEY", "ETHPROOFS_CLUSTER_ID",
		"ZISK_ACTION", "LOG_LEVEL", "HEALTH_PORT", "PROVER_STUCK_THRESHOLD_SECONDS"} {
		if !named[name] {
			t.Errorf("the page does not name %s", name)
		}
	}

	root, err := os.ReadFile("../../../pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	s := newSite(t, string(root))
	s.env = append(s.env, "HEALTH_PORT="+strings.TrimPrefix(address, "127.0.0.1:"))
	p := s.start("run")
	s.until(p, "a block is done", func(snap status.Snapshot) bool { return snap.Counts.Done > 0 })
	get := func(path string) (int, []byte) {
		t.Helper()
		res, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, body
	}
	var health map[string]any
	asked := 0
	for _, row := range tables["Endpoints"][1:] {
		for _, name := range quoted.FindAllStringSubmatch(row[0], -1) {
			path := strings.TrimPrefix(name[1], "GET ")
			switch {
			case strings.HasPrefix(path, "/"):
				for _, prefix := range []string{"", "/api"} {
					if path == "/" && prefix != "" {
						continue
					}
					code, body := get(prefix + path)
					if code != http.StatusOK {
						t.Errorf("GET %s: %d %s", prefix+path, code, body)
					}
					if path == "/health" {
						if err := json.Unmarshal(body, &health); err != nil {
							t.Fatal(err)
						}
					}
				}
				asked++
			case strings.TrimSpace(row[1]) == "same" || strings.HasPrefix(strings.TrimSpace(row[1]), "same "):
				var at any = health
				for part := range strings.SplitSeq(path, ".") {
					section, _ := at.(map[string]any)
					at = section[part]
				}
				if at == nil {
					t.Errorf("the health has no %s: %v", path, health)
				}
				asked++
			}
		}
	}
	if asked < 8 {
		t.Errorf("only %d of the table's endpoints were asked", asked)
	}
	// SIGHUP has the file read again, unless it is the end of a terminal.
	text, err := os.ReadFile(s.path("pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("pipeline.yaml"), []byte(swap(t, string(text), "oldest_first", "newest_first")), 0o600); err != nil {
		t.Fatal(err)
	}
	if tty, err := os.Open("/dev/tty"); err == nil {
		tty.Close()
		s.must("reload")
	} else {
		p.signal(syscall.SIGHUP)
	}
	eventually(t, "the new order is applied", func() bool { return strings.Contains(p.log.String(), "select.order: oldest_first → newest_first") })
	if out := s.must("reload"); !strings.Contains(out, "nothing has changed") {
		t.Error(out)
	}
	s.must("drain")
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d after a drain", code)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "output")); err != nil {
		t.Error(err)
	}
}
