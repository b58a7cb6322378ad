package main

import (
	"fmt"
	"net/netip"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/registry"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/secrets"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// An in-memory state with definitions, namespaces, and what a node of a cluster has: two routes of a server at Hetzner and a member.
func newResources(detour bool) state.State {
	st := state.WrapCore(namespaced.NewState(inmem.Build))
	namespaces, types := registry.NewNamespaceRegistry(st), registry.NewResourceRegistry(st)
	must(namespaces.RegisterDefault(background()))
	must(types.RegisterDefault(background()))
	for _, ns := range []resource.Namespace{runtime.NamespaceName, network.NamespaceName, cluster.NamespaceName, secrets.NamespaceName, k8s.NamespaceName} {
		must(namespaces.Register(background(), ns, string(ns)))
	}
	definitions := []meta.ResourceWithRD{&runtime.MachineStatus{}, &network.RouteStatus{}, &cluster.Member{}, &secrets.OSRoot{}, &k8s.Nodename{}}
	for _, r := range definitions {
		must(types.Register(background(), r))
	}
	must(st.Create(background(), runtime.NewMachineStatus()))
	must(st.Create(background(), secrets.NewOSRoot(secrets.OSRootID)))
	member := cluster.NewMember(cluster.NamespaceName, "node")
	*member.TypedSpec() = cluster.MemberSpec{NodeID: "n", Hostname: "node", MachineType: machine.TypeControlPlane, Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::1")}}
	must(st.Create(background(), member))
	for i, r := range []network.RouteStatusSpec{
		{Family: nethelpers.FamilyInet6, Gateway: netip.MustParseAddr("fe80::1"), OutLinkName: "eth0", Priority: 1024},
		{Family: nethelpers.FamilyInet4, Destination: netip.MustParsePrefix("169.254.169.254/32"), Gateway: netip.MustParseAddr("172.31.1.1"), OutLinkName: "eth0", Priority: 512},
		{Family: nethelpers.FamilyInet4, Destination: netip.MustParsePrefix("10.0.0.0/8"), Gateway: netip.MustParseAddr("10.0.0.1"), OutLinkName: "eth1"},
	} {
		if detour && i == 1 {
			r.OutLinkName, r.Gateway = "eth1", netip.MustParseAddr("10.0.0.1")
		}
		route := network.NewRouteStatus(network.NamespaceName, fmt.Sprintf("route-%d", i))
		r.Table, r.Type, r.Protocol, r.Scope = nethelpers.TableMain, nethelpers.TypeUnicast, nethelpers.ProtocolStatic, nethelpers.ScopeGlobal
		*route.TypedSpec() = r
		must(st.Create(background(), route))
	}
	return st
}

func (n *node) setStage(stage string, ready bool, unmet []string) error {
	value, err := runtime.MachineStageString(stage)
	if err != nil {
		return err
	}
	_, err = n.resources.UpdateWithConflicts(background(), runtime.NewMachineStatus().Metadata(), func(r resource.Resource) error {
		spec := r.(*runtime.MachineStatus).TypedSpec()
		spec.Stage, spec.Status.Ready, spec.Status.UnmetConditions = value, ready, nil
		for i := 0; i+1 < len(unmet); i += 2 {
			spec.Status.UnmetConditions = append(spec.Status.UnmetConditions, runtime.UnmetCondition{Name: unmet[i], Reason: unmet[i+1]})
		}
		return nil
	})
	return err
}
