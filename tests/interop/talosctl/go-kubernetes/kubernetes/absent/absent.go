// Package absent has the one answer of everything that this stand-in does not do.
package absent

import "errors"

// Err is returned by every function that only upgrade-k8s calls.
var Err = errors.New("this talosctl was built without go-kubernetes: upgrade-k8s is not in it")
