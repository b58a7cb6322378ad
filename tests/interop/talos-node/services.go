package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/cluster"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// A cloud platform's node: it boots from an image, so nothing has to be installed.
type cloud struct{}

func (cloud) String() string        { return "cloud" }
func (cloud) RequiresInstall() bool { return false }
func (cloud) InContainer() bool     { return false }

func (n *node) metadata() *common.Metadata { return &common.Metadata{Hostname: n.options.Hostname} }

// As v1alpha1_server.go of 1.13 has it: loaded, validated in the platform's mode, applied at once in maintenance mode.
func (n *node) ApplyConfiguration(ctx context.Context, in *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
	maintenance := n.isMaintenance()
	if !maintenance && !rolesOf(ctx).Includes(role.Admin) {
		return nil, errNotAuthorized
	}
	provider, err := configloader.NewFromBytes(in.GetData())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	warnings, err := provider.Validate(cloud{})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	mode, details := in.Mode, "Applied configuration without a reboot"
	switch {
	case mode == machine.ApplyConfigurationRequest_STAGED:
		details = "Staged configuration to be applied after the next reboot"
	case maintenance || mode == machine.ApplyConfigurationRequest_AUTO:
		mode = machine.ApplyConfigurationRequest_NO_REBOOT
	}
	if in.DryRun {
		details = "Dry run summary:\n" + details + " (skipped in dry-run)."
	} else if maintenance {
		n.mu.Lock()
		n.applied = provider
		n.mu.Unlock()
		if n.options.Mode == "machine" {
			must(n.setStage("booting", false, []string{"services", "etcd is not running"}))
			go n.restart()
		}
	}
	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{
		{Metadata: n.metadata(), Mode: mode, Warnings: warnings, ModeDetails: details}}}, nil
}

// A moment later, as in reality: the answer gets away first or does not.
func (n *node) restart() {
	if err := n.becomeSecure(); err != nil {
		n.mu.Lock()
		n.records = append(n.records, &record{Method: "restart", Status: err.Error()})
		n.mu.Unlock()
	}
}

func (n *node) isWorker() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.options.Worker || (n.applied != nil && !n.applied.Machine().Type().IsControlPlane())
}

func (n *node) Bootstrap(context.Context, *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	if n.isWorker() {
		return nil, status.Error(codes.Unimplemented, "bootstrap is only available on control plane nodes")
	}
	n.mu.Lock()
	before := n.bootstrapped
	n.bootstrapped = true
	n.mu.Unlock()
	if before {
		return nil, status.Error(codes.AlreadyExists, "etcd data directory is not empty")
	}
	must(n.setStage("running", true, nil))
	return &machine.BootstrapResponse{Messages: []*machine.Bootstrap{{Metadata: n.metadata()}}}, nil
}

func (n *node) Version(context.Context, *emptypb.Empty) (*machine.VersionResponse, error) {
	m := n.metadata()
	if length := n.faults.get().Bytes; length > 0 {
		m.Hostname = strings.Repeat("h", length)
	}
	return &machine.VersionResponse{Messages: []*machine.Version{{
		Metadata: m, Version: &machine.VersionInfo{Tag: "v1.13.9", Sha: "3ebd10a7", Os: "linux", Arch: "amd64", GoVersion: "go1.26.6"},
		Platform: &machine.PlatformInfo{Name: "hcloud", Mode: "cloud"}, Features: &machine.FeaturesInfo{Rbac: true}}}}, nil
}

func (n *node) Hostname(context.Context, *emptypb.Empty) (*machine.HostnameResponse, error) {
	return &machine.HostnameResponse{Messages: []*machine.Hostname{{Metadata: n.metadata(), Hostname: n.options.Hostname}}}, nil
}

func (n *node) needEtcd() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.bootstrapped {
		return status.Error(codes.FailedPrecondition, "etcd is not running")
	}
	return nil
}

