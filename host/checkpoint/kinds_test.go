package checkpoint

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// pages changes the pages of a bbolt file by the layout in
// etcd-io/bbolt:internal/common/page.go@v1.5.0 and meta.go.
type pages struct {
	file     []byte
	pageSize int
}

func (p pages) page(id uint64) []byte { return p.file[int(id)*p.pageSize : int(id+1)*p.pageSize] }

func (p pages) meta(id uint64) []byte { return p.page(id)[16:80] }

// newest returns the number of the meta page of the last transaction.
func (p pages) newest() uint64 {
	if binary.NativeEndian.Uint64(p.meta(0)[48:]) > binary.NativeEndian.Uint64(p.meta(1)[48:]) {
		return 0
	}
	return 1
}

const rootAt, freelistAt = 16, 32

func (p pages) field(at int) uint64 { return binary.NativeEndian.Uint64(p.meta(p.newest())[at:]) }

func (p pages) setField(at int, value uint64) {
	meta := p.meta(p.newest())
	binary.NativeEndian.PutUint64(meta[at:], value)
	sum := fnv.New64a()
	sum.Write(meta[:56])
	binary.NativeEndian.PutUint64(meta[56:], sum.Sum64())
}

// reached returns the pages of a kind (1 branch, 2 leaf) that the newest tree
// reaches, the children of nested buckets included.
func (p pages) reached(kind uint16) (ids []uint64) {
	todo, seen := []uint64{p.field(rootAt)}, map[uint64]bool{}
	for len(todo) > 0 {
		id := todo[0]
		todo = todo[1:]
		if id == 0 || seen[id] {
			continue
		}
		seen[id] = true
		page := p.file[int(id)*p.pageSize:]
		flags, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
		if flags == kind {
			ids = append(ids, id)
		}
		for i := range count {
			element := page[16+16*i:]
			if flags == 1 {
				todo = append(todo, binary.NativeEndian.Uint64(element[8:]))
			} else if binary.NativeEndian.Uint32(element) == 1 {
				at := binary.NativeEndian.Uint32(element[4:]) + binary.NativeEndian.Uint32(element[8:])
				todo = append(todo, binary.NativeEndian.Uint64(element[at:]))
			}
		}
	}
	return ids
}

