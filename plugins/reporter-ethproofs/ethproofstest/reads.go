package ethproofstest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucket is the path of the public store of proofs. The real site has it on another
// host.
const bucket = "/storage/v1/object/public/proof-binaries/"

// Proof returns the row of a block under the newest version of a team's cluster, and
// false where there is none.
func (s *Server) Proof(team string, index int, block uint64) (Proof, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cluster(s.teams[team], index)
	if c == nil || len(c.versions) == 0 {
		return Proof{}, false
	}
	row := s.proofs[proofKey{int64(block), c.versions[len(c.versions)-1].id}]
	if row == nil {
		return Proof{}, false
	}
	return *row, true
}

// Stored returns the bytes that the bucket serves for a proof, nil for none.
func (s *Server) Stored(p Proof) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.stored[p.object])
}

// Corrupt replaces what the bucket serves for a proof.
func (s *Server) Corrupt(p Proof, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[p.object] = content
}

// Active reports whether the cluster is marked active.
func (s *Server) Active(team string, index int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cluster(s.teams[team], index).active
}

type blockJSON struct {
	Number    int64   `json:"block_number"`
	Timestamp *string `json:"timestamp"`
	GasUsed   *int64  `json:"gas_used"`
	TxCount   *int    `json:"transaction_count"`
	Hash      *string `json:"hash"`
	CreatedAt string  `json:"created_at"`
}

// describe returns the JSON of a row of a block. The figures of the header are made up.
func describe(number int64, row *blockRow) blockJSON {
	out := blockJSON{Number: number, CreatedAt: stamp(row.created)}
	if !row.timestamp.IsZero() {
		sum := sha256.Sum256(strconv.AppendInt(nil, number, 10))
		time, gas, txs, hash := stamp(row.timestamp), 20_000_000+number%1_000_000, 3, "0x"+hex.EncodeToString(sum[:])
		out.Timestamp, out.GasUsed, out.TxCount, out.Hash = &time, &gas, &txs, &hash
	}
	return out
}

// stamp returns a time as the site writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// getBlock serves the row of a block. As on the site it converts the number as
// JavaScript's Number does: a hexadecimal text is a number, and a hash is a number out
// of range.
func (s *Server) getBlock(w http.ResponseWriter, r *http.Request) {
	digits := r.PathValue("number")
	base := 10
	if strings.HasPrefix(digits, "0x") {
		digits, base = digits[2:], 16
	}
	number, err := strconv.ParseInt(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		text(w, http.StatusInternalServerError, "Internal Server Error")
		return
	case err != nil:
		writeRaw(w, http.StatusUnprocessableEntity, `[{"code":"invalid_type","expected":"number","received":"nan","path":["params","block"],"message":"Expected number, received nan"}]`)
		return
	case number < 0:
		writeRaw(w, http.StatusUnprocessableEntity, `[{"code":"too_small","minimum":0,"type":"number","inclusive":true,"exact":false,"message":"Number must be greater than or equal to 0","path":["params","block"]}]`)
		return
	}
	s.mu.Lock()
	row := s.blocks[number]
	s.mu.Unlock()
	if row == nil {
		text(w, http.StatusNotFound, "Block not found")
		return
	}
	writeJSON(w, http.StatusOK, describe(number, row))
}

type proofJSON struct {
	ID             int         `json:"proof_id"`
	Block          int64       `json:"block_number"`
	Status         string      `json:"proof_status"`
	Cycles         *int64      `json:"proving_cycles"`
	TeamID         string      `json:"team_id"`
	CreatedAt      string      `json:"created_at"`
	ProvedAt       string      `json:"proved_timestamp"`
	ProvingAt      *string     `json:"proving_timestamp"`
	QueuedAt       *string     `json:"queued_timestamp"`
	Version        int         `json:"cluster_version_id"`
	Cluster        string      `json:"cluster_id"`
	Time           int64       `json:"proving_time"`
	Size           int         `json:"size_bytes"`
	Price          int         `json:"gpu_price_index_id"`
	Team           teamJSON    `json:"team"`
	BlockRow       blockJSON   `json:"block"`
	ClusterVersion versionJSON `json:"cluster_version"`
}

type versionJSON struct {
	ID      int         `json:"id"`
	Index   int         `json:"index"`
	Cluster string      `json:"cluster_id"`
	ZkVM    int         `json:"zkvm_version_id"`
	KeyPath *string     `json:"vk_path"`
	Active  bool        `json:"is_active"`
	Owner   clusterJSON `json:"cluster"`
}

type clusterJSON struct {
	ID     string `json:"id"`
	Index  int    `json:"index"`
	Name   string `json:"name"`
	GPUs   int    `json:"num_gpus"`
	Active bool   `json:"is_active"`
}

type teamJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Slug string `json:"slug"`
}

