package eretest

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/proofline/proofline/plugins/prover-ere/proto/ere/api"
)

// recorded returns the outcomes of the recorded server. The input "panic" gives panicText.
func recorded(panicText string) func([]byte) Outcome {
	return func(input []byte) Outcome {
		switch string(input) {
		case "err":
			return Outcome{Err: "guest failed: exit code 1"}
		case "panic":
			return Outcome{Err: panicText}
		}
		return Outcome{}
	}
}

// prove waits for the slot, in the order of the requests, and proves. When a client
// disconnects while it waits, its request is dropped. When it disconnects later, the proof
// continues and holds the slot, and its result is lost.
func (s *Server) prove(r *http.Request, behaviour Behaviour, input []byte) proto.Message {
	s.mu.Lock()
	slot := s.slot
	s.mu.Unlock()
	select {
	case slot <- struct{}{}:
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
			<-slot
		}()
		done <- s.work(behaviour, input)
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

func (s *Server) work(behaviour Behaviour, input []byte) proto.Message {
	outcomeOf := behaviour.Prove
	if outcomeOf == nil {
		outcomeOf = recorded("prove panicked")
	}
	outcome := outcomeOf(input)
	if outcome.Until != nil {
		<-outcome.Until
	}
	switch {
	case outcome.Die:
		s.Stop() // who sees the connection end finds nobody listening
		return nil
	case outcome.Err != "":
		return &api.ProveResponse{Result: &api.ProveResponse_Err{Err: outcome.Err}}
	}
	ok := &api.ProveOk{PublicValues: input, Proof: append([]byte("PROOF:"), input...), Report: report(4927*time.Nanosecond, behaviour.Cycles)}
	if behaviour.Proof != nil {
		ok.PublicValues, ok.Proof = behaviour.PublicValues, behaviour.Proof
	} else if behaviour.PublicValues != nil {
		ok.PublicValues = behaviour.PublicValues
	}
	return &api.ProveResponse{Result: &api.ProveResponse_Ok{Ok: ok}}
}

func (s *Server) execute(behaviour Behaviour, input []byte) proto.Message {
	s.Executions.Add(1)
	outcomeOf := behaviour.Execute
	if outcomeOf == nil {
		outcomeOf = recorded("execute panicked")
	}
	switch outcome := outcomeOf(input); {
	case outcome.Die:
		s.Stop() // who sees the connection end finds nobody listening
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
	if behaviour.PublicValues != nil {
		publics = behaviour.PublicValues
	}
	return &api.ExecuteResponse{Result: &api.ExecuteResponse_Ok{Ok: &api.ExecuteOk{PublicValues: publics, Report: b}}}
}

func verify(behaviour Behaviour, container []byte) proto.Message {
	publics, ok := bytes.CutPrefix(container, []byte("PROOF:"))
	if behaviour.Proof != nil {
		publics, ok = behaviour.PublicValues, bytes.Equal(container, behaviour.Proof)
	} else if ok && behaviour.PublicValues != nil {
		publics = behaviour.PublicValues
	}
	if !ok {
		return &api.VerifyResponse{Result: &api.VerifyResponse_Err{Err: "bad proof"}}
	}
	return &api.VerifyResponse{Result: &api.VerifyResponse_Ok{Ok: &api.VerifyOk{PublicValues: publics}}}
}
