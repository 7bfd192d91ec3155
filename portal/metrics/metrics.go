// Package metrics counts what the portal does, for Prometheus, and says whether an instance
// lives and is ready. A [Metrics] may be used concurrently. Nothing in it names a person, an
// account, a card or an address.
package metrics

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what is measured besides requests.
type Options struct {
	// Database returns the state of the connections to the database.
	Database func() sql.DBStats
	// Hashing returns how many passwords are being hashed, and how many wait for that.
	Hashing func() (running, queued int)
	// Ready are the checks of readiness, by the name that the log has for each.
	Ready map[string]func(ctx context.Context) error
	Log   *slog.Logger
}

// Metrics are those of an instance.
type Metrics struct {
	o        Options
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
	draining atomic.Bool
}

// New makes the metrics of an instance.
func New(o Options) *Metrics {
	m := &Metrics{
		o: o, registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cpx_portal_requests_total", Help: "Requests, by kind and status."}, []string{"kind", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cpx_portal_request_seconds", Help: "How long requests took, by kind.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"kind"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cpx_portal_events_total", Help: "Events of the audit log, by event and reason."}, []string{"event", "reason"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(m.requests, m.seconds, m.events,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("cpx_portal_hashing_running", "Passwords that are being hashed.", func() float64 { n, _ := o.Hashing(); return float64(n) }),
		gauge("cpx_portal_hashing_queued", "Passwords that wait to be hashed.", func() float64 { _, n := o.Hashing(); return float64(n) }),
		gauge("cpx_portal_database_connections", "Open connections to the database.", func() float64 { return float64(o.Database().OpenConnections) }),
		gauge("cpx_portal_database_busy", "Connections to the database that are in use.", func() float64 { return float64(o.Database().InUse) }),
		gauge("cpx_portal_database_wait_seconds", "How long requests have waited for a connection, in all.", func() float64 { return o.Database().WaitDuration.Seconds() }),
		gauge("cpx_portal_ready", "1 where the instance is ready.", func() float64 {
			ctx, end := context.WithTimeout(context.Background(), patience)
			defer end()
			if m.ready(ctx) {
				return 1
			}
			return 0
		}))
	return m
}

// Event counts an event of the audit log.
func (m *Metrics) Event(event, reason string) { m.events.WithLabelValues(event, reason).Inc() }

// Middleware counts requests.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, kind := time.Now(), kindOf(r.URL.Path)
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.requests.WithLabelValues(kind, strconv.Itoa(s.status)).Inc()
			m.seconds.WithLabelValues(kind).Observe(time.Since(begun).Seconds())
		}()
		next.ServeHTTP(s, r)
	})
}

// kindOf is one of few words, whatever is asked for.
func kindOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/static/"):
		return "file"
	case path == "/auth/challenge", path == "/auth/login", path == "/auth/selftest":
		return strings.TrimPrefix(path, "/auth/")
	case path == pathLive, path == pathReady:
		return "health"
	}
	return "page"
}

type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (s *statusWriter) WriteHeader(status int) {
	if !s.wrote {
		s.status, s.wrote = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	s.wrote = true
	return s.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

const (
	pathLive  = "/healthz"
	pathReady = "/readyz"
	// patience is how long a check of readiness may take.
	patience = 2 * time.Second
)

// Handler serves /metrics, /healthz and /readyz, on an address of their own.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(m.o.Log.Handler(), slog.LevelWarn)}))
	mux.Handle("/", m.Health(http.NotFoundHandler()))
	return mux
}

// Health answers /healthz and /readyz to whoever asks, by whatever name for this machine: they
// say one word. Anything else goes on to next.
func (m *Metrics) Health(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said, status := "", http.StatusOK
		switch r.URL.Path {
		case pathLive:
			said = "alive"
		case pathReady:
			ctx, end := context.WithTimeout(r.Context(), patience)
			defer end()
			if said = "ready"; !m.ready(ctx) {
				said, status = "not ready", http.StatusServiceUnavailable
			}
		default:
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(said + "\n")) // that whoever asked is gone is no error of ours
	})
}

// Drain makes the instance not ready for good: it is about to end.
func (m *Metrics) Drain() { m.draining.Store(true) }

func (m *Metrics) ready(ctx context.Context) bool {
	if m.draining.Load() {
		return false
	}
	for name, check := range m.o.Ready {
		if err := check(ctx); err != nil {
			m.o.Log.Warn("not ready", "check", name, "error", err)
			return false
		}
	}
	return true
}
