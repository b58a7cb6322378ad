// A scenario for hcloud-go, the library of the hcloud command, the cloud controller manager and the Terraform provider, against the simulated
// Hetzner API. One line a check, then the count. Needs HCLOUD_ENDPOINT and HCLOUD_TOKEN.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sort"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

var (
	ctx            = context.Background()
	client         *hcloud.Client
	passed, failed int
)

func check(name string, holds bool) {
	if holds {
		passed++
		fmt.Println("ok", name)
	} else {
		failed++
		fmt.Println("FAIL", name)
	}
}

func refused(name string, code hcloud.ErrorCode, err error) {
	check(fmt.Sprintf("%s: %s (%v)", name, code, err), hcloud.IsError(err, code))
}

// finish prints the count and ends the program.
func finish() {
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

// must ends the scenario when a step that others need went wrong.
func must(name string, err error) {
	if err != nil {
		check(fmt.Sprintf("%s: %v", name, err), false)
		finish()
	}
}

func wait(name string, actions ...*hcloud.Action) {
	there := []*hcloud.Action{}
	for _, a := range actions {
		if a != nil {
			there = append(there, a)
		}
	}
	must(name, client.Action.WaitFor(ctx, there...))
}

// did waits for the action of a call and counts it.
func did(name string) func(*hcloud.Action, *hcloud.Response, error) {
	return func(a *hcloud.Action, _ *hcloud.Response, err error) {
		must(name, err)
		wait(name, a)
		got, _, err := client.Action.GetByID(ctx, a.ID)
		check(name, err == nil && got != nil && got.Status == hcloud.ActionStatusSuccess && got.Progress == 100 && got.Command != "")
	}
}

func network(text string) *net.IPNet {
	_, n, err := net.ParseCIDR(text)
	must(text, err)
	return n
}

func rule(protocol hcloud.FirewallRuleProtocol, port string) hcloud.FirewallRule {
	r := hcloud.FirewallRule{Direction: hcloud.FirewallRuleDirectionIn, Protocol: protocol, SourceIPs: []net.IPNet{*network("::/0")}}
	if port != "" {
		r.Port = &port
	}
	return r
}

func main() {
	client = hcloud.NewClient(hcloud.WithEndpoint(os.Getenv("HCLOUD_ENDPOINT")), hcloud.WithToken(os.Getenv("HCLOUD_TOKEN")),
		hcloud.WithApplication("witness", "1"), hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: hcloud.ConstantBackoff(50 * time.Millisecond)}))
	catalogue()
	groups()
	machines()
	zones()
	finish()
}

func catalogue() {
	locations, err := client.Location.All(ctx)
	must("locations", err)
	names := []string{}
	for _, l := range locations {
		names = append(names, l.Name)
	}
	sort.Strings(names)
	check("locations "+fmt.Sprint(names), len(names) >= 5 && names[1] == "fsn1")
	fsn1, _, err := client.Location.GetByName(ctx, "fsn1")
	must("fsn1", err)
	check("fsn1", fsn1.NetworkZone == hcloud.NetworkZoneEUCentral && fsn1.Country == "DE" && fsn1.City == "Falkenstein")
	arm, _, err := client.ServerType.GetByName(ctx, "cax11")
	must("cax11", err)
	check("cax11", arm.Architecture == hcloud.ArchitectureARM && arm.Cores == 2 && arm.Memory == 4 && len(arm.Locations) > 0 && len(arm.Pricings) > 0)
	none, _, err := client.ServerType.GetByName(ctx, "none")
	check("no server type of that name", err == nil && none == nil)
	balancer, _, err := client.LoadBalancerType.GetByName(ctx, "lb11")
	check("lb11", err == nil && balancer != nil && balancer.MaxServices > 0)
	pricing, _, err := client.Pricing.Get(ctx)
	check("pricing", err == nil && len(pricing.ServerTypes) > 10 && pricing.Image.PerGBMonth.Currency == "EUR")
	debian, _, err := client.Image.GetByNameAndArchitecture(ctx, "debian-13", hcloud.ArchitectureX86)
	check("debian-13", err == nil && debian != nil && debian.Type == hcloud.ImageTypeSystem && debian.OSFlavor == "debian")
	isos, err := client.ISO.All(ctx)
	check("ISOs", err == nil && len(isos) > 0)
}

