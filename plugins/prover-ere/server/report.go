package server

import (
	"encoding/binary"
	"fmt"
	"time"
)

// ProveReport is the zkVM's report of a proof. Time excludes queue, transfer and encoding.
type ProveReport struct {
	Time   time.Duration
	Cycles uint64 // 0 where not reported, as by SP1, ZisK and OpenVM
}

// ExecuteReport is the zkVM's report of an execution.
type ExecuteReport struct {
	Cycles  uint64
	Regions map[string]uint64 // cycles of the regions that the guest names
	Time    time.Duration
}

// maxRegions is how many regions a report may name.
const maxRegions = 1 << 16

// parseProveReport reads the fixed-width little-endian form of bincode 1: seconds
// (u64), nanoseconds (u32), then an optional number of cycles (u8 0, or u8 1 and u64).
// Any other form is an error.
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

// parseExecuteReport reads cycles (u64), the number of regions (u64), for each region the
// length of its name (u64), the name and its cycles (u64), then seconds and nanoseconds
// as in the report of a proof.
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

// decoder reads from the front of data. After the first failure it returns zeros.
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

// duration reads seconds and nanoseconds. It fails for a time that no run can take.
func (d *decoder) duration() time.Duration {
	seconds, nanos := d.u64(), d.u32()
	if seconds > 1e9 || nanos >= 1e9 {
		d.fail = true
		return 0
	}
	return time.Duration(seconds)*time.Second + time.Duration(nanos)
}

// end returns an error if a read has failed or data has unread bytes. Report is the whole
// report, and of describes it in the error.
func (d *decoder) end(of string, report []byte) error {
	if d.fail || len(d.data) > 0 {
		return fmt.Errorf("the report of %s, %d bytes, is not in the form of ere-server 0.9 to 0.16", of, len(report))
	}
	return nil
}
