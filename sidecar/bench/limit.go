package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/labstack/echo/v4"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"stepup/sidecar/access"
	"stepup/sidecar/heap"
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

// The files that have the answers of the limit: copies of ours.
const (
	answerFile = "answer.json"
	checkFile  = "answer.pb"
)

// limit serves fixed answers: over HTTP on one address, to a POST whose body decodes
// strictly and to any GET; over gRPC on the other, to a Check.
func limit(web, rpc, dir string) error {
	answer, err := os.ReadFile(filepath.Join(dir, answerFile))
	if err != nil {
		return err
	}
	message, err := os.ReadFile(filepath.Join(dir, checkFile))
	if err != nil {
		return err
	}
	checks := &checks{answer: &authv3.CheckResponse{}}
	if err := proto.Unmarshal(message, checks.answer); err != nil {
		return err
	}
	// As serve does: what the collector costs is to be a difference of the work only.
	defer heap.Spread(heap.Enough)()
	failed := make(chan error, 2)
	go func() { failed <- checks.serve(rpc) }()
	go func() { failed <- serveEcho(web, answer) }()
	return <-failed
}

func serveEcho(address string, answer []byte) error {
	length := []string{strconv.Itoa(len(answer))}
	kind, none := []string{echo.MIMEApplicationJSON}, []string{"0"}
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
	e.GET("/*", func(c echo.Context) error {
		c.Response().Header()[echo.HeaderContentLength] = none
		return c.NoContent(http.StatusOK)
	})
	e.GET("/metrics", func(c echo.Context) error {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return c.String(http.StatusOK, fmt.Sprintf("%s %d\n", mallocs, m.Mallocs))
	})
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	// The same timeouts as the sidecar has: each costs something.
	server := &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	return server.Serve(l)
}

// checks answers Envoy.
type checks struct {
	authv3.UnimplementedAuthorizationServer
	answer *authv3.CheckResponse
}

func (c *checks) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return c.answer, nil
}

func (c *checks) serve(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	authv3.RegisterAuthorizationServer(server, c)
	return server.Serve(l)
}
