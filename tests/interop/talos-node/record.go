package main

import (
	"context"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// One call as the server saw it.
type record struct {
	Method     string              `json:"method"`
	Roles      []string            `json:"roles"`
	DeadlineMS int64               `json:"deadline_ms"` // 0: none
	Headers    map[string][]string `json:"headers"`
	Message    string              `json:"message,omitempty"` // protobuf's JSON, whose blanks differ from build to build; when it is short
	Unknown    int                 `json:"unknown"`           // bytes that Talos' messages have no field for
	Status     string              `json:"status"`
}

func (n *node) takeRecords() []*record {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.records
	n.records = nil
	return taken
}

func unknownBytes(m protoreflect.Message) int {
	sum := len(m.GetUnknown())
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { sum += unknownBytes(v.Message()); return true })
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				sum += unknownBytes(v.List().Get(i).Message())
			}
		case !f.IsMap() && !f.IsList() && f.Message() != nil:
			sum += unknownBytes(v.Message())
		}
		return true
	})
	return sum
}

func (r *record) take(message any) {
	m, ok := message.(proto.Message)
	if !ok {
		return
	}
	r.Unknown += unknownBytes(m.ProtoReflect())
	if text, err := protojson.Marshal(m); err == nil && len(text) < 2000 {
		r.Message = string(text)
	}
}

type rolesKey struct{}

func rolesOf(ctx context.Context) role.Set {
	roles, _ := ctx.Value(rolesKey{}).(role.Set)
	return roles
}

// Roles as apid finds them: a node without config gives everybody the reader's, any other reads them from the certificate's organisation.
func (n *node) identify(ctx context.Context) role.Set {
	if n.isMaintenance() {
		return role.MakeSet(role.Reader)
	}
	p, _ := peer.FromContext(ctx)
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
		roles, _ := role.Parse(info.State.PeerCertificates[0].Subject.Organization)
		return roles
	}
	return role.MakeSet()
}

func (n *node) begin(ctx context.Context, method string) (context.Context, *record) {
	roles := n.identify(ctx)
	r := &record{Method: method, Roles: roles.Strings(), Headers: map[string][]string{}, Status: "OK"}
	if at, ok := ctx.Deadline(); ok {
		r.DeadlineMS = time.Until(at).Milliseconds()
	}
	headers, _ := metadata.FromIncomingContext(ctx)
	for k, v := range headers {
		r.Headers[k] = v
	}
	n.mu.Lock()
	n.records = append(n.records, r)
	n.mu.Unlock()
	return context.WithValue(ctx, rolesKey{}, roles), r
}

func (n *node) admit(ctx context.Context, method string) error {
	if err := n.faults.strike(ctx); err != nil {
		return err
	}
	return authorize(method, rolesOf(ctx))
}

func (r *record) end(err error) {
	if err != nil {
		r.Status = status.Code(err).String()
	}
}

func (n *node) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, r := n.begin(ctx, info.FullMethod)
	r.take(request)
	err := n.admit(ctx, info.FullMethod)
	var answer any
	if err == nil {
		answer, err = handler(ctx, request)
	}
	r.end(err)
	return answer, err
}

type recordedStream struct {
	grpc.ServerStream

	ctx    context.Context
	record *record
}

func (s *recordedStream) Context() context.Context { return s.ctx }

func (s *recordedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.record.take(m)
	}
	return err
}

func (n *node) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, r := n.begin(s.Context(), info.FullMethod)
	err := n.admit(ctx, info.FullMethod)
	if err == nil {
		err = handler(srv, &recordedStream{s, ctx, r})
	}
	r.end(err)
	return err
}

func (n *node) unknown(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	return status.Errorf(codes.Unimplemented, "unknown method %s", method)
}
