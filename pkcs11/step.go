package pkcs11

import "context"

// Step is a moment of a signature at the card, by the name that it has in the model of
// internal/lab/model.
type Step string

// The steps, from the lease of the module to its release.
const (
	StepJobBegun    Step = "job_begun"
	StepLoginBegun  Step = "login_begun" // C_Login is about to be called
	StepLoginRight  Step = "login_right"
	StepLoginWrong  Step = "login_wrong" // the card counted a try
	StepLoginFailed Step = "login_failed"
	StepSignBegun   Step = "sign_begun" // C_Sign is about to be called, C_SignInit with it but for keys that want the PIN each time
	StepSignEnded   Step = "sign_ended"
	StepJobEnded    Step = "job_ended" // the card is closed
)

// Begins reports whether a call of the card follows, which cannot be interrupted.
func (s Step) Begins() bool { return s == StepLoginBegun || s == StepSignBegun }

// step tells the caller of a step. It is the last look at whether anybody still wants
// the signature: where it fails, the call that would begin does not.
func (j *job) step(s Step) error {
	if s.Begins() && j.ctx.Err() != nil {
		return context.Cause(j.ctx)
	}
	if j.request.Step == nil {
		return nil
	}
	return j.request.Step(j.ctx, s)
}
