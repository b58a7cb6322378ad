// What the real talosctl needs of github.com/siderolabs/go-kubernetes, which the module proxy has not got: a client, and names that exist so that
// upgrade-k8s compiles and says that it is missing. Every other command is Talos' own code.
module github.com/siderolabs/go-kubernetes

go 1.26.0

require (
	github.com/cosi-project/runtime v1.14.1
	k8s.io/apimachinery v0.36.3
	k8s.io/client-go v0.36.3
)
