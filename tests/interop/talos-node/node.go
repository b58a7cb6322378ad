package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	cosi "github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/talos/pkg/machinery/api/cluster"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// How a node stands there.
type options struct {
	Listen      string
	Mode        string   // "secure", "maintenance", "machine"
	Hostname    string   // metadata.hostname
	Certificate string   // "", "expired", "not-yet", "other-ca", "address", "no-address", "not-server"
	TLS         string   // "", "1.1", "1.2": the highest version
	ALPN        []string // null: h2
	Script      []step   // no services: frames as written here, on every request
	HTTP1       string   // no HTTP/2: this text
	Silent      string   // "accept": connections are taken and nothing is said; "after-tls": behind the handshake
	Worker      bool
	Detour      bool // the way to the metadata service leads over the private network
}

type node struct {
	machine.UnimplementedMachineServiceServer
	storage.UnimplementedStorageServiceServer
	cluster.UnimplementedClusterServiceServer

	name      string
	house     *house
	options   options
	faults    faults
	resources state.State

	mu           sync.Mutex
	listener     net.Listener
	server       *grpc.Server
	where        net.Addr
	ca           *authority
	maintenance  bool
	applied      config.Provider
	bootstrapped bool
	records      []*record
	stopped      bool
}

func newNode(h *house, name string, o options) (*node, error) {
	n := &node{name: name, house: h, options: o, ca: h.ca, maintenance: o.Mode != "secure", resources: newResources(o.Detour)}
	if n.options.Hostname == "" {
		n.options.Hostname = name
	}
	stage := "running"
	if n.maintenance {
		stage = "maintenance"
	} else {
		n.bootstrapped = o.Mode == "secure" && !o.Worker
	}
	if err := n.setStage(stage, true, nil); err != nil {
		return nil, err
	}
	return n, n.listen(o.Listen)
}

func (n *node) address() string { return n.where.String() }

func (n *node) stop() {
	n.mu.Lock()
	n.stopped = true
	s, l := n.server, n.listener
	n.mu.Unlock()
	l.Close()
	if s != nil {
		s.Stop()
	}
}

// Opens the port with the certificates of the moment.
func (n *node) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener, n.where = l, l.Addr()
	if n.options.Silent == "accept" {
		go swallow(l)
		return nil
	}
	config, err := serverConfig(n.ca, n.house.other, n.options, n.maintenance, l.Addr().(*net.TCPAddr).IP)
	if err != nil {
		return err
	}
	if n.options.Script != nil || n.options.HTTP1 != "" || n.options.Silent != "" {
		go n.play(l, config)
		return nil
	}
	n.server = n.serve(l, config)
	return nil
}

func swallow(l net.Listener) {
	var held []net.Conn
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		held = append(held, c)
	}
	for _, c := range held {
		c.Close()
	}
}

func (n *node) serve(l net.Listener, config *tls.Config) *grpc.Server {
	s := grpc.NewServer(grpc.Creds(spoiling{credentials.NewTLS(config), &n.faults}), grpc.MaxRecvMsgSize(constants.GRPCMaxMessageSize),
		grpc.UnaryInterceptor(n.unary), grpc.StreamInterceptor(n.stream), grpc.UnknownServiceHandler(n.unknown))
	machine.RegisterMachineServiceServer(s, n)
	storage.RegisterStorageServiceServer(s, n)
	cluster.RegisterClusterServiceServer(s, n)
	cosi.RegisterStateServer(s, server.NewState(state.Filter(n.resources, n.mayRead)))
	go s.Serve(l)
	return s
}

// A config was taken: apid begins anew with the certificates of that config, on the same port.
func (n *node) becomeSecure() error {
	security := n.applied.Machine().Security()
	if security.IssuingCA() == nil || len(security.IssuingCA().Key) == 0 {
		return errors.New("the config has no Talos CA with a key: a worker's node is no part of this witness")
	}
	ca, err := authorityOf(security.IssuingCA().Crt, security.IssuingCA().Key)
	if err != nil {
		return err
	}
	n.mu.Lock()
	old, where, stopped := n.server, n.where.String(), n.stopped
	n.ca, n.maintenance = ca, false
	n.mu.Unlock()
	if stopped {
		return nil
	}
	old.GracefulStop()
	return n.listen(where)
}

func (n *node) isMaintenance() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.maintenance
}

func background() context.Context { return context.Background() }
