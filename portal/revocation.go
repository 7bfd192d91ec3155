package portal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

// revocation makes what says whether a card is revoked, as the settings have it.
func (p *Portal) revocation(ctx context.Context, profile authtoken.Profile) (authtoken.Revocation, error) {
	if p.settings.Revocation == settings.RevocationOff {
		return authtoken.RevocationOff, nil
	}
	o, err := p.settings.CheckerOptions(profile)
	if err != nil {
		return nil, err
	}
	o.Log, o.Now = p.log, p.now
	if folder := p.settings.CRL.Folder; folder != "" {
		if o.Store, err = revocation.NewFolder(folder); err != nil {
			return nil, p.settings.Err("crl.folder", err.Error())
		}
	} else if o.Store, err = p.store.Lists(ctx); err != nil {
		return nil, err
	}
	if o.Soft {
		p.log.Warn("a card of which nobody knows whether it is revoked is let in, as crl.soft says")
	}
	if p.checker, err = revocation.New(o); err != nil {
		return nil, p.settings.Err("crl", err.Error())
	}
	p.ready["revocation lists"] = func(context.Context) error { return p.listsCount(p.now()) }
	return p.checker, nil
}

// listsCount fails where a revocation list that was fetched counts no more: its cards would be
// refused here, and maybe not by an instance that reaches the list.
func (p *Portal) listsCount(at time.Time) error {
	for _, list := range p.checker.Status() {
		if list.Held && !list.Usable(at) {
			return errors.Join(fmt.Errorf("the revocation list %s has been out of date since %v", list.Address, list.NextUpdate), list.Failure)
		}
	}
	return nil
}
