package witness

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

var errNull = errors.New("null: the node does not have it")

// Object walks the object that a node answered and calls member for each of its
// keys, as jsonhex.Reader.Object does. The document is the object itself or the
// whole JSON-RPC answer around it. An answer that is an error or null is an
// error, and so is anything behind the document.
func Object(r *jsonhex.Reader, member func(key []byte) error) error {
	if null, err := r.Null(); null || err != nil {
		if err == nil {
			err = errNull
		}
		return err
	}
	answer, found := false, false
	err := r.Object(func(key []byte) error {
		switch string(key) {
		case "jsonrpc", "id":
			answer = true
			return r.Skip()
		case "error":
			answer = true
			return rpcError(r)
		case "result":
			answer = true
			if null, err := r.Null(); null || err != nil {
				return err
			}
			found = true
			return r.Object(member)
		}
		return member(key)
	})
	switch {
	case err != nil:
		return err
	case answer && !found:
		return fmt.Errorf("result is %w", errNull)
	}
	return r.End()
}

// Result returns the result in a JSON-RPC answer, or the document itself where it
// is no answer. The errors are those of Object. The result is a part of data.
func Result(data []byte) ([]byte, error) {
	r := jsonhex.NewReader(data)
	if err := Object(r, func([]byte) error { return r.Skip() }); err != nil {
		return nil, err
	}
	result := data
	r = jsonhex.NewReader(data)
	err := r.Object(func(key []byte) (err error) {
		if string(key) != "result" {
			return r.Skip()
		}
		result, err = r.Raw()
		return err
	})
	return result, err
}

// rpcError consumes the error member of an answer and returns it as an error,
// nil where it is null.
func rpcError(r *jsonhex.Reader) error {
	text, err := r.Raw()
	if err != nil || string(text) == "null" {
		return err
	}
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return fmt.Errorf("the node answered an error that is not readable: %s", jsonhex.Excerpt(text))
	}
	return fmt.Errorf("the node answered error %d: %s", body.Code, body.Message)
}
