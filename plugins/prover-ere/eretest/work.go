package eretest

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/proofline/proofline/plugins/prover-ere/proto/ere/api"
)

// recorded is what the recorded server does with an input.
func recorded(panics string) func([]byte) Outcome {
	return func(input []byte) Outcome {
		switch string(input) {
		case "err":
			return Outcome{Err: "guest failed: exit code 1"}
		case "panic":
			return Outcome{Err: panics}
		}
		return Outcome{}
	}
}

// prove waits for the place, in the order in which requests came, and proves. A client
// that leaves while it waits is forgotten; one that leaves later is not: the proof goes
// on, holds the place, and its result is lost.
func (s *Server) prove(r *http.Request, how Behaviour, input []byte) proto.Message {
	s.mu.Lock()
	place := s.place
	s.mu.Unlock()
	select {
	case place <- struct{}{}:
	case <-r.Context().Done():
		return nil
	}
	s.Proofs.Add(1)
	s.Inputs.Store(string(input), true)
	s.setProving(time.Now())
	done := make(chan proto.Message, 1)
	go func() {
		defer func() {
			s.setProving(time.Time{})
			<-place
		}()
		done <- s.work(how, input)
	}()
	select {
	case answer := <-done:
		return answer
	case <-r.Context().Done():
		return nil
	}
}

func (s *Server) setProving(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proving = since
}

func (s *Server) work(how Behaviour, input []byte) proto.Message {
	do := how.Prove
	if do == nil {
		do = recorded("prove panicked")
	}
	outcome := do(input)
	if outcome.Until != nil {
		<-outcome.Until
	}
	switch {
	case outcome.Die:
		go s.Stop()
		return nil
	case outcome.Err != "":
		return &api.ProveResponse{Result: &api.ProveResponse_Err{Err: outcome.Err}}
	}
	ok := &api.ProveOk{PublicValues: input, Proof: append([]byte("PROOF:"), input...), Report: report(4927*time.Nanosecond, how.Cycles)}
	if how.Proof != nil {
		ok.PublicValues, ok.Proof = how.PublicValues, how.Proof
	} else if how.PublicValues != nil {
		ok.PublicValues = how.PublicValues
	}
	return &api.ProveResponse{Result: &api.ProveResponse_Ok{Ok: ok}}
}

func (s *Server) execute(how Behaviour, input []byte) proto.Message {
	s.Executions.Add(1)
	do := how.Execute
	if do == nil {
		do = recorded("execute panicked")
	}
	switch outcome := do(input); {
	case outcome.Die:
		go s.Stop()
		return nil
	case outcome.Err != "":
		return &api.ExecuteResponse{Result: &api.ExecuteResponse_Err{Err: outcome.Err}}
	}
	b := binary.LittleEndian.AppendUint64(nil, 12345)
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = append(binary.LittleEndian.AppendUint64(b, 5), "setup"...)
	b = binary.LittleEndian.AppendUint64(b, 45)
	b = append(b, report(28392*time.Nanosecond, 0)[:12]...)
	publics := input
	if how.PublicValues != nil {
		publics = how.PublicValues
	}
	return &api.ExecuteResponse{Result: &api.ExecuteResponse_Ok{Ok: &api.ExecuteOk{PublicValues: publics, Report: b}}}
}

func verify(how Behaviour, container []byte) proto.Message {
	publics, ok := bytes.CutPrefix(container, []byte("PROOF:"))
	if how.Proof != nil {
		publics, ok = how.PublicValues, bytes.Equal(container, how.Proof)
	} else if ok && how.PublicValues != nil {
		publics = how.PublicValues
	}
	if !ok {
		return &api.VerifyResponse{Result: &api.VerifyResponse_Err{Err: "bad proof"}}
	}
	return &api.VerifyResponse{Result: &api.VerifyResponse_Ok{Ok: &api.VerifyOk{PublicValues: publics}}}
}
