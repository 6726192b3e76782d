package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

// A Size is a number of bytes, written "16KiB", "1MiB" or "1048576".
type Size int64

// A unit of a Size.
type unit struct {
	suffix string
	bytes  int64
}

// units returns the units of sizes. A suffix stands before any that it ends with, and
// the whole list from the largest binary one down, which is how String prefers them.
func units() []unit {
	return []unit{
		{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
	}
}

// UnmarshalText reads a whole number with or without a unit.
func (s *Size) UnmarshalText(text []byte) error {
	digits, factor := strings.TrimSpace(string(text)), int64(1)
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(digits, u.suffix); ok {
			digits, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return errors.New("not a whole number of bytes, KiB, MiB or GiB")
	}
	*s = Size(int64(n) * factor)
	return nil
}

// String writes the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range units()[:3] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// An Address is where a listener listens: "host:port" or "unix:///path". Empty means
// that there is no listener.
type Address string

// unixScheme begins the address of a Unix socket.
const unixScheme = "unix://"

// UnmarshalText reads an address and refuses what could not be listened on.
func (a *Address) UnmarshalText(text []byte) error {
	s := string(text)
	if err := checkAddress(s); err != nil {
		return err
	}
	*a = Address(s)
	return nil
}

// checkAddress says why s is not an address.
func checkAddress(s string) error {
	if s == "" {
		return nil
	}
	if socket, ok := strings.CutPrefix(s, unixScheme); ok {
		return checkSocket(socket)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("neither host:port nor unix:///path")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("no address: its port %q is not a number from 0 to 65535", port)
	}
	return checkHost(host)
}

// checkSocket says why p is not the path of a socket.
func checkSocket(p string) error {
	if !path.IsAbs(p) || strings.HasSuffix(p, "/") {
		return errors.New("not the absolute path of a Unix socket, as in unix:///run/stepup.sock")
	}
	return nil
}

// checkHost says why host is neither an IP address nor a name. Empty is every interface.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return nil
	}
	for _, r := range host {
		if !isAlphanumeric(r) && !strings.ContainsRune("-._", r) {
			return fmt.Errorf("no address: its host %q is neither an IP address nor a name", host)
		}
	}
	return nil
}

// isAlphanumeric reports whether r is an ASCII letter or digit.
func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// Network returns the two arguments of [net.Listen].
func (a Address) Network() (network, address string) {
	if socket, ok := strings.CutPrefix(string(a), unixScheme); ok {
		return "unix", socket
	}
	return "tcp", string(a)
}

// Local reports whether only this machine can reach the address: a Unix socket, a
// loopback IP address or the name localhost. Another name is never local, whatever it
// resolves to today; an empty address is, since nothing listens there.
func (a Address) Local() bool {
	if network, _ := a.Network(); network == "unix" || a == "" {
		return true
	}
	host, _, err := net.SplitHostPort(string(a))
	return err == nil && isLoopback(host)
}

// anyPort reports whether the system chooses the port, so that two equal addresses do
// not clash.
func (a Address) anyPort() bool {
	_, port, err := net.SplitHostPort(string(a))
	return err == nil && port == "0"
}

// isLoopback reports whether host is localhost or a loopback IP address.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// A User is the number of a Unix user in decimal, as id -u prints it; empty: none.
type User string

// overflowUID is how Linux shows every user that it cannot tell in a container's namespace.
const overflowUID = 65534

// UnmarshalText reads a number that means one user, or nothing.
func (u *User) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = ""
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	switch {
	case err != nil || strconv.FormatUint(n, 10) != string(text) || n == 1<<32-1:
		return errors.New("not the number of a user")
	case n == overflowUID:
		return errors.New("what Linux shows for every user that it cannot tell")
	}
	*u = User(text)
	return nil
}

// Number returns the user; nil if there is none.
func (u User) Number() (*uint32, error) {
	if u == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(string(u), 10, 32)
	if err != nil {
		return nil, errors.New("not the number of a user")
	}
	uid := uint32(n)
	return &uid, nil
}

// parseDuration reads a duration as Go writes it.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("not a duration such as 100ms, 30s or 1m")
	}
	return d, nil
}

// formatDuration writes a duration without the zero units that Go appends: 1m, not 1m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
