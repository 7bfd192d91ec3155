package portal

import (
	"context"
	"io"

	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/metrics"
)

// observe makes what the operator learns of the site by: the audit log and the metrics.
func (p *Portal) observe() error {
	p.ready = map[string]func(ctx context.Context) error{"database": p.store.Ping}
	p.metrics = metrics.New(metrics.Options{Database: p.store.Stats, Hashing: p.hashing.Load, Ready: p.ready, Log: p.log})
	o := auditlog.Options{Store: p.store, Proxies: p.settings.TrustedProxies(), Now: p.now, Count: p.metrics.Event, Log: p.log}
	p.lines = io.NopCloser(nil)
	if to := p.settings.Audit.File; to != "" {
		f, err := auditlog.Open(to)
		if err != nil {
			return p.settings.Err("audit.file", err.Error())
		}
		o.Lines, p.lines = f, f
	}
	p.audit = auditlog.New(o)
	return nil
}