func groups() {
	for i := 0; i < 60; i++ {
		r, _, err := client.PlacementGroup.Create(ctx, hcloud.PlacementGroupCreateOpts{Name: fmt.Sprintf("many-%02d", i), Type: hcloud.PlacementGroupTypeSpread,
			Labels: map[string]string{"third": fmt.Sprint(i % 3), "many": ""}})
		must("a group", err)
		check("a group has no action", r.Action == nil)
	}
	all, err := client.PlacementGroup.All(ctx)
	must("all groups", err)
	check("sixty groups over two pages", len(all) == 60)
	page, response, err := client.PlacementGroup.List(ctx, hcloud.PlacementGroupListOpts{Sort: []string{"name:desc"}, ListOpts: hcloud.ListOpts{Page: 2, PerPage: 25}})
	must("page 2", err)
	p := response.Meta.Pagination
	check("page 2 of 3, by name downwards", len(page) == 25 && page[0].Name == "many-34" && p.NextPage == 3 && p.PreviousPage == 1 && p.LastPage == 3 && p.TotalEntries == 60)
	check("rate limit headers", response.Meta.Ratelimit.Limit == 3600 && response.Meta.Ratelimit.Remaining > 0)
	for selector, want := range map[string]int{"third=1": 20, "third!=1": 40, "third in (0,2),many": 40, "third notin (0,2)": 20, "!third": 0, "many,third==2": 20} {
		got, err := client.PlacementGroup.AllWithOpts(ctx, hcloud.PlacementGroupListOpts{ListOpts: hcloud.ListOpts{LabelSelector: selector}})
		check(fmt.Sprintf("selector %s: %d", selector, want), err == nil && len(got) == want)
	}
	_, _, err = client.PlacementGroup.List(ctx, hcloud.PlacementGroupListOpts{ListOpts: hcloud.ListOpts{LabelSelector: "a=b=c"}})
	refused("a malformed selector", hcloud.ErrorCodeInvalidInput, err)
	_, _, err = client.PlacementGroup.Create(ctx, hcloud.PlacementGroupCreateOpts{Name: "many-00", Type: hcloud.PlacementGroupTypeSpread})
	refused("a name twice", hcloud.ErrorCodeUniquenessError, err)
	changed, _, err := client.PlacementGroup.Update(ctx, all[0], hcloud.PlacementGroupUpdateOpts{Name: "renamed", Labels: map[string]string{"k": "v"}})
	check("renamed", err == nil && changed.Name == "renamed" && len(changed.Labels) == 1)
	for _, g := range all {
		_, err := client.PlacementGroup.Delete(ctx, g)
		must("deleting a group", err)
	}
	gone, _, err := client.PlacementGroup.GetByID(ctx, all[0].ID)
	check("a group that is gone is nil", err == nil && gone == nil)
	stranger := hcloud.NewClient(hcloud.WithEndpoint(os.Getenv("HCLOUD_ENDPOINT")), hcloud.WithToken("wrong"))
	_, _, err = stranger.Server.List(ctx, hcloud.ServerListOpts{})
	refused("another token", hcloud.ErrorCodeUnauthorized, err)
}

type things struct {
	group    *hcloud.PlacementGroup
	firewall *hcloud.Firewall
	network  *hcloud.Network
	address  *hcloud.PrimaryIP
	key      *hcloud.SSHKey
	server   *hcloud.Server
}