// listProofs serves the proved rows of all teams.
func (s *Server) listProofs(w http.ResponseWriter, r *http.Request) {
	limit, offset := 100, 0
	query := r.URL.Query()
	if value := query.Get("limit"); value != "" {
		limit, _ = strconv.Atoi(value)
		if limit > 1000 {
			writeRaw(w, http.StatusUnprocessableEntity, `[{"code":"too_big","maximum":1000,"type":"number","inclusive":true,"exact":false,"message":"Number must be less than or equal to 1000","path":["limit"]}]`)
			return
		}
		if limit < 1 {
			writeRaw(w, http.StatusUnprocessableEntity, `[{"code":"too_small","minimum":1,"type":"number","inclusive":true,"exact":false,"message":"Number must be greater than or equal to 1","path":["limit"]}]`)
			return
		}
	}
	offset, _ = strconv.Atoi(query.Get("offset"))
	if block := query.Get("block"); block != "" && !strings.HasPrefix(block, "0x") && strings.TrimLeft(block, "0123456789") == block {
		text(w, http.StatusInternalServerError, "Internal Server Error") // NaN does not fit the column
		return
	}
	s.mu.Lock()
	var rows []proofJSON
	for _, p := range s.proofs {
		if p.Status == "proved" && s.matches(p, query.Get("block"), query.Get("clusters")) {
			rows = append(rows, s.proofJSON(p))
		}
	}
	s.mu.Unlock()
	slices.SortFunc(rows, func(a, b proofJSON) int { // newest first
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	total := len(rows)
	first := min(max(offset, 0), total)
	page := append([]proofJSON{}, rows[first:min(first+limit, total)]...)
	writeJSON(w, http.StatusOK, struct {
		Proofs []proofJSON `json:"proofs"`
		Total  int         `json:"total_count"`
		Limit  int         `json:"limit"`
		Offset int         `json:"offset"`
	}{page, total, limit, offset})
}

// matches reports whether the query selects the row. The caller holds mu.
func (s *Server) matches(p *Proof, block, clusters string) bool {
	if clusters != "" && !slices.Contains(strings.Split(clusters, ","), p.cluster.uuid) {
		return false
	}
	if block == "" || block == strconv.FormatInt(p.BlockNumber, 10) {
		return true
	}
	hash := describe(p.BlockNumber, s.blocks[p.BlockNumber]).Hash
	return hash != nil && *hash == block
}

// proofJSON returns the JSON of a row. The caller holds mu.
func (s *Server) proofJSON(p *Proof) proofJSON {
	optional := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		text := stamp(t)
		return &text
	}
	out := proofJSON{
		ID: p.ID, Block: p.BlockNumber, Status: p.Status, TeamID: p.cluster.team.id, CreatedAt: stamp(p.createdAt),
		ProvedAt: stamp(p.ProvedAt), ProvingAt: optional(p.ProvingAt), QueuedAt: optional(p.QueuedAt),
		Version: p.Version, Cluster: p.cluster.uuid, Time: p.Time, Size: p.Size, Price: 1,
		Team:     teamJSON{p.cluster.team.id, p.cluster.team.slug, p.cluster.team.slug},
		BlockRow: describe(p.BlockNumber, s.blocks[p.BlockNumber]),
	}
	for at, v := range p.cluster.versions {
		if v.id == p.Version {
			c := p.cluster
			out.ClusterVersion = versionJSON{v.id, at + 1, c.uuid, v.zkvm, optionalText(v.vk), at == len(c.versions)-1,
				clusterJSON{c.uuid, c.index, c.name, c.gpus, c.active}}
		}
	}
	if p.Cycles != 0 {
		out.Cycles = &p.Cycles
	}
	return out
}

func optionalText(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// download redirects to the bucket, whether or not the bucket has the object.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var object string
	for _, p := range s.proofs {
		if strconv.Itoa(p.ID) == r.PathValue("id") {
			object = p.object
		}
	}
	s.mu.Unlock()
	if object == "" {
		text(w, http.StatusNotFound, "No proof found")
		return
	}
	w.Header().Set("Location", strings.TrimSuffix(s.URL, Base)+bucket+object)
	w.WriteHeader(http.StatusFound)
}

func (s *Server) getObject(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	content, ok := s.stored[r.PathValue("name")]
	s.mu.Unlock()
	if !ok {
		writeRaw(w, http.StatusBadRequest, `{"statusCode":"404","error":"not_found","message":"Object not found"}`)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(content)
}

func (s *Server) downloadKey(w http.ResponseWriter, r *http.Request) {
	if keyOf(r).mode != "admin" {
		text(w, http.StatusForbidden, "Forbidden: admin mode required for downloading verification keys")
		return
	}
	text(w, http.StatusNotFound, "No vk binary found")
}

func writeRaw(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}
