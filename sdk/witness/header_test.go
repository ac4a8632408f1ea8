package witness

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// A number that is absent and one that is zero have one encoding between others,
// so that the hash does not tell them apart: a header of a fork must have all that
// the fork and those before it have added, in a block and in a witness. The blocks
// are geth's, and the vector of Amsterdam.
func TestHeaderOfForks(t *testing.T) {
	texts := map[string][]byte{"Osaka": gethBlock(t, 10)}
	if root, err := witnesstest.Find("vectors"); err == nil {
		if texts["Amsterdam"], err = ReadFile(filepath.Join(root, "amsterdam", "d4_sar00", "block.json")); err != nil {
			t.Fatal(err)
		}
	}
	for fork, text := range texts {
		var b object
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash", "blockAccessListHash", "slotNumber"} {
			if _, there := b[name]; !there {
				continue
			}
			for how, change := range map[string]func(object){
				"absent": func(o object) { delete(o, name) },
				"null":   func(o object) { o[name] = nil },
			} {
				for _, named := range []bool{true, false} {
					without := func(o object) {
						change(o)
						if !named {
							delete(o, "hash")
						}
					}
					// The newest member of a header that does not name its hash may be
					// that of a later fork: nothing else tells of the fork.
					if !named && name == "requestsHash" && fork == "Osaka" {
						continue
					}
					want := name + " is missing"
					_, err := DecodeBlock(changed(t, text, without))
					if named && name == "requestsHash" && fork == "Osaka" {
						want = "the header hashes to"
					}
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("block of %s, %s %s, hash named: %v: have %v, want %s", fork, name, how, named, err, want)
					}
					header := changed(t, text, func(o object) {
						without(o)
						delete(o, "transactions")
						delete(o, "withdrawals")
					})
					if _, err := Decode([]byte(fmt.Sprintf(`{"state":[],"codes":[],"headers":[%s]}`, header))); err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("header of %s in a witness, %s %s, hash named: %v: have %v, want %s", fork, name, how, named, err, want)
					}
				}
			}
		}
	}
}

// The members of each fork without those of later ones are a header.
func TestHeaderOfEarlierForks(t *testing.T) {
	newest := [][]string{{"requestsHash"}, {"blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot"}, {"withdrawalsRoot", "withdrawals"}}
	text := gethBlock(t, 10)
	for i, names := range newest {
		text = changed(t, text, func(b object) {
			delete(b, "hash")
			for _, name := range names {
				delete(b, name)
			}
		})
		if _, err := DecodeBlock(text); err != nil {
			t.Errorf("%d forks before Osaka: %v", i+1, err)
		}
	}
}