// TestKindsOfDamage checks files with pages that are empty, stale or used twice, as power
// failures leave them (etcd-io/bbolt issues 135, 325, 446, 701 and 778). They must not
// crash the program or make it hang. Compact must repair those whose records are intact.
func TestKindsOfDamage(t *testing.T) {
	whole, want, pageSize := sound(t, true)
	clearPage := func(p pages, id uint64) { clear(p.page(id)) }
	child := func(p pages, branch uint64, i int) []byte { return p.page(branch)[16+16*i+8:] }
	at := pages{whole, pageSize}
	branch, leaves, leaf := at.reached(1)[0], at.reached(2), at.reached(2)[len(at.reached(2))-1]
	for name, c := range map[string]struct {
		change func(p *pages)
		mends  bool
	}{
		"freelist of zeros":        {func(p *pages) { clearPage(*p, p.field(freelistAt)) }, true},
		"freelist behind the end":  {func(p *pages) { p.setField(freelistAt, 1e6) }, true},
		"freelist of another type": {func(p *pages) { p.setField(freelistAt, leaf) }, true},
		"a free page that is used": {func(p *pages) { binary.NativeEndian.PutUint64(p.page(p.field(freelistAt))[16:], leaf) }, true},
		"root of zeros":            {func(p *pages) { clearPage(*p, p.field(rootAt)) }, false},
		"a branch under itself":    {func(p *pages) { binary.NativeEndian.PutUint64(child(*p, branch, 0), branch) }, false},
		"a leaf twice": {func(p *pages) {
			copy(child(*p, branch, 1)[:8], child(*p, branch, 0)[:8])
		}, false},
		"a branch to behind the end": {func(p *pages) { binary.NativeEndian.PutUint64(child(*p, branch, 0), 1e9) }, false},
		"a leaf of zeros":            {func(p *pages) { clearPage(*p, leaf) }, false},
		"a leaf of 65535":            {func(p *pages) { binary.NativeEndian.PutUint16(p.page(leaf)[10:], 65535) }, false},
		"a leaf with one less": {func(p *pages) {
			count := p.page(leaves[len(leaves)/2])[10:]
			binary.NativeEndian.PutUint16(count, binary.NativeEndian.Uint16(count)-1)
		}, false},
		"a leaf that goes on behind the end": {func(p *pages) { binary.NativeEndian.PutUint32(p.page(leaf)[12:], 1<<20) }, true},
		"both meta pages":                    {func(p *pages) { clear(p.meta(0)); clear(p.meta(1)) }, false},
		"half":                               {func(p *pages) { p.file = p.file[:len(p.file)/2/pageSize*pageSize] }, false},
		"the middle of a page":               {func(p *pages) { p.file = p.file[:3*pageSize+100] }, false},
		"one page":                           {func(p *pages) { p.file = p.file[:pageSize] }, false},
		"nothing":                            {func(p *pages) { p.file = nil }, false},
		"zeros":                              {func(p *pages) { clear(p.file) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "checkpoint.db")
			p := pages{append([]byte{}, whole...), pageSize}
			c.change(&p)
			if !refusedOrEqual(t, path, p.file, want, name) {
				t.Fatal("opened")
			}
			report, err := Check(path)
			if err != nil || len(report.Problems) == 0 || report.Repairable != c.mends {
				t.Errorf("%+v, %v; want it repairable: %v", report, err, c.mends)
			}
			_, _, mended, err := Compact(path)
			if mends := err == nil; mends != c.mends {
				t.Fatalf("compact: %v", err)
			}
			if !c.mends {
				if after, _ := os.ReadFile(path); string(after) != string(p.file) {
					t.Error("the damaged file was changed")
				}
				return
			}
			if len(mended) == 0 || !maps.Equal(want, content(t, open1(t, path))) {
				t.Errorf("mended %v, with other content", mended)
			}
		})
	}
}

// TestFileWithoutFreelist checks that a file without a list of free pages, which bbolt may
// write (bbolt.Options.NoFreelistSync), is intact.
func TestFileWithoutFreelist(t *testing.T) {
	whole, want, _ := sound(t, true)
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // one for each meta page
		if err := db.Update(func(*bbolt.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p := (pages{file, os.Getpagesize()}); p.field(freelistAt) != ^uint64(0) {
		t.Fatalf("the list of free pages is page %d", p.field(freelistAt))
	}
	if report, err := Check(path); err != nil || len(report.Problems) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if !maps.Equal(want, content(t, open1(t, path))) {
		t.Error("opened with other content")
	}
}

var _ = func() bool {
	testModes = misbehave() // before any init
	return true
}()

// misbehave returns modes of the scanning process that do what some damaged files cause.
func misbehave() map[scanMode]func() {
	return map[scanMode]func(){
		"test-loop": func() {
			for n := 0; ; n++ {
				_ = n
			}
		},
		"test-memory": func() {
			held := strings.Repeat("x", 1<<20)
			for len(held) > 0 {
				held += held
			}
		},
		"test-crash": func() {
			var deep func(int) int
			deep = func(n int) int { return deep(n+1) + 1 }
			deep(0)
		},
	}
}

// TestEndlessCheck checks that a scan which never ends or takes too much memory is ended by
// its limits and counts as damage.
func TestEndlessCheck(t *testing.T) {
	whole, _, _ := sound(t, false)
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[scanMode]string{"test-loop": "goes on for ever", "test-memory": "out of memory", "test-crash": "crashed"} {
		found, err := scan(mode, path, "")
		if err != nil || len(found.Problems) != 1 || !strings.Contains(found.Problems[0].What, want) {
			t.Errorf("%s: %+v, %v; want %q", mode, found, err, want)
		}
	}
}
