package server

import (
	"encoding/binary"
	"fmt"
	"time"
)

// ProveReport is what the zkVM tells of a proof, without queue, transfer and
// encoding.
type ProveReport struct {
	Time   time.Duration
	Cycles uint64 // 0 when not told; SP1, ZisK and OpenVM do not
}

// ExecuteReport is what the zkVM tells of an execution.
type ExecuteReport struct {
	Cycles  uint64
	Regions map[string]uint64 // cycles of the parts that the guest has named
	Time    time.Duration
}

// maxRegions bounds the parts that a report names.
const maxRegions = 1 << 16

// parseProveReport reads the fixed-width little-endian form of bincode 1: seconds
// (u64), nanoseconds (u32), then an optional count of cycles (u8 0, or u8 1 and u64).
// Any other form is of an unknown version.
func parseProveReport(b []byte) (r ProveReport, err error) {
	d := decoder{data: b}
	r.Time = d.duration()
	switch d.u8() {
	case 0:
	case 1:
		r.Cycles = d.u64()
	default:
		d.fail = true
	}
	return r, d.end("a proof", b)
}

// parseExecuteReport reads cycles (u64), a count (u64) of regions, each a length
// (u64), a name and cycles (u64), then the time as in the other report.
func parseExecuteReport(b []byte) (r ExecuteReport, err error) {
	d := decoder{data: b}
	r.Cycles = d.u64()
	n := d.u64()
	if n > maxRegions {
		d.fail, n = true, 0
	}
	for range n {
		name := d.bytes(d.u64())
		cycles := d.u64()
		if d.fail {
			break
		}
		if r.Regions == nil {
			r.Regions = map[string]uint64{}
		}
		r.Regions[string(name)] = cycles
	}
	r.Time = d.duration()
	return r, d.end("an execution", b)
}

// decoder reads from the front of data; after the first failure it reads zeros.
type decoder struct {
	data []byte
	fail bool
}

func (d *decoder) bytes(n uint64) []byte {
	if d.fail || n > uint64(len(d.data)) {
		d.fail = true
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) u8() uint8 {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// duration refuses what no run can have taken.
func (d *decoder) duration() time.Duration {
	seconds, nanos := d.u64(), d.u32()
	if seconds > 1e9 || nanos >= 1e9 {
		d.fail = true
		return 0
	}
	return time.Duration(seconds)*time.Second + time.Duration(nanos)
}

func (d *decoder) end(of string, whole []byte) error {
	if d.fail || len(d.data) > 0 {
		return fmt.Errorf("the report of %s, %d bytes, is not in the form of ere-server 0.9 to 0.16", of, len(whole))
	}
	return nil
}
