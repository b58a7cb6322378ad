// talosctl v1.13.9 from modules of the Go module proxy. A module's own replace lines do not apply to who requires it: Talos' are repeated here.
module talosctl-build

go 1.26.6

require (
	github.com/siderolabs/talos v1.13.9
	github.com/siderolabs/talos/pkg/machinery v1.13.9
	go.etcd.io/etcd/etcdutl/v3 v3.6.14
)

replace (
	github.com/coredns/coredns => github.com/siderolabs/coredns v1.14.53
	github.com/mdlayher/ethtool => github.com/siderolabs/ethtool v0.4.0-sidero
	github.com/mdlayher/kobject => github.com/smira/kobject v0.0.0-20240304111826-49c8d4613389
	github.com/siderolabs/go-kubernetes => ./go-kubernetes
	golang.zx2c4.com/wireguard/wgctrl => github.com/siderolabs/wgctrl-go v0.0.0-20251029173431-c4fd5f6a4e72
)

exclude github.com/containerd/containerd v1.7.0
