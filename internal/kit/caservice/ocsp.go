package caservice

import (
	"io"
	"math/big"
	"net/http"

	"golang.org/x/crypto/ocsp"
)

func (s *Service) serveOCSP(w http.ResponseWriter, r *http.Request, f fault) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := s.answer(body, r.URL.Path, f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	_, _ = w.Write(answer)
	if f.name == huge {
		_, _ = io.Copy(w, io.LimitReader(zeros{}, int64(f.entries)*16))
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// answer makes a responder's answer to a question.
func (s *Service) answer(question []byte, path string, f fault) ([]byte, error) {
	asked, err := ocsp.ParseRequest(question)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse, nil
	}
	issuer := s.o.PKI.Intermediate
	if path == rootOCSP {
		issuer = s.o.PKI.Root
	}
	now := s.o.Now()
	template := ocsp.Response{
		SerialNumber: asked.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(s.o.Validity),
		IssuerHash: asked.HashAlgorithm, Status: ocsp.Good,
	}
	if f.name == expired {
		template.ThisUpdate, template.NextUpdate = now.Add(-2*s.o.Validity), now.Add(-s.o.Validity)
	}
	if r, revoked := s.revocationOf(asked.SerialNumber); revoked {
		template.Status, template.RevokedAt, template.RevocationReason = ocsp.Revoked, r.since, r.code
	}
	responder := s.responders[path]
	template.Certificate = responder.Cert
	return ocsp.CreateResponse(issuer.Cert, responder.Cert, template, s.signer(f, responder.Key))
}

func (s *Service) revocationOf(number *big.Int) (revocation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, revoked := s.revoked[number.Text(16)]
	return r, revoked && r.code != removeFromCRL
}
