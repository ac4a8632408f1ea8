package ethproofstest

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
)

// MaxBody is how many bytes of a request's body reach the handlers. A longer body is
// cut, so that its JSON is malformed.
const MaxBody = 10 << 20

// Proof is a row of the proofs table.
type Proof struct {
	ID          int
	BlockNumber int64
	Status      string // queued, proving or proved
	Version     int    // id of the cluster version
	Time        int64  // proving_time in milliseconds; 0 unless proved
	Cycles      int64  // 0 where the request had none
	Size        int    // of the decoded proof, in bytes
	QueuedAt    time.Time
	ProvingAt   time.Time
	ProvedAt    time.Time

	createdAt time.Time
	cluster   *cluster
	object    string // name in the bucket
}

type proofKey struct {
	block   int64
	version int
}

type blockRow struct {
	created   time.Time
	timestamp time.Time // zero until the site could fetch the header
}

// write returns the handler of one of the three writes.
func (s *Server) write(phase string) http.HandlerFunc {
	rules := writeRules
	if phase == "proved" {
		rules = provedRules
	}
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody))
		if err != nil {
			unhandled(w)
			return
		}
		var value any
		if json.Unmarshal(body, &value) != nil {
			unhandled(w)
			return
		}
		fields, issues := validate(value, rules)
		if issues != "" {
			text(w, http.StatusBadRequest, "Invalid request: "+issues)
			return
		}
		index := fields["cluster_id"].(float64)
		if !isInteger(index) || index > math.MaxInt16 || index < math.MinInt16 {
			unhandled(w)
			return
		}
		s.mu.Lock()
		id, status, message := s.record(phase, keyOf(r).team, int(index), fields)
		s.mu.Unlock()
		if status != http.StatusOK {
			text(w, status, message)
			return
		}
		writeJSON(w, http.StatusOK, struct {
			ID int `json:"proof_id"`
		}{id})
	}
}

// record changes the tables by a write and returns the answer. The caller holds mu.
func (s *Server) record(phase string, team *team, index int, fields map[string]any) (id, status int, message string) {
	const broken = "Internal server error"
	c := s.cluster(team, index)
	if c == nil {
		return 0, http.StatusNotFound, "Cluster not found"
	}
	if len(c.versions) == 0 {
		return 0, http.StatusNotFound, "Cluster version not found"
	}
	number := fields["block_number"].(float64)
	if !isInteger(number) || number >= 1<<63 {
		return 0, http.StatusInternalServerError, broken
	}
	key := proofKey{int64(number), c.versions[len(c.versions)-1].id}
	row := s.proofs[key]
	if row != nil && row.Status == "proved" {
		return 0, http.StatusConflict, "Proof already proved"
	}
	s.lastProof++ // the database uses up an identity value even where the row exists or the insert fails
	now := s.now()
	if phase == "proved" {
		milliseconds := fields["proving_time"].(float64)
		if !isInteger(milliseconds) || milliseconds > math.MaxInt32 || s.blocks[key.block] == nil {
			return 0, http.StatusInternalServerError, broken
		}
	} else if s.blocks[key.block] == nil {
		s.blocks[key.block] = &blockRow{created: now}
	}
	if row == nil {
		row = &Proof{ID: s.lastProof, BlockNumber: key.block, Version: key.version, cluster: c, createdAt: now}
		s.proofs[key] = row
	}
	row.Status = phase
	switch phase {
	case "queued":
		row.QueuedAt = now
	case "proving":
		row.ProvingAt = now
	case "proved":
		row.ProvedAt = now
		row.Time = int64(fields["proving_time"].(float64))
		if cycles, ok := fields["proving_cycles"].(float64); ok {
			row.Cycles = int64(cycles)
		}
		s.store(row, decodeLax(fields["proof"].(string)))
	}
	return row.ID, http.StatusOK, ""
}

// store does what the site does after its answer: it fetches the header of the block
// and uploads the proof. The site only logs a failure of these. The caller holds mu.
func (s *Server) store(row *Proof, proof []byte) {
	row.Size = len(proof)
	row.cluster.active = true
	if block := s.blocks[row.BlockNumber]; !s.rpcDown && block.timestamp.IsZero() {
		block.timestamp = s.now()
	}
	row.object = fmt.Sprintf("%s_%s_%d.bin", row.cluster.team.slug, row.cluster.uuid, row.ID)
	if !s.storageDown {
		s.stored[row.object] = proof
	}
}

// decodeLax decodes base64 as Node's Buffer does: it accepts both alphabets, ignores
// other characters and needs no padding. It never fails.
func decodeLax(text string) []byte {
	out := make([]byte, 0, len(text)/4*3+3)
	var bits uint32
	var have int
	for i := range len(text) {
		var v byte
		switch c := text[i]; {
		case c >= 'A' && c <= 'Z':
			v = c - 'A'
		case c >= 'a' && c <= 'z':
			v = c - 'a' + 26
		case c >= '0' && c <= '9':
			v = c - '0' + 52
		case c == '+' || c == '-':
			v = 62
		case c == '/' || c == '_':
			v = 63
		default:
			continue
		}
		bits, have = bits<<6|uint32(v), have+6
		if have >= 8 {
			have -= 8
			out = append(out, byte(bits>>have))
		}
	}
	return out
}