func (n *node) EtcdMemberList(context.Context, *machine.EtcdMemberListRequest) (*machine.EtcdMemberListResponse, error) {
	if err := n.needEtcd(); err != nil {
		return nil, err
	}
	return &machine.EtcdMemberListResponse{Messages: []*machine.EtcdMembers{{Metadata: n.metadata(), Members: []*machine.EtcdMember{
		{Id: 0xfedcba9876543210, Hostname: n.options.Hostname, PeerUrls: []string{"https://" + n.peer() + ":2380"}, ClientUrls: []string{"https://" + n.peer() + ":2379"}},
		{Id: 2, Hostname: "learner", IsLearner: true}}}}}, nil
}

func (n *node) peer() string {
	host := n.where.String()
	return host[:strings.LastIndex(host, ":")]
}

func (n *node) EtcdStatus(context.Context, *emptypb.Empty) (*machine.EtcdStatusResponse, error) {
	if err := n.needEtcd(); err != nil {
		return nil, err
	}
	return &machine.EtcdStatusResponse{Messages: []*machine.EtcdStatus{{Metadata: n.metadata(), MemberStatus: &machine.EtcdMemberStatus{
		MemberId: 0xfedcba9876543210, Leader: 0xfedcba9876543210, RaftIndex: 1 << 40, RaftTerm: 3, RaftAppliedIndex: 1<<40 - 1, DbSize: 5 << 32, DbSizeInUse: 4096,
		ProtocolVersion: "3.6.14", StorageVersion: "3.6.0", Errors: []string{"one", "two"}}}}}, nil
}

func (n *node) EtcdLeaveCluster(context.Context, *machine.EtcdLeaveClusterRequest) (*machine.EtcdLeaveClusterResponse, error) {
	return &machine.EtcdLeaveClusterResponse{Messages: []*machine.EtcdLeaveCluster{{Metadata: n.metadata()}}}, n.needEtcd()
}

func (n *node) EtcdRemoveMemberByID(_ context.Context, in *machine.EtcdRemoveMemberByIDRequest) (*machine.EtcdRemoveMemberByIDResponse, error) {
	if in.MemberId != 2 {
		return nil, status.Error(codes.NotFound, "etcdserver: member not found")
	}
	return &machine.EtcdRemoveMemberByIDResponse{Messages: []*machine.EtcdRemoveMemberByID{{Metadata: n.metadata()}}}, nil
}

func (n *node) EtcdForfeitLeadership(context.Context, *machine.EtcdForfeitLeadershipRequest) (*machine.EtcdForfeitLeadershipResponse, error) {
	return &machine.EtcdForfeitLeadershipResponse{Messages: []*machine.EtcdForfeitLeadership{{Metadata: n.metadata(), Member: "other"}}}, nil
}

func service(id, state string, healthy bool) *machine.ServiceInfo {
	return &machine.ServiceInfo{Id: id, State: state, Health: &machine.ServiceHealth{Healthy: healthy, LastMessage: "of " + id},
		Events: &machine.ServiceEvents{Events: []*machine.ServiceEvent{{Msg: "first", State: "Waiting"}, {Msg: "last of " + id, State: state}}}}
}

func (n *node) ServiceList(context.Context, *emptypb.Empty) (*machine.ServiceListResponse, error) {
	list := []*machine.ServiceInfo{service("apid", "Running", true), service("kubelet", "Running", false)}
	if n.needEtcd() == nil {
		list = append(list, service("etcd", "Running", true))
	}
	return &machine.ServiceListResponse{Messages: []*machine.ServiceList{{Metadata: n.metadata(), Services: list}}}, nil
}

func (n *node) Reboot(context.Context, *machine.RebootRequest) (*machine.RebootResponse, error) {
	return &machine.RebootResponse{Messages: []*machine.Reboot{{Metadata: n.metadata(), ActorId: "actor"}}}, nil
}

