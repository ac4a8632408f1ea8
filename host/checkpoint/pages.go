package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// checkPages reads a file as bbolt lays it out (etcd-io/bbolt:internal/common,
// v1.5.0, file format 2) and reports what is wrong with its pages.
//
// bbolt trusts its file: a damaged page makes it read outside of the mapping,
// which ends the process, or run in a circle. So before it is given a file, every
// page is looked at here, with every offset held against the page, and every page
// accounted for exactly once. Elements must lie as bbolt packs them, without
// gaps, so that a wrong count or length shows. What the values hold is not looked
// at; that is checkSeals's business. It returns how many bytes hold data.
func checkPages(file io.ReaderAt, size int64) (found []Problem, used int64) {
	p := &pages{file: file}
	if !p.readMetas(size) {
		return p.problems, 0
	}
	if need := int64(p.meta.pages) * p.pageSize; size < need {
		p.report("file", "it ends after %d of %d bytes", size, need)
		return p.problems, 0
	}
	p.used = make([]bool, p.meta.pages)
	p.used[0], p.used[1] = true, true
	p.tree(p.meta.root, nil, nil)
	p.freelist()
	for id, used := range p.used {
		if !used {
			p.report(pageName(uint64(id)), "it is neither used nor free")
		}
	}
	return p.problems, (int64(p.meta.pages) - p.free) * p.pageSize
}

// pages is a walk over a file.
type pages struct {
	file     io.ReaderAt
	pageSize int64
	meta     meta
	used     []bool // by page: reached by the walk, or free
	free     int64
	buffers  [][]byte // of one page, for read
	problems []Problem
}

// meta is what a meta page says.
type meta struct {
	root     uint64 // page of the root bucket
	freelist uint64 // page of the list of free pages
	pages    uint64 // pages of the file
	txid     uint64
}

// The layout of pages.
const (
	headerSize   = 16 // id 8, flags 2, count 2, overflow 4
	elementSize  = 16 // leaf: flags, pos, ksize, vsize; branch: pos 4, ksize 4, page 8
	metaSize     = 64
	bucketHeader = 16 // root page, sequence

	magic      = 0xED0CDAED
	fileFormat = 2

	flagBranch, flagLeaf, flagMeta, flagFreelist = 0x01, 0x02, 0x04, 0x10
	flagBucket                                   = 0x01 // of a leaf element
)

var native = binary.NativeEndian

func pageName(id uint64) string { return fmt.Sprintf("page %d", id) }

func (p *pages) report(where, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{Where: where, What: fmt.Sprintf(format, args...)})
	}
}

// readMetas reads both meta pages and takes the newer one. A file has two so
// that a torn write leaves one; but a meta page is smaller than a disk sector, and
// the transaction that it names may have been acknowledged.
func (p *pages) readMetas(size int64) bool {
	first, err := p.readMeta(0, 0)
	offset := int64(native.Uint32(first.raw[8:]))
	if err != nil {
		for offset = 1 << 9; offset <= 1<<20; offset <<= 1 { // where the second may be
			if _, err := p.readMeta(1, offset); err == nil {
				break
			}
		}
	}
	second, err2 := p.readMeta(1, offset)
	if err != nil && err2 != nil {
		p.report("file", "it is no bbolt file, or both of its meta pages are damaged: %v", err)
		return false
	}
	for id, err := range []error{err, err2} {
		if err != nil {
			p.report(pageName(uint64(id)), "this meta page is damaged (%v); the last transaction may be lost; "+
				"proofline db compact makes a sound file of the other one", err)
			p.problems[len(p.problems)-1].meta = true
		}
	}
	best := first
	if err != nil || err2 == nil && second.txid > first.txid {
		best = second
	}
	p.meta, p.pageSize = best.meta, int64(native.Uint32(best.raw[8:]))
	if p.pageSize < 1<<9 || p.pageSize > 1<<20 || p.meta.pages < 2 || p.meta.pages > 1<<40 {
		p.report("file", "its meta page speaks of %d pages of %d bytes", p.meta.pages, p.pageSize)
		return false
	}
	return true
}

