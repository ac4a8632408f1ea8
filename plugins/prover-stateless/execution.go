package main

import (
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/internal/stateless"
)

// execution is the content of execution.json. The execution has computed all values. Where
// the header holds the same value, the two are equal.
type execution struct {
	Checker          string         `json:"checker"` // name and version of this plugin
	Engine           string         `json:"engine"`  // name and version of the EVM
	ChainID          uint64         `json:"chain_id"`
	Number           uint64         `json:"number"`
	Hash             common.Hash    `json:"hash"`
	PreStateRoot     common.Hash    `json:"pre_state_root"`
	StateRoot        common.Hash    `json:"state_root"`
	ReceiptsRoot     common.Hash    `json:"receipts_root"`
	TransactionsRoot common.Hash    `json:"transactions_root"`
	WithdrawalsRoot  *common.Hash   `json:"withdrawals_root,omitempty"`
	RequestsHash     *common.Hash   `json:"requests_hash,omitempty"`
	AccessListHash   *common.Hash   `json:"block_access_list_hash,omitempty"`
	GasUsed          uint64         `json:"gas_used"`
	BlobGasUsed      uint64         `json:"blob_gas_used"`
	Transactions     int            `json:"transactions"`
	Failed           int            `json:"failed_transactions"`
	Withdrawals      int            `json:"withdrawals"`
	Requests         int            `json:"request_types"` // number of types of execution requests
	TouchedAccounts  int            `json:"touched_accounts"`
	Witness          witnessNumbers `json:"witness"`
	TimeMS           float64        `json:"time_ms"`
	MgasPerSecond    float64        `json:"mgas_per_second"`
}

// witnessNumbers counts the distinct entries of the witness, and those that the execution
// read.
type witnessNumbers struct {
	Nodes     int `json:"nodes"`
	NodesUsed int `json:"nodes_used"`
	Codes     int `json:"codes"`
	CodesUsed int `json:"codes_used"`
	Headers   int `json:"headers"`
}

func describe(rules *params.ChainConfig, r *stateless.Report) execution {
	return execution{
		Checker:          name + " " + release.Version,
		Engine:           stateless.Engine(),
		ChainID:          rules.ChainID.Uint64(),
		Number:           r.Number,
		Hash:             r.Hash,
		PreStateRoot:     r.PreStateRoot,
		StateRoot:        r.StateRoot,
		ReceiptsRoot:     r.ReceiptsRoot,
		TransactionsRoot: r.TransactionsRoot,
		WithdrawalsRoot:  r.WithdrawalsRoot,
		RequestsHash:     r.RequestsHash,
		AccessListHash:   r.AccessListHash,
		GasUsed:          r.GasUsed,
		BlobGasUsed:      r.BlobGasUsed,
		Transactions:     r.Transactions,
		Failed:           r.Failed,
		Withdrawals:      r.Withdrawals,
		Requests:         len(r.Requests),
		TouchedAccounts:  len(r.Touched),
		Witness:          witnessNumbers{r.Nodes, r.NodesUsed, r.Codes, r.CodesUsed, r.Headers},
		TimeMS:           milliseconds(r.Time),
		MgasPerSecond:    float64(r.GasUsed) / max(r.Time.Seconds(), 1e-9) / 1e6,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
