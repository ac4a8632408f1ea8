package ethnode

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// Unwrap copies a JSON document from src to dst. Where the document is a whole
// JSON-RPC response, as tools save it, Unwrap copies only its result. It returns an
// *RPCError where the response is an error.
func Unwrap(dst io.Writer, src io.Reader) error {
	in := bufio.NewReaderSize(src, 128<<10)
	start, err := in.Peek(512)
	if err != nil && err != io.EOF {
		return err
	}
	if !isAnswer(start) {
		_, err := io.Copy(dst, in)
		return err
	}
	env := &envelope{dst: dst}
	if _, err := io.Copy(env, in); err != nil {
		return err
	}
	return env.Close()
}

// isAnswer reports whether the first member of the document is one of a JSON-RPC
// response.
func isAnswer(start []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(start))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	name, err := dec.Token()
	return err == nil && (name == "jsonrpc" || name == "id" || name == "result" || name == "error")
}
