package sidecar

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"stepup/sidecar/config"
	"stepup/sidecar/httpreq"
	"stepup/sidecar/watch"
)

// ReadRoutes reads the file that lists what requests are about; nil where none is configured.
// Errors tell file and line.
func ReadRoutes(c config.Routes) (*httpreq.Routes, error) {
	f := newRoutesFile(c)
	if f == nil {
		return nil, nil
	}
	return f.routes, f.load(context.Background())
}

// A routesFile is the file that lists what requests are about, and what it listed last. What is
// refused of it changes nothing.
type routesFile struct {
	key    string // of the configuration
	name   string
	read   func(file string, text []byte, closed bool) (*httpreq.Routes, error)
	closed bool
	routes *httpreq.Routes // what the doors hold
	text   []byte          // that is in force

	mu    sync.Mutex
	wrong error // why the newest text is not in force; nil if it is
}

// newRoutesFile returns the configured file, not read yet; nil where there is none.
func newRoutesFile(c config.Routes) *routesFile {
	key, name, read := "routes.table", c.Table, httpreq.ReadTable
	if c.OpenAPI != "" {
		key, name, read = "routes.openapi", c.OpenAPI, httpreq.ReadOpenAPI
	}
	if name == "" {
		return nil
	}
	return &routesFile{key: key, name: name, read: read, closed: c.Unlisted == "deny", routes: &httpreq.Routes{}}
}

// openRoutes reads the configured file; nil where there is none.
func openRoutes(c config.Routes) (*routesFile, error) {
	f := newRoutesFile(c)
	if f == nil {
		return nil, nil
	}
	return f, f.load(context.Background())
}

// inForce is what the doors hold requests against; nil where there is no file.
func (f *routesFile) inForce() *httpreq.Routes {
	if f == nil {
		return nil
	}
	return f.routes
}

// load puts what the file lists now in force, or changes nothing.
func (f *routesFile) load(context.Context) error {
	text, err := os.ReadFile(f.name)
	if err != nil {
		return fmt.Errorf("%s: %w", f.key, err)
	}
	if f.text != nil && bytes.Equal(text, f.text) {
		return nil
	}
	routes, err := f.read(f.name, text, f.closed)
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	f.text = text
	f.routes.Become(routes)
	return nil
}

// follow loads the file whenever it changes, until the context ends.
func (f *routesFile) follow(ctx context.Context, log *slog.Logger, refused func()) error {
	before := f.text
	err := watch.Follow(ctx, watch.Config{
		Folders: func(context.Context) []string { return watch.Anchors(f.name) },
		Load:    f.load,
		Told: func(err error) {
			f.conclude(err, log, refused)
			if !bytes.Equal(before, f.text) {
				before = f.text
				log.Info("routes are in force", "file", f.name, "paths", f.routes.Size())
			}
		},
		Pace: watch.NormalPace(),
	})
	if err != nil {
		return fmt.Errorf("watching the routes: %w", err)
	}
	return nil
}

// conclude remembers how a loading ended, and tells of it where that is news.
func (f *routesFile) conclude(err error, log *slog.Logger, refused func()) {
	f.mu.Lock()
	before := f.wrong
	f.wrong = err
	f.mu.Unlock()
	if err == nil {
		if before != nil {
			log.Info("the routes are good again", "file", f.name)
		}
		return
	}
	refused()
	if before == nil || before.Error() != err.Error() {
		log.Error("the new routes are refused; the ones before stay in force", "error", err, "paths", f.routes.Size())
	}
}

// refused reports whether the newest text is not in force.
func (f *routesFile) refused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wrong != nil
}