type rawMeta struct {
	meta
	raw [metaSize]byte
}

func (p *pages) readMeta(id uint64, offset int64) (m rawMeta, err error) {
	var buf [headerSize + metaSize]byte
	if n, err := p.file.ReadAt(buf[:], offset); n < len(buf) {
		return m, fmt.Errorf("it cannot be read: %w", err)
	}
	m.raw = [metaSize]byte(buf[headerSize:])
	sum := fnv.New64a()
	sum.Write(m.raw[:56])
	switch {
	case native.Uint32(m.raw[:]) != magic:
		return m, errors.New("it has no magic number")
	case native.Uint32(m.raw[4:]) != fileFormat:
		return m, fmt.Errorf("it has format %d", native.Uint32(m.raw[4:]))
	case native.Uint64(m.raw[56:]) != sum.Sum64():
		return m, errors.New("its checksum does not match")
	case native.Uint64(buf[:]) != id || native.Uint16(buf[8:]) != flagMeta:
		return m, errors.New("its header is not that of a meta page")
	}
	m.meta = meta{
		root: native.Uint64(m.raw[16:]), freelist: native.Uint64(m.raw[32:]),
		pages: native.Uint64(m.raw[40:]), txid: native.Uint64(m.raw[48:]),
	}
	return m, nil
}

// read returns a page with what overflows from it, and marks it as used. The
// buffer goes back with release.
func (p *pages) read(id uint64) (buf []byte, ok bool) {
	if id < 2 || id >= p.meta.pages {
		p.report(pageName(id), "it is used, but the file has %d pages", p.meta.pages)
		return nil, false
	}
	if last := len(p.buffers) - 1; last >= 0 {
		buf, p.buffers = p.buffers[last], p.buffers[:last]
	} else {
		buf = make([]byte, p.pageSize)
	}
	if _, err := p.file.ReadAt(buf, int64(id)*p.pageSize); err != nil {
		p.report(pageName(id), "it cannot be read: %v", err)
		return nil, false
	}
	if self := native.Uint64(buf); self != id {
		p.report(pageName(id), "it says that it is page %d", self)
		return nil, false
	}
	length := uint64(native.Uint32(buf[12:])) + 1
	if length > p.meta.pages-id {
		p.report(pageName(id), "it is %d pages long, past the end of the file", length)
		return nil, false
	}
	for i := range length {
		if p.used[id+i] {
			p.report(pageName(id+i), "it is used twice")
			return nil, false
		}
	}
	for i := range length {
		p.used[id+i] = true
	}
	if length > 1 {
		rest := make([]byte, (length-1)*uint64(p.pageSize))
		if _, err := p.file.ReadAt(rest, int64(id+1)*p.pageSize); err != nil {
			p.report(pageName(id), "it cannot be read: %v", err)
			return nil, false
		}
		buf = append(buf, rest...)
	}
	return buf, true
}

func (p *pages) release(buf []byte) { p.buffers = append(p.buffers, buf[:p.pageSize]) }

// tree walks the page and what is below it. Its keys are at least from, and less
// than to where there is one.
func (p *pages) tree(id uint64, from, to []byte) {
	buf, ok := p.read(id)
	if !ok {
		return
	}
	defer p.release(buf)
	switch flags := native.Uint16(buf[8:]); flags {
	case flagLeaf:
		p.elements(buf, pageName(id), from, to, p.value)
	case flagBranch:
		var children []uint64
		var keys [][]byte
		p.elements(buf, pageName(id), from, to, func(_ string, element, key, _ []byte) {
			children, keys = append(children, native.Uint64(element[8:])), append(keys, key)
		})
		if len(children) == 0 {
			p.report(pageName(id), "it is a branch without children")
		}
		for i, child := range children {
			end := to
			if i+1 < len(keys) {
				end = keys[i+1]
			}
			p.tree(child, keys[i], end)
		}
	default:
		p.report(pageName(id), "it is of type %#x where data is expected", flags)
	}
}

