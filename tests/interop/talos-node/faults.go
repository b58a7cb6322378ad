package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// What goes wrong. Cut and drip are of the bytes inside TLS, counted from the end of the handshake on, so that frame headers, messages and trailers
// can all be hit; the rest is answered by the services.
type fault struct {
	Cut     *int   // after so many bytes …
	Conns   int    // … of the first so many connections only; 0: of all
	How     string // … "close" (TLS says goodbye), "fin" (it does not), "reset", "stall"
	Flip    *int   // this byte is another one
	DripMS  int    // one byte each time
	Status  int    // grpc-status of every call …
	Text    string
	Count   int // … or only of so many
	DelayMS int // before each answer
	Bytes   int // Version answers with a host name of so many bytes; Read sends so many
	Events  int // Dmesg sends so many lines
}

type faults struct {
	mu    sync.Mutex
	now   fault
	seen  int // calls
	conns int // connections
}

func (f *faults) set(to *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.conns = 0, 0
	if to == nil {
		to = &fault{}
	}
	f.now = *to
}

func (f *faults) get() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// The answer that a call gets instead of its own, if any.
func (f *faults) strike(ctx context.Context) error {
	f.mu.Lock()
	now := f.now
	f.seen++
	passed := now.Count > 0 && f.seen > now.Count
	f.mu.Unlock()
	if now.DelayMS > 0 {
		select {
		case <-time.After(time.Duration(now.DelayMS) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if now.Status == 0 || passed {
		return nil
	}
	return status.Error(codes.Code(now.Status), now.Text)
}

// A connection inside TLS that spoils what is written through it.
type spoiled struct {
	net.Conn
	raw     net.Conn
	faults  *faults
	number  int
	mu      sync.Mutex
	written int
	cut     bool
}

var errCut = errors.New("cut")

func (s *spoiled) end(how string) error {
	s.cut = true
	switch how {
	case "close":
		s.Conn.Close()
	case "reset":
		if tcp, ok := s.raw.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		s.raw.Close()
	case "stall":
		return nil
	default:
		s.raw.Close()
	}
	return errCut
}

func (s *spoiled) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.faults.get()
	if s.cut {
		if now.How == "stall" {
			return len(p), nil
		}
		return 0, errCut
	}
	rest := p
	if now.Cut != nil && (now.Conns == 0 || s.number <= now.Conns) && s.written+len(p) > *now.Cut {
		rest = p[:max(0, *now.Cut-s.written)]
	}
	if now.Flip != nil && *now.Flip >= s.written && *now.Flip < s.written+len(rest) {
		rest = append([]byte(nil), rest...)
		rest[*now.Flip-s.written] ^= byte(1 << (*now.Flip % 8))
	}
	if err := s.pass(rest, now.DripMS); err != nil {
		return 0, err
	}
	s.written += len(rest)
	if len(rest) < len(p) {
		if err := s.end(now.How); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (s *spoiled) pass(p []byte, drip int) error {
	if drip == 0 {
		if len(p) == 0 {
			return nil
		}
		_, err := s.Conn.Write(p)
		return err
	}
	for i := range p {
		time.Sleep(time.Duration(drip) * time.Millisecond)
		if _, err := s.Conn.Write(p[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// grpc-go's own TLS credentials, with spoiled connections.
type spoiling struct {
	credentials.TransportCredentials

	faults *faults
}

func (s spoiling) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := s.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	s.faults.mu.Lock()
	s.faults.conns++
	number := s.faults.conns
	s.faults.mu.Unlock()
	return &spoiled{Conn: conn, raw: raw, faults: s.faults, number: number}, info, nil
}

func (s spoiling) Clone() credentials.TransportCredentials {
	return spoiling{s.TransportCredentials.Clone(), s.faults}
}
