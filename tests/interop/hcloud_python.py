"""A scenario for hcloud-python: create, list with selectors, actions, errors, delete. Prints one line a check and the count."""
import os

from hcloud import APIException, Client
from hcloud.firewalls import FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.networks import NetworkSubnet
from hcloud.placement_groups import PlacementGroup
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork

client = Client(os.environ["HCLOUD_TOKEN"], api_endpoint=os.environ["HCLOUD_ENDPOINT"], poll_interval=0.05, timeout=20)
passed = failed = 0


def check(name, condition):
    global passed, failed
    if condition:
        passed += 1
        print("ok", name)
    else:
        failed += 1
        print("FAIL", name)


def refused(name, code, call):
    try:
        call()
    except APIException as e:
        check(f"{name}: {code}", e.code == code)
    else:
        check(f"{name} is refused", False)


check("locations", {l.name for l in client.locations.get_all()} >= {"fsn1", "nbg1", "hel1", "ash"})
check("server types", client.server_types.get_by_name("cax11").architecture == "arm")
check("prices", client.server_types.get_by_name("cx23").prices[0]["price_hourly"]["net"] > "0")

group = client.placement_groups.create(name="group", type="spread", labels={"k": "v"}).placement_group
check("a group by selector", [g.id for g in client.placement_groups.get_all(label_selector="k=v")] == [group.id])
check("no group by another", client.placement_groups.get_all(label_selector="k!=v,k") == [])
refused("the same name", "uniqueness_error", lambda: client.placement_groups.create(name="group", type="spread"))

network = client.networks.create(name="net", ip_range="10.0.0.0/16", subnets=[
    NetworkSubnet(type="cloud", network_zone="eu-central", ip_range="10.0.0.0/24")])
firewall = client.firewalls.create(name="fw", rules=[
    FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["::/0"])]).firewall
address = client.primary_ips.create(name="ip", type="ipv6", location=Location(name="hel1"), labels={"k": "v"})
address.action and address.action.wait_until_finished()
address = client.primary_ips.get_by_id(address.primary_ip.id)
check("a /64", address.ip.endswith("/64"))

refused("a type that does not exist", "invalid_input", lambda: client.servers.create(
    name="x", server_type=ServerType(name="none"), image=Image(name="debian-13"), location=Location(name="hel1")))
refused("user_data of 32769 bytes", "invalid_input", lambda: client.servers.create(
    name="x", server_type=ServerType(name="cx23"), image=Image(name="debian-13"), location=Location(name="hel1"), user_data="x" * 32769))

created = client.servers.create(
    name="server", server_type=ServerType(name="cx23"), image=Image(name="debian-13"), location=Location(name="hel1"),
    firewalls=[firewall], placement_group=PlacementGroup(id=group.id), start_after_create=False, labels={"k": "v"},
    public_net=ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=True, ipv6=address))
created.action.wait_until_finished()
for action in created.next_actions:
    action.wait_until_finished()
server = client.servers.get_by_id(created.server.id)
check("created switched off", server.status == "off")
check("it has its Primary IP", server.public_net.primary_ipv6.id == address.id and server.public_net.ipv4 is None)
server.power_on().wait_until_finished()
server.reload()
check("switched on", server.status == "running")
server.attach_to_network(network).wait_until_finished()
server.reload()
check("in the network", len(server.private_net) == 1)
refused("an assigned Primary IP stays", "must_be_unassigned", lambda: client.primary_ips.delete(address))
for action in firewall.set_rules([FirewallRule(direction="in", protocol="icmp", source_ips=["::/0"])]):
    action.wait_until_finished()
check("rules replaced", [r.protocol for r in client.firewalls.get_by_id(firewall.id).rules] == ["icmp"])
image = server.create_image(description="d", labels={"k": "v"})
image.action.wait_until_finished()
check("a snapshot", client.images.get_all(type="snapshot", label_selector="k=v")[0].status == "available")
for i in range(60):
    client.ssh_keys.get_all(name=f"none-{i}")
many = [client.placement_groups.create(name=f"many-{i}", type="spread").placement_group for i in range(30)]
check("thirty-one groups over two pages", len(client.placement_groups.get_all()) == 31)
for g in many:
    client.placement_groups.delete(g)

client.servers.delete(server).wait_until_finished()
refused("a server that is gone", "not_found", lambda: client.servers.get_by_id(server.id))
client.images.delete(image.image)
client.networks.delete(network)
client.primary_ips.delete(address)
client.placement_groups.delete(group)
check("nothing is left", not client.servers.get_all() and not client.primary_ips.get_all())
print(f"{passed} passed, {failed} failed")