// elements walks the elements of a leaf or branch and returns where the last one
// ends; 0 where the page is damaged.
func (p *pages) elements(buf []byte, where string, from, to []byte, visit func(where string, element, key, value []byte)) (end uint64) {
	leaf := native.Uint16(buf[8:]) == flagLeaf
	count := uint64(native.Uint16(buf[10:]))
	end = headerSize + count*elementSize
	if end > uint64(len(buf)) {
		p.report(where, "its %d elements exceed the page", count)
		return 0
	}
	if rest := buf[headerSize:]; count == 0 && !bytes.Equal(rest[:min(len(rest), elementSize)], make([]byte, min(len(rest), elementSize))) {
		p.report(where, "it says that it is empty, but it is not")
		return 0
	}
	var before []byte
	for i := range count {
		at := headerSize + i*elementSize
		element := buf[at : at+elementSize]
		pos, ksize, vsize := element[4:], element[8:], element[12:]
		if !leaf {
			pos, ksize, vsize = element, element[4:], []byte{0, 0, 0, 0}
		}
		begin, k, v := at+uint64(native.Uint32(pos)), uint64(native.Uint32(ksize)), uint64(native.Uint32(vsize))
		if begin != end || k == 0 || begin+k+v > uint64(len(buf)) {
			p.report(where, "its element %d is not where it belongs", i)
			return 0
		}
		end = begin + k + v
		key := buf[begin : begin+k]
		if i > 0 && bytes.Compare(before, key) >= 0 || bytes.Compare(key, from) < 0 || to != nil && bytes.Compare(key, to) >= 0 {
			p.report(where, "the key of its element %d is out of order", i)
			return 0
		}
		before = key
		visit(where, element, key, buf[begin+k:end])
	}
	return end
}

// value walks the bucket that is the value of a leaf's element.
func (p *pages) value(where string, element, _, value []byte) {
	switch flags := native.Uint32(element); {
	case flags == 0:
		return
	case flags != flagBucket || len(value) < bucketHeader:
		p.report(where, "it has an element of unknown type")
		return
	}
	if root := native.Uint64(value); root != 0 {
		if len(value) != bucketHeader {
			p.report(where, "it has a bucket of an unknown form")
			return
		}
		p.tree(root, nil, nil)
		return
	}
	inline := value[bucketHeader:] // the bucket's only page
	where += ", a bucket in it"
	if len(inline) < headerSize || native.Uint16(inline[8:]) != flagLeaf {
		p.report(where, "it is of an unknown form")
		return
	}
	end := p.elements(inline, where, nil, nil, func(where string, element, _, _ []byte) {
		if native.Uint32(element) != 0 {
			p.report(where, "it has an element of unknown type")
		}
	})
	if end > 0 && end != uint64(len(inline)) {
		p.report(where, "it ends after %d of %d bytes", end, len(inline))
	}
}

// freelist walks the list of free pages.
func (p *pages) freelist() {
	where := pageName(p.meta.freelist)
	buf, ok := p.read(p.meta.freelist)
	if !ok {
		return
	}
	defer p.release(buf)
	if flags := native.Uint16(buf[8:]); flags != flagFreelist {
		p.report(where, "it is of type %#x where the list of free pages is expected", flags)
		return
	}
	count, ids := uint64(native.Uint16(buf[10:])), buf[headerSize:]
	if count == 0xFFFF { // then the first entry is the count
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		p.report(where, "the list of %d free pages exceeds the page", count)
		return
	}
	var before uint64
	for i := range count {
		id := native.Uint64(ids[8*i:])
		switch {
		case id < 2 || id >= p.meta.pages || id <= before:
			p.report(where, "the list of free pages is damaged at entry %d", i)
			return
		case p.used[id]:
			p.report(pageName(id), "it is listed as free, but it is used")
		}
		p.used[id], before = true, id
	}
	p.free = int64(count)
}
