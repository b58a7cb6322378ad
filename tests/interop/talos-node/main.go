// A Talos node made of Talos' own generated services, its loader and its roles, for our client to be judged against. It reads one request a line as
// JSON from standard input and answers each with one line.
//
//	{"op": "start", "node": "a", "listen": "[::1]:0", "mode": "secure" | "maintenance" | "machine", …}   see struct options; answers with the address
//	{"op": "stop", "node": "a"}
//	{"op": "fault", "node": "a", "fault": {…}}      see struct fault; none takes all back
//	{"op": "stage", "node": "a", "stage": "running", "ready": true, "unmet": ["nodeReady", "not yet"]}
//	{"op": "records", "node": "a"}                  the calls since the last such question
//	{"op": "identity", "kind": "good" | "expired" | "not-yet" | "other-ca" | "not-client", "roles": ["os:admin"]}   a client's CA, certificate and key
//	{"op": "payload", "message": "VersionResponse"} the bytes of an answer, for a script
//
// Mode "machine" is a whole life: maintenance until a config is applied that Talos' loader and validator take, then secure with the CA of that
// config, booting, one bootstrap, running.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

type request struct {
	Op, Node, Kind, Message, Stage string
	Ready                          bool
	Unmet                          []string
	Roles                          []string
	Fault                          *fault
	options
}

type house struct {
	ca    *authority
	other *authority
	mu    sync.Mutex
	nodes map[string]*node
}

func (h *house) find(name string) (*node, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[name]
	if n == nil {
		return nil, fmt.Errorf("there is no node %q", name)
	}
	return n, nil
}

func (h *house) start(r *request) (any, error) {
	n, err := newNode(h, r.Node, r.options)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.nodes[r.Node] = n
	h.mu.Unlock()
	return n.address(), nil
}

func (h *house) answer(r *request) (any, error) {
	switch r.Op {
	case "start":
		return h.start(r)
	case "identity":
		return h.identity(r.Kind, r.Roles)
	case "payload":
		return payload(r.Message)
	}
	n, err := h.find(r.Node)
	if err != nil {
		return nil, err
	}
	switch r.Op {
	case "stop":
		n.stop()
		return nil, nil
	case "fault":
		n.faults.set(r.Fault)
		return nil, nil
	case "stage":
		return nil, n.setStage(r.Stage, r.Ready, r.Unmet)
	case "records":
		return n.takeRecords(), nil
	}
	return nil, errors.New("there is no op " + r.Op)
}

func main() {
	h := &house{nodes: map[string]*node{}}
	for _, ca := range []**authority{&h.ca, &h.other} {
		made, err := newAuthority()
		if err != nil {
			panic(err)
		}
		*ca = made
	}
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	in.Buffer(nil, 256<<20)
	for in.Scan() {
		var r request
		reply := map[string]any{"ok": true}
		err := json.Unmarshal(in.Bytes(), &r)
		if err == nil {
			reply["result"], err = h.answer(&r)
		}
		if err != nil {
			reply = map[string]any{"ok": false, "error": err.Error()}
		}
		out.Encode(reply)
	}
}
