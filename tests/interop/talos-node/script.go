package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// One frame of an answer that grpc-go would never give.
type step struct {
	Headers [][2]string // a HEADERS frame: the answer's, or trailers
	Data    *string     // a DATA frame, in hexadecimal
	Repeat  int         // … so often
	End     bool        // END_STREAM
	Reset   *uint32     // RST_STREAM with this code
	GoAway  *uint32     // GOAWAY with this code; the stream is among those that were taken, unless …
	Refused bool        // … it is not
	SleepMS int
	Close   bool // the connection ends
	Raw     string
}

// The bytes of an answer of the real messages, in hexadecimal.
func payload(name string) (any, error) {
	n := &node{options: options{Hostname: "script"}, bootstrapped: true, where: &net.TCPAddr{IP: net.IPv6loopback, Port: 1}}
	var message proto.Message
	var err error
	ctx := context.Background()
	switch name {
	case "VersionResponse":
		message, err = n.Version(ctx, &emptypb.Empty{})
	case "Data":
		message = &common.Data{Bytes: []byte("a line\n")}
	case "MetadataError":
		m, _ := n.Version(ctx, &emptypb.Empty{})
		m.Messages[0].Metadata.Error = "rpc error: code = Unavailable desc = connection refused"
		message = m
	default:
		err = errors.New("there is no payload " + name)
	}
	if err != nil {
		return nil, err
	}
	text, err := proto.Marshal(message)
	return hex.EncodeToString(text), err
}

func (n *node) play(l net.Listener, config *tls.Config) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer raw.Close()
			conn := tls.Server(raw, config)
			if conn.Handshake() != nil {
				return
			}
			switch {
			case n.options.Silent != "":
				io.Copy(io.Discard, conn)
			case n.options.HTTP1 != "":
				conn.Read(make([]byte, 4096))
				conn.Write([]byte(n.options.HTTP1))
				conn.Close()
			default:
				n.frames(conn, raw)
			}
		}()
	}
}

func (n *node) frames(conn *tls.Conn, raw net.Conn) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	framer := http2.NewFramer(conn, conn)
	framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	framer.WriteWindowUpdate(0, 1<<30)
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				framer.WritePing(true, f.Data)
			}
		}
		if f.Header().Flags.Has(http2.FlagDataEndStream) && (f.Header().Type == http2.FrameData || f.Header().Type == http2.FrameHeaders) {
			if !n.perform(framer, conn, raw, f.Header().StreamID) {
				return
			}
		}
	}
}

func (n *node) perform(framer *http2.Framer, conn *tls.Conn, raw net.Conn, stream uint32) bool {
	var packed bytes.Buffer
	encoder := hpack.NewEncoder(&packed)
	for _, s := range n.options.Script {
		switch {
		case s.Headers != nil:
			packed.Reset()
			for _, h := range s.Headers {
				encoder.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
			}
			framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: packed.Bytes(), EndHeaders: true, EndStream: s.End})
		case s.Data != nil:
			data, _ := hex.DecodeString(*s.Data)
			for i := range max(1, s.Repeat) {
				framer.WriteData(stream, s.End && i == max(1, s.Repeat)-1, data)
			}
		case s.Reset != nil:
			framer.WriteRSTStream(stream, http2.ErrCode(*s.Reset))
		case s.GoAway != nil:
			last := stream
			if s.Refused {
				last = 0
			}
			framer.WriteGoAway(last, http2.ErrCode(*s.GoAway), []byte("because"))
		case s.SleepMS > 0:
			time.Sleep(time.Duration(s.SleepMS) * time.Millisecond)
		case s.Raw != "":
			data, _ := hex.DecodeString(s.Raw)
			conn.Write(data)
		case s.Close:
			raw.Close()
			return false
		}
	}
	return true
}
