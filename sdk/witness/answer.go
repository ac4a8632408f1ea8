package witness

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/proofline/proofline/sdk/text"
	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

var errNull = errors.New("null: the node does not have it")

// answerObject reads the object that a node answered and calls member for each of its
// keys, as jsonhex.Reader.Object does. The document is the object itself or the whole
// JSON-RPC answer around it. It is an answer if a member "result" comes before any member
// of the object's own. Members "jsonrpc", "id" and "error" of the object itself are
// skipped. It fails if the answer is an error or null, and if anything follows the
// document.
func answerObject(r *jsonhex.Reader, member func(key []byte) error) error {
	if null, err := r.Null(); null || err != nil {
		if err == nil {
			err = errNull
		}
		return err
	}
	envelope, found, own := false, false, false
	var failure error
	err := r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "jsonrpc", "id":
			envelope = true
			return r.Skip()
		case "error":
			envelope = true
			failure, err = nodeError(r)
			return err
		case "result":
			if own {
				return r.Skip()
			}
			if found {
				return errors.New("two results in one answer")
			}
			envelope = true
			if null, err := r.Null(); null || err != nil {
				return err
			}
			found = true
			return r.Object(member)
		}
		if found {
			return r.Skip()
		}
		own = true
		return member(key)
	})
	switch {
	case err != nil:
		return err
	case !own && failure != nil:
		return failure
	case !own && envelope && !found:
		return fmt.Errorf("result is %w", errNull)
	}
	return r.End()
}

// nodeError consumes the member "error" of an answer and returns it as an error. Failure is
// nil if the member is null.
func nodeError(r *jsonhex.Reader) (failure, err error) {
	raw, err := r.Raw()
	if err != nil || string(raw) == "null" {
		return nil, err
	}
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return fmt.Errorf("the node answered an error that is not readable: %s", jsonhex.Excerpt(raw)), nil
	}
	return fmt.Errorf("the node answered error %d: %s", body.Code, text.Cut(body.Message, 500)), nil
}
