package simulate

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// Series is the gas that the blocks of the chain use.
type Series struct {
	Name string `json:"name"`
	// used is the gas of blocks that follow each other, which is repeated; empty for the
	// built-in distribution.
	blocks []uint64
	times  []pastTimes // of a learned series: the times of the same blocks
}

// Mainnet is drawn at random from the gas of 500 mainnet blocks, those of Measured. Their
// gas limit is 45 million and their mean is 22.4 million.
var Mainnet = Series{Name: "mainnet 23533500 to 23533999, drawn by chance"}

var mainnetMgas = distribution{quantileShares, []float64{
	0.11, 5.10, 5.77, 9.40, 14.01, 16.32, 17.35, 18.20, 19.01, 19.90, 20.50, 21.40, 21.98,
	22.72, 23.60, 24.27, 25.28, 26.19, 27.35, 29.04, 31.41, 36.20, 42.25, 44.83, 45.00,
}}

// gas returns the gas of the i-th block.
func (s Series) gas(i int, chance *rand.Rand) uint64 {
	if len(s.blocks) == 0 {
		return uint64(1e6 * mainnetMgas.at(chance.Float64()))
	}
	return s.blocks[i%len(s.blocks)]
}

// ReadArchive reads the gas of the blocks of an archive, in the order of their numbers. An
// archive has folders with the names <number> or <number>-<hash>, as source-rpc writes
// them, each with block.json or block.json.gz. If a number has several folders, the one
// without hash counts. A file is the result of eth_getBlockByNumber, or the whole
// JSON-RPC response.
func ReadArchive(dir string) (Series, error) {
	remedy := "it needs folders named by block number, each with block.json or block.json.gz"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Series{}, contract.Environment(fmt.Errorf("the archive cannot be read: %w", err), remedy)
	}
	folders := map[uint64]string{}
	for _, e := range entries { // ascending, so that <number> comes before those with a hash
		number, _, _ := strings.Cut(e.Name(), "-")
		n, err := strconv.ParseUint(number, 10, 64)
		if _, known := folders[n]; err == nil && e.IsDir() && !known {
			folders[n] = e.Name()
		}
	}
	series := Series{Name: fmt.Sprintf("%d blocks of %s, over and over", len(folders), dir)}
	for _, n := range slices.Sorted(maps.Keys(folders)) {
		gas, err := gasUsed(filepath.Join(dir, folders[n], "block.json"))
		if err != nil {
			return Series{}, contract.Environment(fmt.Errorf("block %d of the archive: %w", n, err), remedy)
		}
		series.blocks = append(series.blocks, gas)
	}
	if len(series.blocks) == 0 {
		return Series{}, contract.Environment(fmt.Errorf("%s holds no block", dir), remedy)
	}
	return series, nil
}

// gasUsed reads the field gasUsed of a block file, or of the same file with .gz.
func gasUsed(path string) (gas uint64, err error) {
	var content io.Reader
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = os.Open(path + ".gz"); err == nil {
			content, err = gzip.NewReader(f)
		}
	} else {
		content = f
	}
	if f != nil {
		defer f.Close()
	}
	if err != nil {
		return 0, err
	}
	type header struct {
		GasUsed string `json:"gasUsed"`
	}
	var block struct {
		header
		Result header `json:"result"`
	}
	if err := json.NewDecoder(io.LimitReader(content, maxBlock)).Decode(&block); err != nil {
		return 0, fmt.Errorf("%s: %w", f.Name(), err)
	}
	text := cmp.Or(block.GasUsed, block.Result.GasUsed)
	gas, err = strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: gasUsed is %q", f.Name(), text)
	}
	return gas, nil
}

// maxBlock is the largest size of a block file in bytes.
const maxBlock = 256 << 20