func (n *node) Shutdown(context.Context, *machine.ShutdownRequest) (*machine.ShutdownResponse, error) {
	return &machine.ShutdownResponse{Messages: []*machine.Shutdown{{Metadata: n.metadata(), ActorId: "actor"}}}, nil
}

func (n *node) Reset(_ context.Context, in *machine.ResetRequest) (*machine.ResetResponse, error) {
	for _, p := range in.SystemPartitionsToWipe {
		if p.Label != "STATE" && p.Label != "EPHEMERAL" && p.Label != "META" {
			return nil, fmt.Errorf("failed to get volume status with label %q: not found", p.Label)
		}
	}
	return &machine.ResetResponse{Messages: []*machine.Reset{{Metadata: n.metadata(), ActorId: "actor"}}}, nil
}

func (n *node) Disks(context.Context, *emptypb.Empty) (*storage.DisksResponse, error) {
	return &storage.DisksResponse{Messages: []*storage.Disks{{Metadata: n.metadata(), Disks: []*storage.Disk{
		{DeviceName: "/dev/sda", Size: 40 << 30, Model: "QEMU HARDDISK", Type: storage.Disk_SSD, SystemDisk: true}}}}}, nil
}

func (n *node) Dmesg(_ *machine.DmesgRequest, out grpc.ServerStreamingServer[common.Data]) error {
	for i := range max(3, n.faults.get().Events) {
		if err := out.Send(&common.Data{Metadata: n.metadata(), Bytes: fmt.Appendf(nil, "kern: line %d", i)}); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) Logs(in *machine.LogsRequest, out grpc.ServerStreamingServer[common.Data]) error {
	if in.Namespace != "system" {
		return status.Error(codes.InvalidArgument, "namespace "+in.Namespace)
	}
	if in.Id != "machined" {
		return fmt.Errorf("log %q was not registered", in.Id)
	}
	// Pieces end anywhere; the tail is the server's.
	text := ""
	for i := range 100 {
		if in.TailLines < 0 || int32(i) >= 100-in.TailLines {
			text += fmt.Sprintf("line %d\n", i)
		}
	}
	for len(text) > 0 {
		piece := text[:min(7, len(text))]
		text = text[len(piece):]
		if err := out.Send(&common.Data{Metadata: n.metadata(), Bytes: []byte(piece)}); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) Read(in *machine.ReadRequest, out grpc.ServerStreamingServer[common.Data]) error {
	switch in.Path {
	case "/proc/sys/kernel/random/boot_id":
		return out.Send(&common.Data{Bytes: []byte("11111111-2222-3333-4444-555555555555\n")})
	case "/bytes":
		rest := n.faults.get().Bytes
		for rest > 0 {
			piece := min(rest, 1<<20)
			rest -= piece
			if err := out.Send(&common.Data{Bytes: bytes.Repeat([]byte{'b'}, piece)}); err != nil {
				return err
			}
		}
		return nil
	case "/etc":
		return fmt.Errorf("path must be a regular file")
	}
	return status.Errorf(codes.NotFound, "stat %s: no such file or directory", in.Path)
}

func (n *node) Kubeconfig(_ *emptypb.Empty, out grpc.ServerStreamingServer[common.Data]) error {
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	text := []byte("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")
	must(archive.WriteHeader(&tar.Header{Name: "kubeconfig", Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: 0o600, ModTime: time.Unix(0, 0)}))
	_, err := archive.Write(text)
	must(err)
	must(archive.Close())
	must(zipped.Close())
	for packed.Len() > 0 {
		if err := out.Send(&common.Data{Metadata: n.metadata(), Bytes: packed.Next(64)}); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) HealthCheck(_ *cluster.HealthCheckRequest, out grpc.ServerStreamingServer[cluster.HealthCheckProgress]) error {
	return out.Send(&cluster.HealthCheckProgress{Metadata: n.metadata(), Message: "all is well"})
}
