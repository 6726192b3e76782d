package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"stepup/sidecar/access"
	"stepup/sidecar/protocol"
)

// A body is what the limit decodes of a question: everything, as strictly as the sidecar.
type body struct {
	token    string
	action   *access.Action
	resource *access.Resource
	context  access.Object
}

var members = protocol.Members[body]{
	"token":    func(d *protocol.Decoder, b *body) error { return d.Filled(&b.token) },
	"action":   func(d *protocol.Decoder, b *body) error { return d.Action(&b.action) },
	"resource": func(d *protocol.Decoder, b *body) error { return d.Resource(&b.resource) },
	"context":  func(d *protocol.Decoder, b *body) error { return d.Free(&b.context) },
}

// limit serves, on one address, an answer of so many bytes to whatever decodes strictly.
func limit(address string, size int) error {
	answer := bytes.Repeat([]byte("x"), size)
	length := []string{strconv.Itoa(size)}
	kind := []string{echo.MIMEApplicationJSON}
	e := echo.New()
	e.POST("/*", func(c echo.Context) error {
		text, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, protocol.DefaultBody))
		if err != nil {
			return err
		}
		var b body
		if err := protocol.Decode(protocol.Fragment{Text: text}, func(d *protocol.Decoder) error { return protocol.Object(d, members, &b) }); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, err.Error())
		}
		h := c.Response().Header()
		h[echo.HeaderContentType], h[echo.HeaderContentLength] = kind, length
		c.Response().WriteHeader(http.StatusOK)
		_, err = c.Response().Write(answer)
		return err
	})
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	// The same timeouts as the sidecar has: each costs something.
	server := &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	return server.Serve(l)
}
