// Package gin is a portal on Gin with login by card: a page with the button, and one for
// those who have logged in.
package gin

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/js"
	"github.com/gin-gonic/gin"
)

//go:embed pages.html
var text string

var pages = template.Must(template.New("pages").Parse(text))

// New is the portal. rules are those of the authorities whose cards the verifier takes.
func New(verifier *authtoken.Verifier, rules cps.Rules) (http.Handler, error) {
	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: rules, Next: "/espace"})
	if err != nil {
		return nil, err
	}
	router := gin.New()
	router.SetHTMLTemplate(pages)
	router.GET("/static/cpx-bridge/*file", gin.WrapH(js.Handler("/static/cpx-bridge/")))
	router.Any("/auth/*endpoint", gin.WrapH(cards))
	router.GET("/", func(c *gin.Context) { c.HTML(http.StatusOK, "home", nil) })
	inside := router.Group("/", required(cards))
	inside.GET("/espace", func(c *gin.Context) { c.HTML(http.StatusOK, "space", cardlogin.Current(c.Request.Context())) })
	return cards.Protect(router), nil
}

// required lets in who is logged in alone.
func required(cards *cardlogin.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		in := false
		cards.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			in, c.Request = true, r
		})).ServeHTTP(c.Writer, c.Request)
		if !in {
			c.Abort() // the answer is written
		}
	}
}
