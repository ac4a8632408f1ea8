package verify

import "encoding/json"

// globalInfo holds the members of pilout.globalInfo.json that are read.
type globalInfo struct {
	Hash string `json:"hash"` // name of the family
}

// starkInfo holds the members of vadcop_final.starkinfo.json that are read.
type starkInfo struct {
	Struct struct {
		Bits            int    `json:"nBits"`
		Extended        int    `json:"nBitsExt"`
		Arity           int    `json:"merkleTreeArity"`
		TranscriptArity int    `json:"transcriptArity"`
		Last            int    `json:"lastLevelVerification"`
		Hashed          bool   `json:"hashCommits"`
		Hash            string `json:"verificationHashType"` // GL: a hash over Goldilocks

		// up to 1.3
		Queries  int `json:"nQueries"`
		WorkBits int `json:"powBits"`
		Steps    []struct {
			Bits int `json:"nBits"`
		} `json:"steps"`

		// from 1.4
		Test     string  `json:"lowDegreeTest"` // STIR, else FRI
		Folds    []int   `json:"foldingFactors"`
		Degrees  []int   `json:"logDegrees"`
		Domains  []int   `json:"logDomainSizes"`
		Rounds   numbers `json:"numQueries"`
		Grinding numbers `json:"grindingBitsQueries"`
	} `json:"starkStruct"`
	Publics    int               `json:"nPublics"`
	Stages     int               `json:"nStages"`
	Constants  int               `json:"nConstants"`
	Sections   map[string]int    `json:"mapSectionsN"`
	Openings   []int             `json:"openingPoints"`
	Parts      int               `json:"qDeg"`
	Multiproof bool              `json:"multiproof"`
	Custom     []json.RawMessage `json:"customCommits"`
	Boundaries []struct {
		Name string `json:"name"`
	} `json:"boundaries"`
	Columns []struct {
		Stage    int `json:"stage"`
		StageID  int `json:"stageId"`
		Position int `json:"stagePos"`
		Width    int `json:"dim"`
	} `json:"cmPolsMap"`
	Evals []evalRef `json:"evMap"`
}

type evalRef struct {
	Type    string `json:"type"`
	ID      int    `json:"id"`
	Opening int    `json:"openingPos"`
}

// numbers is a single number in JSON, for FRI, or a list of numbers, for STIR.
type numbers []int

func (n *numbers) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]int)(n))
	}
	*n = make([]int, 1)
	return json.Unmarshal(text, &(*n)[0])
}

// verifierInfo holds the members of vadcop_final.verifierinfo.json that are read.
type verifierInfo struct {
	Quotient struct {
		Temporaries int           `json:"tmpUsed"`
		Code        []instruction `json:"code"`
	} `json:"qVerifier"`
}

type instruction struct {
	Op          string       `json:"op"`
	Destination operandRef   `json:"dest"`
	Sources     []operandRef `json:"src"`
}

type operandRef struct {
	Type     string          `json:"type"`
	ID       int             `json:"id"`
	Boundary int             `json:"boundaryId"`
	Value    json.RawMessage `json:"value"`
}