func around() *things {
	t := &things{}
	group, _, err := client.PlacementGroup.Create(ctx, hcloud.PlacementGroupCreateOpts{Name: "group", Type: hcloud.PlacementGroupTypeSpread})
	must("group", err)
	t.group = group.PlacementGroup
	firewall, _, err := client.Firewall.Create(ctx, hcloud.FirewallCreateOpts{Name: "firewall", Rules: []hcloud.FirewallRule{rule("tcp", "22"), rule("icmp", "")}})
	must("firewall", err)
	t.firewall = firewall.Firewall
	check("two rules", len(t.firewall.Rules) == 2 && *t.firewall.Rules[0].Port == "22" && t.firewall.Rules[1].SourceIPs[0].String() == "::/0")
	t.network, _, err = client.Network.Create(ctx, hcloud.NetworkCreateOpts{Name: "network", IPRange: network("10.0.0.0/16")})
	must("network", err)
	did("a subnet")(client.Network.AddSubnet(ctx, t.network, hcloud.NetworkAddSubnetOpts{Subnet: hcloud.NetworkSubnet{
		Type: hcloud.NetworkSubnetTypeCloud, IPRange: network("10.0.1.0/24"), NetworkZone: hcloud.NetworkZoneEUCentral}}))
	did("a route")(client.Network.AddRoute(ctx, t.network, hcloud.NetworkAddRouteOpts{Route: hcloud.NetworkRoute{Destination: network("172.16.0.0/12"), Gateway: net.ParseIP("10.0.1.5")}}))
	t.network, _, err = client.Network.GetByID(ctx, t.network.ID)
	check("a network with subnet and route", err == nil && len(t.network.Subnets) == 1 && len(t.network.Routes) == 1 && t.network.Subnets[0].Gateway.String() == "10.0.0.1")
	address, _, err := client.PrimaryIP.Create(ctx, hcloud.PrimaryIPCreateOpts{Name: "address", Type: hcloud.PrimaryIPTypeIPv6, Location: "hel1", AssigneeType: "server",
		Labels: map[string]string{"k": "v"}})
	must("address", err)
	wait("address", address.Action)
	t.address = address.PrimaryIP
	ones, bits := t.address.Network.Mask.Size()
	check("a free /64", ones == 64 && bits == 128 && t.address.AssigneeID == 0 && t.address.Location.Name == "hel1")
	t.key, _, err = client.SSHKey.Create(ctx, hcloud.SSHKeyCreateOpts{Name: "key",
		PublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB a@b"})
	must("key", err)
	same, _, err := client.SSHKey.GetByFingerprint(ctx, t.key.Fingerprint)
	check("a key by its fingerprint", err == nil && same != nil && same.ID == t.key.ID)
	return t
}

func creation(t *things) {
	kind, image, place := &hcloud.ServerType{Name: "cx23"}, &hcloud.Image{Name: "debian-13"}, &hcloud.Location{Name: "hel1"}
	_, _, err := client.Server.Create(ctx, hcloud.ServerCreateOpts{Name: "x", ServerType: &hcloud.ServerType{Name: "none"}, Image: image, Location: place})
	refused("an unknown type", hcloud.ErrorCodeInvalidInput, err)
	_, _, err = client.Server.Create(ctx, hcloud.ServerCreateOpts{Name: "under_score", ServerType: kind, Image: image, Location: place})
	refused("no host name", hcloud.ErrorCodeInvalidInput, err)
	_, _, err = client.Server.Create(ctx, hcloud.ServerCreateOpts{Name: "x", ServerType: &hcloud.ServerType{Name: "cax11"}, Image: &hcloud.Image{Name: "none"}, Location: place})
	refused("an unknown image", hcloud.ErrorCodeInvalidInput, err)
	r, _, err := client.Server.Create(ctx, hcloud.ServerCreateOpts{Name: "server", ServerType: kind, Image: image, Location: place, UserData: "#cloud-config\n",
		StartAfterCreate: hcloud.Ptr(false), Labels: map[string]string{"role": "server"}, SSHKeys: []*hcloud.SSHKey{t.key}, PlacementGroup: t.group,
		Firewalls: []*hcloud.ServerCreateFirewall{{Firewall: *t.firewall}},
		PublicNet: &hcloud.ServerCreatePublicNet{EnableIPv4: false, EnableIPv6: true, IPv6: t.address}})
	must("server", err)
	check("created by an action", r.Action.Command == "create_server" && r.Server.ID > 1<<31 && r.RootPassword == "")
	wait("server", append(r.NextActions, r.Action)...)
	t.server, _, err = client.Server.GetByName(ctx, "server")
	must("server", err)
	s := t.server
	check("switched off", s.Status == hcloud.ServerStatusOff)
	check("no IPv4", s.PublicNet.IPv4.IsUnspecified())
	check("the address", s.PublicNet.IPv6.ID == t.address.ID && s.PublicNet.IPv6.Network.String() == t.address.Network.String())
	check("in its group", s.PlacementGroup != nil && s.PlacementGroup.ID == t.group.ID)
	check("behind its firewall", len(s.PublicNet.Firewalls) == 1 && s.PublicNet.Firewalls[0].Status == hcloud.FirewallStatusApplied)
	check("its place and type", s.Location.Name == "hel1" && s.ServerType.Name == "cx23" && s.Image.Name == "debian-13" && s.PrimaryDiskSize == s.ServerType.Disk)
	_, _, err = client.Server.Create(ctx, hcloud.ServerCreateOpts{Name: "server", ServerType: kind, Image: image, Location: place})
	refused("the same name", hcloud.ErrorCodeUniquenessError, err)
}

func life(t *things) {
	s := t.server
	did("switched on")(client.Server.Poweron(ctx, s))
	running, err := client.Server.AllWithOpts(ctx, hcloud.ServerListOpts{Status: []hcloud.ServerStatus{"running"}, ListOpts: hcloud.ListOpts{LabelSelector: "role=server"}})
	check("running, by selector and status", err == nil && len(running) == 1)
	off, err := client.Server.AllWithOpts(ctx, hcloud.ServerListOpts{Status: []hcloud.ServerStatus{"off"}})
	check("none is off", err == nil && len(off) == 0)
	did("in the network")(client.Server.AttachToNetwork(ctx, s, hcloud.ServerAttachToNetworkOpts{Network: t.network, IP: net.ParseIP("10.0.1.7")}))
	_, _, err = client.Server.AttachToNetwork(ctx, s, hcloud.ServerAttachToNetworkOpts{Network: t.network})
	refused("in it already", hcloud.ErrorCodeServerAlreadyAttached, err)
	did("alias addresses")(client.Server.ChangeAliasIPs(ctx, s, hcloud.ServerChangeAliasIPsOpts{Network: t.network, AliasIPs: []net.IP{net.ParseIP("10.0.1.8")}}))
	s, _, _ = client.Server.GetByID(ctx, s.ID)
	check("private addresses", len(s.PrivateNet) == 1 && s.PrivateNet[0].IP.String() == "10.0.1.7" && len(s.PrivateNet[0].Aliases) == 1)
	host := net.ParseIP(t.address.IP.String())
	host[15] = 1
	did("reverse DNS")(client.RDNS.ChangeDNSPtr(ctx, s, host, hcloud.Ptr("host.example.com")))
	s, _, _ = client.Server.GetByID(ctx, s.ID)
	name, err := s.GetDNSPtrForIP(host)
	check("reverse DNS is shown", err == nil && name == "host.example.com")
	did("protected")(client.Server.ChangeProtection(ctx, s, hcloud.ServerChangeProtectionOpts{Delete: hcloud.Ptr(true), Rebuild: hcloud.Ptr(true)}))
	_, _, err = client.Server.DeleteWithResult(ctx, s)
	refused("a protected server stays", hcloud.ErrorCodeProtected, err)
	did("not protected")(client.Server.ChangeProtection(ctx, s, hcloud.ServerChangeProtectionOpts{Delete: hcloud.Ptr(false), Rebuild: hcloud.Ptr(false)}))
	_, _, err = client.Server.ChangeType(ctx, s, hcloud.ServerChangeTypeOpts{ServerType: &hcloud.ServerType{Name: "cx33"}})
	check(fmt.Sprintf("no other type while it runs (%v)", err), err != nil)
	did("switched off")(client.Server.Poweroff(ctx, s))
	did("another type")(client.Server.ChangeType(ctx, s, hcloud.ServerChangeTypeOpts{ServerType: &hcloud.ServerType{Name: "cx33"}}))
	picture, _, err := client.Server.CreateImage(ctx, s, &hcloud.ServerCreateImageOpts{Type: hcloud.ImageTypeSnapshot, Description: hcloud.Ptr("a snapshot"),
		Labels: map[string]string{"k": "v"}})
	must("snapshot", err)
	wait("snapshot", picture.Action)
	list, err := client.Image.AllWithOpts(ctx, hcloud.ImageListOpts{Type: []hcloud.ImageType{"snapshot"}, ListOpts: hcloud.ListOpts{LabelSelector: "k=v"}})
	check("a snapshot", err == nil && len(list) == 1 && list[0].Status == hcloud.ImageStatusAvailable && list[0].Description == "a snapshot" && list[0].CreatedFrom.ID == s.ID)
	again, _, err := client.Server.RebuildWithResult(ctx, s, hcloud.ServerRebuildOpts{Image: list[0], UserData: hcloud.Ptr("#cloud-config\nnew: true\n")})
	must("rebuild", err)
	wait("rebuild", again.Action)
	s, _, _ = client.Server.GetByID(ctx, s.ID)
	check("rebuilt from the snapshot", s.Image != nil && s.Image.ID == list[0].ID && s.ServerType.Name == "cx33")
	_, err = client.Image.Delete(ctx, list[0])
	check("the snapshot is deleted", err == nil)
	s, _, err = client.Server.Update(ctx, s, hcloud.ServerUpdateOpts{Name: "renamed", Labels: map[string]string{"role": "other"}})
	check("renamed", err == nil && s.Name == "renamed" && s.Labels["role"] == "other")
	t.server = s
}

func attachments(t *things) {
	actions, _, err := client.Firewall.SetRules(ctx, t.firewall, hcloud.FirewallSetRulesOpts{Rules: []hcloud.FirewallRule{rule("udp", "51820-51830")}})
	must("rules", err)
	wait("rules", actions...)
	f, _, _ := client.Firewall.GetByID(ctx, t.firewall.ID)
	check("other rules", len(f.Rules) == 1 && *f.Rules[0].Port == "51820-51830" && len(f.AppliedTo) == 1 && f.AppliedTo[0].Server.ID == t.server.ID)
	_, err = client.Firewall.Delete(ctx, f)
	refused("a firewall in use", hcloud.ErrorCodeResourceInUse, err)
	volume, _, err := client.Volume.Create(ctx, hcloud.VolumeCreateOpts{Name: "volume", Size: 10, Server: t.server, Format: hcloud.Ptr("ext4"), Labels: map[string]string{"k": "v"}})
	must("volume", err)
	wait("volume", append(volume.NextActions, volume.Action)...)
	v, _, _ := client.Volume.GetByID(ctx, volume.Volume.ID)
	check("a volume on the server", v.Server != nil && v.Server.ID == t.server.ID && v.Size == 10 && v.LinuxDevice != "" && v.Status == hcloud.VolumeStatusAvailable)
	did("a larger volume")(client.Volume.Resize(ctx, v, 20))
	did("a volume off the server")(client.Volume.Detach(ctx, v))
	_, err = client.Volume.Delete(ctx, v)
	check("a volume deleted", err == nil)
	balancer, _, err := client.LoadBalancer.Create(ctx, hcloud.LoadBalancerCreateOpts{Name: "balancer", LoadBalancerType: &hcloud.LoadBalancerType{Name: "lb11"},
		Location: &hcloud.Location{Name: "hel1"}})
	must("load balancer", err)
	wait("load balancer", balancer.Action)
	b := balancer.LoadBalancer
	did("a service")(client.LoadBalancer.AddService(ctx, b, hcloud.LoadBalancerAddServiceOpts{Protocol: hcloud.LoadBalancerServiceProtocolTCP, ListenPort: hcloud.Ptr(6443),
		DestinationPort: hcloud.Ptr(6443), HealthCheck: &hcloud.LoadBalancerAddServiceOptsHealthCheck{Protocol: hcloud.LoadBalancerServiceProtocolTCP, Port: hcloud.Ptr(6443),
			Interval: hcloud.Ptr(10 * time.Second), Timeout: hcloud.Ptr(5 * time.Second), Retries: hcloud.Ptr(3)}}))
	did("in the network")(client.LoadBalancer.AttachToNetwork(ctx, b, hcloud.LoadBalancerAttachToNetworkOpts{Network: t.network}))
	did("a target")(client.LoadBalancer.AddServerTarget(ctx, b, hcloud.LoadBalancerAddServerTargetOpts{Server: t.server, UsePrivateIP: hcloud.Ptr(true)}))
	_, _, err = client.LoadBalancer.AddServerTarget(ctx, b, hcloud.LoadBalancerAddServerTargetOpts{Server: t.server, UsePrivateIP: hcloud.Ptr(true)})
	refused("a target twice", hcloud.ErrorCodeTargetAlreadyDefined, err)
	b, _, _ = client.LoadBalancer.GetByID(ctx, b.ID)
	check("service and target", len(b.Services) == 1 && b.Services[0].ListenPort == 6443 && len(b.Targets) == 1 && b.Targets[0].UsePrivateIP && len(b.PrivateNet) == 1)
	did("no service")(client.LoadBalancer.DeleteService(ctx, b, 6443))
	did("no target")(client.LoadBalancer.RemoveServerTarget(ctx, b, t.server))
	_, err = client.LoadBalancer.Delete(ctx, b)
	check("a load balancer deleted", err == nil)
}

func removal(t *things) {
	_, err := client.PrimaryIP.Delete(ctx, t.address)
	refused("an assigned address stays", hcloud.ErrorCode("must_be_unassigned"), err)
	result, _, err := client.Server.DeleteWithResult(ctx, t.server)
	must("deleting the server", err)
	wait("deleting the server", result.Action)
	gone, _, err := client.Server.GetByID(ctx, t.server.ID)
	check("the server is gone", err == nil && gone == nil)
	a, _, err := client.PrimaryIP.GetByID(ctx, t.address.ID)
	check("the address is free again", err == nil && a != nil && a.AssigneeID == 0)
	_, err = client.PrimaryIP.Delete(ctx, t.address)
	check("the address is deleted", err == nil)
	_, err = client.Firewall.Delete(ctx, t.firewall)
	check("the firewall is deleted", err == nil)
	_, err = client.Network.Delete(ctx, t.network)
	check("the network is deleted", err == nil)
	_, err = client.PlacementGroup.Delete(ctx, t.group)
	check("the group is deleted", err == nil)
	_, err = client.SSHKey.Delete(ctx, t.key)
	check("the key is deleted", err == nil)
	actions, _, err := client.Action.List(ctx, hcloud.ActionListOpts{ID: []int64{result.Action.ID}})
	check("its action is still known", err == nil && len(actions) == 1 && actions[0].Command == "delete_server")
}

func machines() {
	t := around()
	creation(t)
	life(t)
	attachments(t)
	removal(t)
}

func zones() {
	r, _, err := client.Zone.Create(ctx, hcloud.ZoneCreateOpts{Name: "example.com", Mode: hcloud.ZoneModePrimary, TTL: hcloud.Ptr(3600)})
	must("zone", err)
	wait("zone", r.Action)
	zone, _, err := client.Zone.GetByName(ctx, "example.com")
	must("zone", err)
	check("a zone", zone.Mode == hcloud.ZoneModePrimary && zone.TTL == 3600 && len(zone.AuthoritativeNameservers.Assigned) > 0)
	set, _, err := client.Zone.CreateRRSet(ctx, zone, hcloud.ZoneRRSetCreateOpts{Name: "www", Type: hcloud.ZoneRRSetTypeAAAA,
		Records: []hcloud.ZoneRRSetRecord{{Value: "2001:db8::1"}}})
	must("records", err)
	wait("records", set.Action)
	did("one more record")(client.Zone.AddRRSetRecords(ctx, set.RRSet, hcloud.ZoneRRSetAddRecordsOpts{Records: []hcloud.ZoneRRSetRecord{{Value: "2001:db8::2", Comment: "second"}}}))
	did("another TTL")(client.Zone.ChangeRRSetTTL(ctx, set.RRSet, hcloud.ZoneRRSetChangeTTLOpts{TTL: hcloud.Ptr(300)}))
	got, _, err := client.Zone.GetRRSetByNameAndType(ctx, zone, "www", hcloud.ZoneRRSetTypeAAAA)
	check("two records", err == nil && got != nil && len(got.Records) == 2 && *got.TTL == 300)
	did("other records")(client.Zone.SetRRSetRecords(ctx, set.RRSet, hcloud.ZoneRRSetSetRecordsOpts{Records: []hcloud.ZoneRRSetRecord{{Value: "2001:db8::3"}}}))
	got, _, err = client.Zone.GetRRSetByID(ctx, zone, "www/AAAA")
	check("one other record", err == nil && len(got.Records) == 1 && got.Records[0].Value == "2001:db8::3")
	removed, _, err := client.Zone.DeleteRRSet(ctx, got)
	must("no records", err)
	wait("no records", removed.Action)
	sets, err := client.Zone.AllRRSets(ctx, zone)
	www := 0
	for _, s := range sets {
		if s.Name == "www" {
			www++
		}
	}
	check("no records", err == nil && www == 0)
	ended, _, err := client.Zone.Delete(ctx, zone)
	must("no zone", err)
	wait("no zone", ended.Action)
	all, err := client.Zone.All(ctx)
	check("no zone", err == nil && len(all) == 0)
}
